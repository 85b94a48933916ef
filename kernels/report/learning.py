"""Learning curves and schedules: a row of small charts a member, all to the same scales."""

from collections.abc import Sequence

from markupsafe import Markup

from kernels.report.charts import Axes, Line, bounds, line_chart
from kernels.report.facts import Facts, Left, Row
from kernels.report.markup import Cell, details, join, legend, number, section, table, tag

PANELS = (
    ("loss", "Loss", ("loss", "val_loss")),
    ("accuracy", "Accuracy", ("accuracy", "val_accuracy")),
    ("rate", "Learning rate", ("learning_rate",)),
)
COLOURS = {"loss": "one", "accuracy": "one", "val_loss": "two", "val_accuracy": "two"}


def learning_section(facts: Facts) -> Markup:
    """The curves of every member that left a history."""
    taught = [left for left in facts.trained if left.history]
    if not taught:
        return section("learning", "Learning curves", tag("p", "The kernels left no history."))
    words = [("one", "training"), ("two", "validation")]
    if any(row["stage"] == "refit" for left in taught for row in left.history):
        words.append(("rest", "refit on train and validation, for the test predictions"))
    scales = {name: _scale(taught, columns) for name, _, columns in PANELS}
    epochs = [row["epoch"] for left in taught for row in left.history if "epoch" in row]
    ends = (min(epochs, default=1.0) - 0.5, max(epochs, default=1.0) + 0.5)
    charts = [_model(kernels, scales, ends) for kernels in facts.models.values()]
    return section("learning", "Learning curves", legend(words), *charts)


def _model(
    kernels: Sequence[Left], scales: dict[str, tuple[float, float]], ends: tuple[float, float]
) -> Markup:
    """The charts of a model; of one with folds those of the first, the others to be opened."""
    charts = [_member(left, scales, ends) for left in kernels if left.history]
    if len(charts) < 2:
        return join(charts)
    return join((charts[0], details(f"The other {len(charts) - 1} folds", *charts[1:])))


def _scale(taught: Sequence[Left], columns: Sequence[str]) -> tuple[float, float]:
    values = [row[c] for left in taught for row in left.history for c in columns if c in row]
    low, high = bounds(values or [0.0, 1.0])
    if "accuracy" in columns:
        return (max(0.0, low) if low > 0.5 else 0.0), 1.0
    return min(0.0, min(values or [0.0])), high


def _member(
    left: Left, scales: dict[str, tuple[float, float]], ends: tuple[float, float]
) -> Markup:
    charts = []
    for name, title, columns in PANELS:
        lines = [line for column in columns for line in _lines(left.history, column)]
        axes = Axes(ends, scales[name], left=50)
        alternative = f"{title} of {left.name} by epoch. {_in_words(lines)}"
        chart = line_chart(alternative, axes, lines, "epoch", whole=True)
        charts.append(tag("figure", tag("figcaption", title), chart))
    return join(
        (
            tag("h3", left.name),
            tag("div", *charts, class_="panels"),
            details(f"The epochs of {left.name} in numbers", _numbers(left)),
        )
    )


def _lines(history: Sequence[Row], column: str) -> list[Line]:
    found = []
    stages = dict.fromkeys(row["stage"] for row in history)
    for stage in reversed(stages):  # what matters most is drawn on top
        rows = [row for row in history if row["stage"] == stage]
        points = [(row["epoch"], row[column]) for row in rows if "epoch" in row and column in row]
        colour = "rest dashed" if stage == "refit" else COLOURS.get(column, "one")
        what = column.replace("val_", "validation ").replace("_", " ")
        if points:
            found.append(Line(points, colour, f"{stage}, {what}"))
    return found


def _in_words(lines: Sequence[Line]) -> str:
    return " ".join(
        f"{line.label}: from {line.points[0][1]:.4g} to {line.points[-1][1]:.4g}." for line in lines
    )


def _numbers(left: Left) -> Markup:
    columns = list(dict.fromkeys(key for row in left.history for key in row if key != "stage"))
    heads = ["stage", *(column.replace("_", " ") for column in columns)]
    rows = (
        [Cell(row["stage"]), *(_cell(row, column) for column in columns)] for row in left.history
    )
    return table(f"Epochs of {left.name}", heads, rows)


def _cell(row: Row, column: str) -> Cell:
    value = row.get(column, float("nan"))
    return number(value, 0 if column == "epoch" else 6 if column == "learning_rate" else 4)
