"""F1 of each class or label: a bar for the blend, dots for its members, and a table."""

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from kernels.report.analysis import ClassScore
from kernels.report.charts import Axes, bar, dot, drawing, grid
from kernels.report.markup import Cell, count, number, table, tag

NAMED = 22  # classes at most that have their names in the figure
COLOURS = ("two", "three", "four", "five")
Members = Mapping[str, np.ndarray]  # by name, the F1 of each class


def class_chart(names: Sequence[str], scores: Sequence[ClassScore], members: Members) -> Markup:
    """A bar for each of ``scores``, in their order."""
    frame, axes = _frame(names, scores)
    pieces = [frame]
    for place, score in enumerate(scores):
        name = names[score.number]
        words = f"{name}: {score.f1:.4f} of {score.pictures} pictures"
        ends = (place - 0.38, place + 0.38)
        pieces.append(bar(axes, ends, (0.0, score.f1), "one pale" if members else "one", words))
        own = {who: float(found[score.number]) for who, found in members.items()}
        pieces += _dots(axes, place, name, own, COLOURS)
    lowest = ", ".join(f"{names[s.number]} {s.f1:.2f}" for s in scores[:5])
    label = f"F1 of {len(scores)} classes, sorted. The lowest: {lowest}"
    return drawing(label, axes.width, axes.height, *pieces)


def dot_chart(
    names: Sequence[str],
    scores: Sequence[ClassScore],
    values: Mapping[str, Sequence[float]],
    colours: Sequence[str],
) -> Markup:
    """A dot for each of ``values``, by what they are, each a number from 0 to 1 a score."""
    frame, axes = _frame(names, scores)
    pieces = [frame]
    for place, score in enumerate(scores):
        own = {what: found[place] for what, found in values.items()}
        pieces += _dots(axes, place, names[score.number], own, colours)
    label = f"{', '.join(values)} of {len(scores)} labels, in the same order"
    return drawing(label, axes.width, axes.height, *pieces)


def _frame(names: Sequence[str], scores: Sequence[ClassScore]) -> tuple[Markup, Axes]:
    """The grid, with the names below where they are few."""
    named = len(scores) <= NAMED
    width = min(1060.0, 80 + (46 if named else 20) * len(scores))
    height, bottom = (290.0, 90.0) if named else (220.0, 12.0)
    axes = Axes((-0.5, len(scores) - 0.5), (0.0, 1.0), width, height, bottom=bottom)
    words = [
        _slanted(names[score.number], axes.across(place) + 4, height - bottom + 14)
        for place, score in enumerate(scores)
        if named
    ]
    return tag("g", grid(axes, ""), *words), axes


def _dots(
    axes: Axes, place: int, name: str, values: Mapping[str, float], colours: Sequence[str]
) -> list[Markup]:
    return [
        dot(axes, place, value, colour, f"{name}, {what}: {value:.4f}", 3.2)
        for colour, (what, value) in zip(colours, values.items(), strict=False)
        if np.isfinite(value)
    ]


def _slanted(name: str, x: float, y: float) -> Markup:
    short = name if len(name) <= 20 else f"{name[:19]}…"
    turned = f"translate({x:.1f} {y:.1f}) rotate(-40)"
    return tag("text", short, transform=turned, text_anchor="end", class_="tick")


def class_table(
    names: Sequence[str],
    scores: Sequence[ClassScore],
    members: Members,
    thresholds: np.ndarray | None = None,
    what: str = "class",
) -> Markup:
    """A row a class; ``thresholds`` ``(classes,)`` where a label has one."""
    heads = [what, "number", "F1", "precision", "recall", "pictures"]
    heads += [*([] if thresholds is None else ["threshold"]), *members]
    rows = (
        [
            Cell(names[score.number]),
            count(score.number),
            number(score.f1, 4, bar=True),
            number(score.precision),
            number(score.recall),
            count(score.pictures),
            *([] if thresholds is None else [number(float(thresholds[score.number]), 2)]),
            *(number(float(own[score.number])) for own in members.values()),
        ]
        for score in scores
    )
    return table(f"F1 of each {what} on validation", heads, rows, tall=True)
