"""Learning curves and schedules: a row of small charts a model.

Several kernels of one model or script share a row, a thin line each; their own rows are there to
be opened. All have the same scales but for the epochs, which are each model's own; where pairs are
scored, whose losses are of different kinds, loss and learning rate have each model's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from kernels.report.charts import Axes, Line, bounds, line_chart
from kernels.report.facts import Facts, Left, kind_of
from kernels.report.files import Row
from kernels.report.markup import Cell, details, join, legend, number, section, table, tag

PANELS = (
    ("loss", "Loss", ("loss", "val_loss")),
    ("accuracy", "Accuracy", ("accuracy", "val_accuracy")),
    ("mae", "Mean absolute error, share of the range", ("mae", "val_mae")),
    ("auc", "Validation ROC AUC", ("val_auc_unseen", "val_auc_seen", "val_auc")),
    ("rate", "Learning rate", ("learning_rate",)),
)
COLOURS = {"val_loss": "two", "val_accuracy": "two", "val_mae": "two"}
COLOURS |= {"val_auc": "two", "val_auc_seen": "three", "val_auc_unseen": "four"}
OWN = ("loss", "rate")
ALL_PAIRS = ("val_auc", "val_auc_seen", "val_auc_unseen")  # of which the first stands for them


@dataclass(frozen=True)
class Frame:
    """What the charts have in common.

    Attributes:
        taught: the kernels that left a history.
        own: the panels whose scale is each kernel's own.
    """

    taught: tuple[Left, ...]
    own: tuple[str, ...]

    def axes(self, alike: Sequence[Left], panel: str, columns: Sequence[str], few: bool) -> Axes:
        """Those of a panel of kernels alike: from their first epoch to their last, with room."""
        epochs = [row["epoch"] for left in alike for row in left.history if "epoch" in row]
        ends = min(epochs, default=1.0) - 0.5, max(epochs, default=1.0) + 0.5
        scale = _scale(alike if panel in self.own else self.taught, columns)
        return Axes(ends, scale, width=320 if few else 260, left=50)


def learning_section(facts: Facts) -> Markup:
    """The curves of every member that left a history."""
    taught = [left for left in facts.trained if left.history]
    if not taught:
        return section("learning", "Learning curves", tag("p", "The kernels left no history."))
    words = [("one", "training"), ("two", "validation")]
    if any(row["stage"] == "refit" for left in taught for row in left.history):
        words.append(("rest", "refit on train and validation, for the test predictions"))
    if any("val_auc_seen" in row for left in taught for row in left.history):
        many = facts.task.many
        words += [("three", f"validation, seen {many}"), ("four", f"validation, unseen {many}")]
    frame = Frame(tuple(taught), OWN if facts.pairs else ())
    models = {**facts.models, **facts.others}
    charts = [_model(model, kernels, frame) for model, kernels in models.items()]
    return section("learning", "Learning curves", legend(words), *charts)


def _panels(taught: Sequence[Left]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Those that some of the kernels has a curve for."""
    found = {column for left in taught for row in left.history for column in row}
    return [panel for panel in PANELS if found & set(panel[2])]


def _model(model: str, kernels: Sequence[Left], frame: Frame) -> Markup:
    """The charts of a kernel; or of several alike together, and those of each to be opened."""
    taught = [left for left in kernels if left.history]
    if len(taught) < 2:
        return join(_member(left, frame) for left in taught)
    kind = kind_of(taught[0].name) or "kernel"
    summary = f"Each of the {len(taught)} {kind}s of {model} by itself"
    each = details(summary, *(_member(left, frame) for left in taught))
    return join(
        (tag("h3", f"{model}, {len(taught)} {kind}s"), _together(model, taught, frame), each)
    )


def _together(model: str, alike: Sequence[Left], frame: Frame) -> Markup:
    """The lines of all in one row of panels; of the AUC those of all pairs alone."""
    charts, panels = [], _panels(alike)
    for name, title, columns in panels:
        shown = [column for column in columns if column not in ALL_PAIRS[1:]]
        lines = [
            replace(line, label=f"{left.name}, {line.label}", thin=True)
            for column in shown
            for left in alike
            for line in _lines(left.history, column)
        ]
        title = f"{title}, all pairs" if name == "auc" else title
        alternative = f"{title} of {len(alike)} kernels of {model} by epoch. {_in_words(lines)}"
        axes = frame.axes(alike, name, shown, len(panels) < 4)
        charts.append(_chart(title, alternative, axes, lines))
    return tag("div", *charts, class_="panels four" if len(panels) > 3 else "panels")


def _chart(title: str, alternative: str, axes: Axes, lines: Sequence[Line]) -> Markup:
    chart = line_chart(alternative, axes, lines, "epoch", whole=True)
    return tag("figure", tag("figcaption", title), chart)


def _scale(taught: Sequence[Left], columns: Sequence[str]) -> tuple[float, float]:
    values = [row[c] for left in taught for row in left.history for c in columns if c in row]
    low, high = bounds(values or [0.0, 1.0])
    if "accuracy" in columns:
        return (max(0.0, low) if low > 0.5 else 0.0), 1.0
    if "val_auc" in columns:
        return max(0.0, low), min(1.0, high)
    return min(0.0, min(values or [0.0])), high


def _member(left: Left, frame: Frame) -> Markup:
    charts, panels = [], _panels([left])
    four = len(panels) > 3
    for name, title, columns in panels:
        lines = [line for column in columns for line in _lines(left.history, column)]
        alternative = f"{title} of {left.name} by epoch. {_in_words(lines)}"
        axes = frame.axes((left,), name, columns, not four)
        charts.append(_chart(title, alternative, axes, lines))
    return join(
        (
            tag("h3", left.name),
            tag("div", *charts, class_="panels four" if four else "panels"),
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
        what = column.replace("val_", "validation ").replace("auc", "AUC").replace("_", " ")
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
