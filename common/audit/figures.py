"""The figure of an audit: how many pictures each class has, and pictures that stand twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.metrics import figures

_COLUMNS = 4  # pairs side by side
_RED = "#c0392b"


@dataclass(frozen=True)
class Shown:
    """Two pictures ``(height, width, 3)`` uint8 that are one, and what to write over them.

    ``how`` they are the same stands below them; ``conflict`` marks a pair with two labels.
    """

    first: np.ndarray
    second: np.ndarray
    first_title: str
    second_title: str
    how: str
    conflict: bool


def draw_audit(
    path: Path,
    classes: Sequence[str],
    pictures: Mapping[str, int],
    counts: Mapping[str, np.ndarray],
    pairs: Sequence[Shown],
) -> None:
    """Write the figure.

    Args:
        path: of the PNG.
        classes: their names.
        pictures: split → how many it has.
        counts: labelled split → pictures of each class, ``(classes,)``.
        pairs: to show below.
    """
    plt = figures.pyplot()
    rows = -(-len(pairs) // _COLUMNS)
    height = 4.2 + 2.5 * rows
    figure = plt.figure(figsize=(15, height), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(4.2, max(2.5 * rows, 0.01)))
    _draw_classes(upper.subplots(), classes, pictures, counts)
    if pairs:
        _draw_pairs(lower, pairs, rows)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _draw_classes(
    axis: Any,
    classes: Sequence[str],
    pictures: Mapping[str, int],
    counts: Mapping[str, np.ndarray],
) -> None:
    """A bar for each class and labelled split, the most frequent classes first."""
    whole = sum(counts.values(), start=np.zeros(len(classes), dtype=np.int64))
    order = np.argsort(-whole, kind="stable")
    order = order[: int((whole > 0).sum())]
    width = 0.8 / max(1, len(counts))
    for number, (split, counted) in enumerate(counts.items()):
        places = np.arange(len(order)) + (number - (len(counts) - 1) / 2) * width
        colour = (figures.BLUE, figures.ORANGE, figures.GREY)[number % 3]
        axis.bar(places, counted[order], width, color=colour, label=split)
    names = [classes[number] for number in order]
    axis.set_xticks(range(len(order)), names, rotation=90, fontsize=8 if len(order) < 60 else 6)
    axis.set_xlim(-0.7, max(len(order), 1) - 0.3)
    figures.tidy(axis)
    axis.grid(visible=False, axis="x")
    told = ", ".join(f"{count:,} of {split}" for split, count in pictures.items())
    empty = len(classes) - len(order)
    lacking = f"; {empty} of {len(classes)} classes without any" if empty else ""
    axis.set_title(f"Pictures of each class ({told}{lacking})")
    if counts:
        axis.legend(frameon=False, ncols=len(counts), loc="upper right")
        axis.set_ylim(0, 1.15 * max(1, max(counted.max() for counted in counts.values())))


def _draw_pairs(figure: Any, pairs: Sequence[Shown], rows: int) -> None:
    """Each pair side by side in a frame of its own, red where the labels differ."""
    figure.suptitle("The same picture twice: the least alike of each two splits", fontsize=12)
    cells = figure.subfigures(rows, _COLUMNS, squeeze=False).flat
    for cell, pair in zip(cells, pairs, strict=False):
        how = f"{pair.how}: two labels" if pair.conflict else pair.how
        cell.supxlabel(how, fontsize=8, color=_RED if pair.conflict else "black")
        for axis, picture, title in zip(
            cell.subplots(1, 2),
            (pair.first, pair.second),
            (pair.first_title, pair.second_title),
            strict=True,
        ):
            axis.imshow(picture)
            axis.set_title(title, fontsize=7)
            axis.axis("off")
