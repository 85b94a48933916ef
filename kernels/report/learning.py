"""Learning curves and schedules, a row of small charts a model; heads that are fitted at once.

Several kernels of one model or script share a row, a thin line each; their own rows are there to
be opened. All have the same scales but for the epochs, which are each model's own; where pairs are
scored, whose losses are of different kinds, loss and learning rate have each model's own.
"""

from collections.abc import Sequence
from typing import Any

from kernels.report.charts import Chart, Points, bounds
from kernels.report.facts import Facts
from kernels.report.render import Key, Section, Table, known
from kernels.results.output import KernelOutput

PANELS = {
    "Loss": ("loss", "val_loss"),
    "Accuracy": ("accuracy", "val_accuracy"),
    "Mean absolute error, share of the range": ("mae", "val_mae"),
    "Validation ROC AUC": ("val_auc_unseen", "val_auc_seen", "val_auc"),
    "One-shot accuracy": ("val_one_shot",),
    "Learning rate": ("learning_rate",),
}
COLOURS = {"val_loss": "two", "val_accuracy": "two", "val_mae": "two", "val_one_shot": "two"}
COLOURS |= {"val_auc": "two", "val_auc_seen": "three", "val_auc_unseen": "four"}
OWN = ("Loss", "Learning rate")
DIGITS = {"epoch": 0, "learning_rate": 6}
FITTED = {  # of a kernel's metrics, what was chosen on validation and what that scores there
    "c": ("C of the logistic regression", ",.6g"),
    "val_loss": ("cross-entropy of validation", ".4g"),
    "shrinkage": ("shrinkage of the discriminant analysis", ".4g"),
}
Kernels = Sequence[KernelOutput]


def learning(facts: Facts) -> Section | None:
    """The curves of every kernel that wrote a history, and what was chosen for a head without any.

    None without either.
    """
    trained = [k for own in facts.groups.values() for k in own if k.history]
    rows = [row for kernel in trained for row in kernel.history]
    keys = [Key("one", "training"), Key("two", "validation")]
    if any(row["stage"] == "refit" for row in rows):
        keys.append(Key("rest", "refit on train and validation, for the test predictions"))
    if any("val_auc_seen" in row for row in rows):
        keys.append(Key("three", f"validation, seen {facts.task.classes_word}"))
        keys.append(Key("four", f"validation, unseen {facts.task.classes_word}"))
    own = OWN if facts.pairs else ()
    models: list[dict[str, Any]] = []
    for model, kernels in facts.groups.items():
        alike = [kernel for kernel in kernels if kernel.history]
        each = [_kernel(kernel, trained, own) for kernel in alike]
        if len(alike) > 1:
            kinds = f"{len(alike)} {alike[0].kind or 'kernel'}s"
            charts = _charts(f"{len(alike)} kernels of {model}", alike, trained, own)
            models.append({"name": model, "kinds": kinds, "charts": charts, "each": each})
        else:
            models += each
    heads = [head for name, own in facts.groups.items() if (head := _head(name, own))]
    if not models and not heads:
        return None
    title = "Learning curves" if models else "Heads that were fitted"
    return {"title": title, "legend": keys, "models": models, "heads": heads}


def _head(name: str, alike: Kernels) -> dict[str, Any] | None:
    """What was chosen for the heads of a model's kernels, and the first one's figure."""
    rows = []
    for kernel in alike:
        chosen = {
            words: (value, format(value, form))
            for fact, (words, form) in FITTED.items()
            if (value := kernel.number(fact)) is not None
        }
        rows += [{"kernel": kernel.name, **chosen}] if kernel.number("c") is not None else []
    figure = alike[0].figure("penalty.png") if len(alike) == 1 else None
    return (
        {"name": name, "chosen": Table(f"Heads of {name}", rows), "figure": figure}
        if rows
        else None
    )


def _kernel(kernel: KernelOutput, trained: Kernels, own: Sequence[str]) -> dict[str, Any]:
    """The charts of one kernel, and its epochs in numbers."""
    rows = [
        {
            name.replace("_", " "): value if name == "stage" else known(value, DIGITS.get(name, 4))
            for name, value in row.items()
        }
        for row in kernel.history
    ]
    return {
        "name": kernel.name,
        "charts": _charts(kernel.name, [kernel], trained, own),
        "epochs": Table(f"Epochs of {kernel.name}", rows),
    }


def _charts(
    name: str, alike: Kernels, trained: Kernels, own: Sequence[str]
) -> list[dict[str, Any]]:
    """The panels that some of the kernels have a curve for; of several, thin lines in one."""
    several = len(alike) > 1
    found = {column for kernel in alike for row in kernel.history for column in row}
    panels = [panel for panel in PANELS.items() if found & set(panel[1])]
    epochs = [row["epoch"] for k in alike for row in k.history if "epoch" in row] or [1.0]
    charts = []
    for title, columns in panels:
        if several and "val_auc" in columns:
            title, columns = f"{title}, all pairs", ("val_auc",)
        scale = _scale(alike if title in own else trained, columns)
        lines = [
            line
            for column in columns
            for kernel in alike
            for line in _lines(kernel, column, several)
        ]
        words = [f"{label}: from {p[0][1]:.4g} to {p[-1][1]:.4g}." for _, label, p in lines]
        label = f"{title} of {name} by epoch. {' '.join(words)}"
        ends, width = (min(epochs) - 0.5, max(epochs) + 0.5), 320 if len(panels) < 4 else 260
        chart = Chart(label, ends, scale, "epoch", whole=True, width=width)
        for look, label, points in lines:
            _draw(chart, look, label, points, several)
        charts.append({"title": title, "chart": chart})
    return charts


def _draw(chart: Chart, look: str, label: str, points: Points, several: bool) -> None:
    """A thin line of one of several kernels, else a line with a dot at each epoch."""
    if several and len(points) > 1:
        chart.line(points, f"line thin {look}", f"{label}, last {points[-1][1]:.4g}")
        return
    chart.line(points, f"line {look}")
    for x, y in points:
        chart.dot(x, y, look, f"{label}, {x:g}: {y:.4g}", 3.0 if len(points) <= 12 else 1.7)


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
    rows = [row for kernel in kernels for row in kernel.history]
    values = [row[column] for row in rows for column in columns if column in row] or [0.0, 1.0]
    low, high = bounds(values)
    if "accuracy" in columns:
        return (max(0.0, low) if low > 0.5 else 0.0), 1.0
    if "val_auc" in columns:
        return max(0.0, low), min(1.0, high)
    return min(0.0, *values), high
