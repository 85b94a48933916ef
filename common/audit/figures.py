"""The figure of an audit: how many pictures each class has, and pictures that come twice."""

from pathlib import Path
from typing import Any

import numpy as np

from common.audit.findings import Audit, chosen
from common.audit.records import read_picture
from common.metrics import figures

_COLUMNS = 4  # pairs side by side
_RED = "#c0392b"


def draw_audit(path: Path, audit: Audit) -> None:
    """Write the figure, a PNG."""
    plt = figures.pyplot()
    pairs = chosen(audit)
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


def _draw_classes(axis: Any, audit: Audit) -> None:
    """A bar for each class and labelled split, the most frequent classes first."""
    names = np.asarray(audit.names)
    whole = sum(audit.classes.values(), start=np.zeros(len(names), dtype=np.int64))
    order = np.argsort(-whole, kind="stable")
    order = order[: int((whole > 0).sum())]
    width = 0.8 / max(1, len(audit.classes))
    for number, (split, counted) in enumerate(audit.classes.items()):
        places = np.arange(len(order)) + (number - (len(audit.classes) - 1) / 2) * width
        colour = (figures.BLUE, figures.ORANGE, figures.GREY)[number % 3]
        axis.bar(places, counted[order], width, color=colour, label=split)
    size = 8 if len(order) < 60 else 6
    axis.set_xticks(range(len(order)), names[order], rotation=90, fontsize=size)
    axis.set_xlim(-0.7, max(len(order), 1) - 0.3)
    figures.tidy(axis)
    axis.grid(visible=False, axis="x")
    counts = ", ".join(f"{count:,} of {split}" for split, count in audit.sizes.items())
    empty = len(names) - len(order)
    lacking = f"; {empty} of {len(names)} classes without any" if empty else ""
    axis.set_title(f"Pictures of each class ({counts}{lacking})")
    if audit.classes:
        axis.legend(frameon=False, ncols=len(audit.classes), loc="upper right")
        axis.set_ylim(0, 1.15 * max(1, *(counted.max() for counted in audit.classes.values())))


def _draw_pair(cell: Any, audit: Audit, pair: Any) -> None:
    """Two pictures in a frame of their own, red where the labels differ."""
    conflict = audit.is_conflict(pair)
    how = pair.kind if pair.kind == "exact" else f"{pair.kind}, {pair.agreement:.3f}"
    label = f"{how}: two labels" if conflict else how
    cell.supxlabel(label, fontsize=8, color=_RED if conflict else "black")
    for axis, picture in zip(cell.subplots(1, 2), audit.ends(pair), strict=True):
        axis.imshow(read_picture(picture))
        title = f"{picture.split} {picture.id}\n{audit.label(picture) or 'no label'}"
        axis.set_title(title, fontsize=7)
        axis.axis("off")
