"""Learning curves and schedules: a row of small charts a member.

All have the same scales; where pairs are scored, whose losses are of different kinds, loss and
learning rate have each member's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from kernels.report.charts import Axes, Line, bounds, line_chart
from kernels.report.facts import Facts, Left
from kernels.report.files import Row
from kernels.report.markup import Cell, details, join, legend, number, section, table, tag

PANELS = (
    ("loss", "Loss", ("loss", "val_loss")),
    ("accuracy", "Accuracy", ("accuracy", "val_accuracy")),
    ("auc", "Validation ROC AUC", ("val_auc_unseen", "val_auc_seen", "val_auc")),
    ("rate", "Learning rate", ("learning_rate",)),
)
COLOURS = {"val_loss": "two", "val_accuracy": "two"}
COLOURS |= {"val_auc": "two", "val_auc_seen": "three", "val_auc_unseen": "four"}
OWN = ("loss", "rate")
MANY = 2  # kernels for others alone, beyond which they are folded together


@dataclass(frozen=True)
class Frame:
    """What the charts have in common.

    Attributes:
        taught: the kernels that left a history.
        own: the panels whose scale is each kernel's own.
    """

    taught: tuple[Left, ...]
    own: tuple[str, ...]

    @property
    def ends(self) -> tuple[float, float]:
        """From the first epoch to the last, with some room."""
        epochs = [row["epoch"] for left in self.taught for row in left.history if "epoch" in row]
        return min(epochs, default=1.0) - 0.5, max(epochs, default=1.0) + 0.5

    def scale(self, left: Left, panel: str, columns: Sequence[str]) -> tuple[float, float]:
        """The lowest and highest value of a kernel's panel."""
        return _scale((left,) if panel in self.own else self.taught, columns)


def learning_section(facts: Facts) -> Markup:
    """The curves of every member that left a history."""
    taught = [left for left in facts.trained if left.history]
    if not taught:
        return section("learning", "Learning curves", tag("p", "The kernels left no history."))
    words = [("one", "training"), ("two", "validation")]
    if any(row["stage"] == "refit" for left in taught for row in left.history):
        words.append(("rest", "refit on train and validation, for the test predictions"))
    if any("val_auc_seen" in row for left in taught for row in left.history):
        many = facts.competition.called[1]
        words += [("three", f"validation, seen {many}"), ("four", f"validation, unseen {many}")]
    frame = Frame(tuple(taught), OWN if facts.pairs else ())
    charts = [_model(kernels, frame) for kernels in facts.models.values()]
    charts += [_parts(script, kernels, frame) for script, kernels in facts.others.items()]
    return section("learning", "Learning curves", legend(words), *charts)


def _panels(taught: Sequence[Left]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Those that some of the kernels has a curve for."""
    found = {column for left in taught for row in left.history for column in row}
    return [panel for panel in PANELS if found & set(panel[2])]


def _parts(script: str, kernels: Sequence[Left], frame: Frame) -> Markup:
    """The charts of kernels that others read; many are there to be opened."""
    charts = [_member(left, frame) for left in kernels if left.history]
    if len(charts) <= MANY:
        return join(charts)
    summary = f"The {len(charts)} kernels of {script}, which others read"
    return join((tag("h3", script), details(summary, *charts)))


def _model(kernels: Sequence[Left], frame: Frame) -> Markup:
    """The charts of a model; of one with folds those of the first, the others to be opened."""
    charts = [_member(left, frame) for left in kernels if left.history]
    if len(charts) < 2:
        return join(charts)
    return join((charts[0], details(f"The other {len(charts) - 1} folds", *charts[1:])))


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
        scale = frame.scale(left, name, columns)
        axes = Axes(frame.ends, scale, width=260 if four else 320, left=50)
        alternative = f"{title} of {left.name} by epoch. {_in_words(lines)}"
        chart = line_chart(alternative, axes, lines, "epoch", whole=True)
        charts.append(tag("figure", tag("figcaption", title), chart))
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
