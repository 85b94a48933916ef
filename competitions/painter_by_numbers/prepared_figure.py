"""``prepared.png``: how many paintings each artist has in each part, and some of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.data.pictures import Pictures
from common.data.tfrecords import Records
from common.files.classes import PictureClass
from common.metrics import figures
from competitions.painter_by_numbers.data import load_from

NAME = "prepared.png"
_ROWS, _COLUMNS = 6, 8  # artists and paintings of each
_PARTS = (
    ("train", figures.BLUE),
    ("validation, seen", figures.ORANGE),
    ("validation, unseen", figures.GREY),
)


def draw_prepared(folder: Path, artists: Sequence[PictureClass]) -> None:
    """Draw what ``prepare`` left in ``folder`` into it."""
    train, validation, _ = load_from(folder)
    plt = figures.pyplot()
    shown = _shown(artists)
    height = 3.6 + 1.3 * len(shown)
    figure = plt.figure(figsize=(12, height), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(3.6, 1.3 * len(shown)))
    _draw_counts(upper.subplots(), artists, train, validation)
    _draw_paintings(lower, shown, train, validation)
    figure.savefig(folder / NAME, dpi=90)
    plt.close(figure)


def _shown(artists: Sequence[PictureClass]) -> list[PictureClass]:
    """Seen artists and, in the last two rows, unseen ones: the first, and others evenly after."""
    seen = [artist for artist in artists if artist.seen]
    unseen = [artist for artist in artists if not artist.seen]
    return [*_spread(seen, _ROWS - 2), *_spread(unseen, 2)]


def _spread(artists: list[PictureClass], count: int) -> list[PictureClass]:
    count = min(count, len(artists))
    return [artists[len(artists) * n // count] for n in range(count)]


def _draw_counts(
    axis: Any, artists: Sequence[PictureClass], train: Records, validation: Records
) -> None:
    """Paintings by artist, stacked, in the order of their numbers."""
    counts = [
        np.bincount(part.labels, minlength=len(artists))  # type: ignore[arg-type]
        for part in (train, validation)
    ]
    seen = np.array([artist.seen for artist in artists])
    stacks = (counts[0], counts[1] * seen, counts[1] * ~seen)
    below = np.zeros(len(artists), np.int64)
    edges = np.arange(len(artists) + 1) - 0.5
    for (label, colour), stack in zip(_PARTS, stacks, strict=True):
        told = f"{label}: {stack.sum():,} of {np.count_nonzero(stack):,} artists"
        axis.stairs(below + stack, edges, baseline=below, fill=True, color=colour, label=told)
        below = below + stack
    axis.set(xlim=(edges[0], edges[-1]), xlabel="artist's number", ylabel="paintings")
    axis.set_title("Paintings of each artist")
    axis.set_ylim(0, 1.25 * below.max())
    axis.legend(frameon=False, ncols=3, loc="upper right", fontsize=9)
    figures.tidy(axis)


def _draw_paintings(
    figure: Any, artists: Sequence[PictureClass], train: Records, validation: Records
) -> None:
    axes = figure.subplots(len(artists), _COLUMNS, squeeze=False)
    for row, artist in zip(axes, artists, strict=True):
        part = train if artist.seen else validation
        rows = np.flatnonzero(part.labels == artist.number)[:_COLUMNS]
        few = part.take(rows)
        pictures = Pictures(few, 96)
        for axis in row:
            axis.axis("off")
        for number, axis in zip(range(len(few)), row, strict=False):
            axis.imshow(pictures[number])
        where = "train" if artist.seen else "unseen"
        row[0].set_title(f"{artist.number}  {artist.name[:12]}  ({where})", fontsize=8, loc="left")
