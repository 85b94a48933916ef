"""Learning curves and schedules: a row of small charts a model.

Several kernels of one model or script share a row, a thin line each; their own rows are there to
be opened. All have the same scales but for the epochs, which are each model's own; where pairs are
scored, whose losses are of different kinds, loss and learning rate have each model's own.
"""

from collections.abc import Sequence
from typing import Any

from kernels.report.charts import Chart, Points, bounds, line_chart
from kernels.report.facts import Facts
from kernels.report.render import Key, Section
from kernels.results.output import KernelOutput, Row

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
Kernels = Sequence[KernelOutput]


def learning_section(facts: Facts) -> Section:
    """The curves of every kernel that wrote a history."""
    trained = [kernel for kernel in facts.trained if kernel.history]
    rows = [row for kernel in trained for row in kernel.history]
    keys = [Key("one", "training"), Key("two", "validation")]
    if any(row["stage"] == "refit" for row in rows):
        keys.append(Key("rest", "refit on train and validation, for the test predictions"))
    if any("val_auc_seen" in row for row in rows):
        many = facts.task.many
        keys.append(Key("three", f"validation, seen {many}"))
        keys.append(Key("four", f"validation, unseen {many}"))
    own = OWN if facts.pairs else ()
    models: list[dict[str, Any]] = []
    for model, kernels in {**facts.models, **facts.others}.items():
        alike = [kernel for kernel in kernels if kernel.history]
        each = [_kernel(kernel, trained, own) for kernel in alike]
        if len(alike) > 1:
            kind = alike[0].kind or "kernel"
            together = _charts(f"{len(alike)} kernels of {model}", alike, trained, own)
            models.append({"name": model, "kind": kind, "together": together, "each": each})
        elif each:
            models.append({**each[0], "together": None})
    return Section("learning", "learning", "Learning curves", {"legend": keys, "models": models})


def _kernel(kernel: KernelOutput, trained: Kernels, own: Sequence[str]) -> dict[str, Any]:
    """The charts of one kernel, and its epochs in numbers."""
    columns = dict.fromkeys(key for row in kernel.history for key in row if key != "stage")
    charts = _charts(kernel.name, [kernel], trained, own)
    return {"name": kernel.name, "charts": charts, "columns": list(columns), "rows": kernel.history}


def _charts(
    name: str, alike: Kernels, trained: Kernels, own: Sequence[str]
) -> list[dict[str, Any]]:
    """The panels that some of the kernels have a curve for; of several, thin lines in one."""
    several = len(alike) > 1
    found = {column for kernel in alike for row in kernel.history for column in row}
    panels = [panel for panel in PANELS if found & set(panel[2])]
    epochs = [row["epoch"] for k in alike for row in k.history if "epoch" in row] or [1.0]
    charts = []
    for panel, title, columns in panels:
        if several and panel == "auc":
            title, columns = f"{title}, all pairs", ("val_auc",)
        lines = [
            line
            for column in columns
            for kernel in alike
            for line in _lines(kernel, column, several)
        ]
        words = " ".join(
            f"{label}: from {points[0][1]:.4g} to {points[-1][1]:.4g}."
            for _, label, points in lines
        )
        chart = Chart(
            f"{title} of {name} by epoch. {words}",
            (min(epochs) - 0.5, max(epochs) + 0.5),
            _scale(alike if panel in own else trained, columns),
            "epoch",
            whole=True,
            width=320 if len(panels) < 4 else 260,
            left=50,
        )
        charts.append({"title": title, "chart": line_chart(chart, lines, dots=not several)})
    return charts


def _lines(kernel: KernelOutput, column: str, several: bool) -> list[tuple[str, str, Points]]:
    """The lines of a column, one a stage; what matters most comes last, and is drawn on top."""
    found: list[tuple[str, str, Points]] = []
    for stage in reversed(dict.fromkeys(row["stage"] for row in kernel.history)):
        points = [
            (row["epoch"], row[column])
            for row in kernel.history
            if row["stage"] == stage and "epoch" in row and column in row
        ]
        look = "rest dashed" if stage == "refit" else COLOURS.get(column, "one")
        what = column.replace("val_", "validation ").replace("auc", "AUC").replace("_", " ")
        label = f"{kernel.name}, {stage}, {what}" if several else f"{stage}, {what}"
        found += [(look, label, points)] if points else []
    return found


def _scale(kernels: Kernels, columns: Sequence[str]) -> tuple[float, float]:
    rows: list[Row] = [row for kernel in kernels for row in kernel.history]
    values = [row[column] for row in rows for column in columns if column in row] or [0.0, 1.0]
    low, high = bounds(values)
    if "accuracy" in columns:
        return (max(0.0, low) if low > 0.5 else 0.0), 1.0
    if "val_auc" in columns:
        return max(0.0, low), min(1.0, high)
    return min(0.0, *values), high
