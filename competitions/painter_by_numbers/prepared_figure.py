"""``prepared.png``: how many paintings each artist has in each part, and some of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.data.pictures import Pictures
from common.files.classes import PictureClass
from common.metrics import figures
from competitions.painter_by_numbers.data import load_from

NAME = "prepared.png"
_ROWS, _COLUMNS = 6, 8  # artists and paintings of each


def draw_prepared(folder: Path, artists: Sequence[PictureClass]) -> None:
    """Draw what ``prepare`` wrote in ``folder`` into it."""
    train, validation, _ = load_from(folder)
    # Seen artists and, in the last two rows, unseen ones: the first, and others evenly after.
    shown = [
        *_spread([artist for artist in artists if artist.seen], _ROWS - 2),
        *_spread([artist for artist in artists if not artist.seen], 2),
    ]
    plt = figures.pyplot()
    height = 1.3 * len(shown)
    figure = plt.figure(figsize=(12, 3.6 + height), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(3.6, height))
    counts = [np.bincount(part.labels, minlength=len(artists)) for part in (train, validation)]  # type: ignore[arg-type]
    _draw_counts(upper.subplots(), counts, np.array([artist.seen for artist in artists]))
    axes = lower.subplots(len(shown), _COLUMNS, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for row, artist in zip(axes, shown, strict=True):
        part = train if artist.seen else validation
        pictures = Pictures(part.take(np.flatnonzero(part.labels == artist.number)[:_COLUMNS]), 96)
        for number, axis in zip(range(len(pictures)), row, strict=False):
            axis.imshow(pictures[number])
        where = "train" if artist.seen else "unseen"
        row[0].set_title(f"{artist.number}  {artist.name[:12]}  ({where})", fontsize=8, loc="left")
    figure.savefig(folder / NAME, dpi=90)
    plt.close(figure)


def _spread(artists: list[PictureClass], count: int) -> list[PictureClass]:
    count = min(count, len(artists))
    return [artists[len(artists) * n // count] for n in range(count)]


def _draw_counts(axis: Any, counts: Sequence[np.ndarray], seen: np.ndarray) -> None:
    """Paintings by artist of train and validation, stacked, in the order of their numbers."""
    train, validation = counts
    edges, below = np.arange(len(seen) + 1) - 0.5, np.zeros(len(seen), np.int64)
    for name, colour, stack in (
        ("train", figures.BLUE, train),
        ("validation, seen", figures.ORANGE, validation * seen),
        ("validation, unseen", figures.GREY, validation * ~seen),
    ):
        label = f"{name}: {stack.sum():,} of {np.count_nonzero(stack):,} artists"
        top = below + stack
        axis.stairs(top, edges, baseline=below, fill=True, color=colour, label=label)
        below = top
    axis.set(xlim=(edges[0], edges[-1]), xlabel="artist's number", ylabel="paintings")
    axis.set(title="Paintings of each artist", ylim=(0, 1.25 * below.max()))
    axis.legend(frameon=False, ncols=3, loc="upper right", fontsize=9)
    figures.tidy(axis)
