"""``prepared.png``: how many paintings each artist has in each part, and some of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.data.pictures import Pictures
from common.data.records import Records
from common.files.classes import PictureClass
from common.metrics import figures

_SIDE, _EACH = 96, 8  # pixels, and paintings of an artist


def draw_prepared(
    folder: Path, artists: Sequence[PictureClass], train: Records, validation: Records
) -> None:
    """Draw counts of all artists, and paintings of four seen and two unseen ones."""
    seen = np.array([artist.seen for artist in artists])
    shown = [
        rows[len(rows) * n // number]
        for rows, number in ((np.flatnonzero(seen), 4), (np.flatnonzero(~seen), 2))
        for n in range(min(number, len(rows)))
    ]
    gallery = np.full((len(shown), _SIDE, _EACH * _SIDE, 3), 255, np.uint8)
    for row, artist in zip(gallery, shown, strict=True):
        part = train if seen[artist] else validation
        found = Pictures(part.take(np.flatnonzero(part.labels == artist)[:_EACH]), _SIDE)
        for n in range(len(found)):
            row[:, n * _SIDE : (n + 1) * _SIDE] = found[n]
    heights = (3.6, 1.3 * len(shown))
    figure, (upper, lower) = figures.pyplot().subplots(
        2, 1, figsize=(12, sum(heights)), height_ratios=heights
    )
    in_train, in_validation = (
        np.bincount(np.asarray(part.labels), minlength=len(artists)) for part in (train, validation)
    )
    bottom = np.zeros(len(artists), np.int64)
    for name, colour, counts in (
        ("train", figures.BLUE, in_train),
        ("validation, seen", figures.ORANGE, in_validation * seen),
        ("validation, unseen", figures.GREY, in_validation * ~seen),
    ):
        label = f"{name}: {counts.sum():,} of {np.count_nonzero(counts):,} artists"
        upper.stairs(bottom + counts, baseline=bottom, fill=True, color=colour, label=label)
        bottom = bottom + counts
    upper.set(xlabel="artist's number", ylabel="paintings", title="Paintings of each artist")
    upper.set(xlim=(0, len(artists)), ylim=(0, 1.25 * bottom.max()))
    upper.legend(frameon=False, ncols=3, loc="upper right", fontsize=9)
    figures.tidy(upper)
    lower.imshow(np.concatenate(gallery))
    names = [f"{n}  {artists[n].name[:12]}\n{'train' if seen[n] else 'unseen'}" for n in shown]
    lower.set_yticks(_SIDE * (np.arange(len(shown)) + 0.5), names, fontsize=8)
    lower.set_xticks([])
    lower.set_frame_on(False)
    figures.save(figure, folder / "prepared.png")
