"""The figure of an audit: how many pictures each class has, and pictures that come twice."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from common.audit.findings import Audit
from common.audit.lookalikes import Pair
from common.audit.records import read_picture
from common.metrics import figures

_COLUMNS, _SHOWN = 4, 12  # pairs side by side, and in all
_RED = "#c0392b"


def draw_audit(path: Path, audit: Audit) -> None:
    """Write the figure, a PNG."""
    plt = figures.pyplot()
    pairs = _chosen(audit)
    rows = -(-len(pairs) // _COLUMNS)
    figure = plt.figure(figsize=(15, 4.2 + 2.5 * rows), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(4.2, max(2.5 * rows, 0.01)))
    _draw_classes(upper.subplots(), audit)
    if pairs:
        lower.suptitle("The same picture twice: the least alike of each two splits", fontsize=12)
        for cell, pair in zip(lower.subfigures(rows, _COLUMNS, squeeze=False).flat, pairs):  # noqa: B905 (cells may remain empty)
            _draw_pair(cell, audit, pair)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _chosen(audit: Audit) -> list[Pair]:
    """Pairs over which a person may differ: of every two splits in turn, the least alike first.

    Pairs with two labels come before others.
    """
    by_splits: dict[tuple[str, str], list[Pair]] = {}
    for pair in sorted(audit.pairs, key=lambda p: (not _is_conflict(audit, p), p.agreement)):
        one, two = audit.ends(pair)
        by_splits.setdefault((one.split, two.split), []).append(pair)
    crossing = sorted(by_splits, key=lambda key: (key[0] == key[1], key))
    turns = itertools.zip_longest(*(by_splits[key] for key in crossing))
    return [pair for turn in turns for pair in turn if pair is not None][:_SHOWN]


def _is_conflict(audit: Audit, pair: Pair) -> bool:
    """Whether both pictures have a label, and not the same."""
    one, two = (picture.label for picture in audit.ends(pair))
    return one is not None and two is not None and one != two


def _draw_classes(axis: Any, audit: Audit) -> None:
    """A bar for each class and labelled split, the most frequent classes first."""
    order = np.argsort(-audit.totals, kind="stable")[: np.count_nonzero(audit.totals)]
    width = 0.8 / max(1, len(audit.classes))
    for number, (split, counted) in enumerate(audit.classes.items()):
        places = np.arange(len(order)) + (number - (len(audit.classes) - 1) / 2) * width
        colour = (figures.BLUE, figures.ORANGE, figures.GREY)[number % 3]
        axis.bar(places, counted[order], width, color=colour, label=split)
    size = 8 if len(order) < 60 else 6
    axis.set_xticks(range(len(order)), np.asarray(audit.names)[order], rotation=90, fontsize=size)
    axis.set_xlim(-0.7, max(len(order), 1) - 0.3)
    figures.tidy(axis)
    axis.grid(visible=False, axis="x")
    counts = ", ".join(f"{count:,} of {split}" for split, count in audit.sizes.items())
    empty = len(audit.names) - len(order)
    lacking = f"; {empty} of {len(audit.names)} classes without any" if empty else ""
    axis.set_title(f"Pictures of each class ({counts}{lacking})")
    if audit.classes:
        axis.legend(frameon=False, ncols=len(audit.classes), loc="upper right")


def _draw_pair(cell: Any, audit: Audit, pair: Pair) -> None:
    """Two pictures in a frame of their own, red where the labels differ."""
    conflict = _is_conflict(audit, pair)
    how = pair.kind if pair.kind == "exact" else f"{pair.kind}, {pair.agreement:.3f}"
    label = f"{how}: two labels" if conflict else how
    cell.supxlabel(label, fontsize=8, color=_RED if conflict else "black")
    for axis, picture in zip(cell.subplots(1, 2), audit.ends(pair), strict=True):
        axis.imshow(read_picture(picture))
        title = f"{picture.split} {picture.id}\n{audit.label(picture) or 'no label'}"
        axis.set_title(title, fontsize=7)
        axis.axis("off")
