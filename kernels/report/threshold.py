"""Two classes: from which probability on a picture is of the second, and what others would do."""

from typing import Any

import numpy as np

from common.blending.figures import second_of_two
from common.metrics import counting
from common.metrics.thresholds import threshold_of_recall
from common.metrics.verification import SortedScores, area, thinned
from kernels.report.charts import Chart
from kernels.report.facts import Facts
from kernels.report.render import Key, Section, Table, known

RECALLS = (0.8, 0.9, 0.95, 0.98, 0.99, 1.0)
POINTS = 400  # of a curve
MEASURES = (counting.recall, counting.specificity, counting.precision)


def threshold(facts: Facts) -> Section | None:
    """The threshold in words, a table of others on validation, the curves; None for other tasks."""
    truth, predicted = facts.blend.validation_labels, facts.blend.validation
    if len(facts.task.classes) != 2 or not np.ptp(truth):
        return None
    at = facts.thresholds
    second, probabilities = truth == 1, predicted[:, 1].astype(np.float64)
    others = {
        f"recall {recall:g}": threshold_of_recall(second, probabilities, recall)
        for recall in RECALLS
    }
    levels = {**({} if at is None else {"taken": float(at[0])}), "half": 0.5, **others}
    rows: list[dict[str, Any]] = []
    for name, level in levels.items():
        called = counting.of_second(truth, probabilities >= level)
        scores = {one.__name__: known(one(*called), 3) for one in MEASURES}
        rows.append({"threshold": name, "from": known(level, 3), **scores})
    level = 0.5 if at is None else float(at[0])
    return {
        "title": "The threshold",
        "at": level,
        "how": _how(facts) if at is not None else "",
        "table": Table("Thresholds on validation", rows),
        **_curves(facts, level),
    }


def _curves(facts: Facts, at: float) -> Section:
    """ROC and precision over recall of validation and, where it is labelled, of test."""
    second = facts.task.classes[1]
    recall, others = f"recall of {second}", f"share of the others called {second}"
    roc = Chart(f"ROC of {second}", (0, 1), (0, 1), others, recall, height=300)
    precise = Chart(f"Precision of {second}", (0, 1), (0, 1), recall, "precision", height=300)
    roc.line([(0, 0), (1, 1)])
    legend, parts = [], second_of_two(facts.blend).items()
    for (part, rows), look in zip(parts, ("one", "two"), strict=False):
        curve = SortedScores(*rows).curve()
        legend.append(Key(look, f"{part}, ROC AUC {area(curve):.3f}"))
        few, place = thinned(curve, POINTS), curve.point(at)
        for chart, x, y in ((roc, "far", "tar"), (precise, "tar", "precision")):
            points = np.stack([getattr(few, x), getattr(few, y)], axis=1)
            chart.line(points[np.isfinite(points).all(axis=1)].tolist(), f"line {look}")
            across, up = (float(getattr(curve, name)[place]) for name in (x, y))
            if np.isfinite(up):
                said = f"{part}, {second} from {at:.3f} on: {chart.y_name} {up:.3f}"
                chart.dot(across, up, look, said, 5)
    panels = [{"title": "ROC", "chart": roc}, {"title": "Precision over recall", "chart": precise}]
    return {"legend": legend, "panels": panels}


def _how(facts: Facts) -> str:
    recall = getattr(facts.task, "recall", None)
    if recall is None:
        return f"the threshold with the best {facts.metric} on validation"
    return f"the highest threshold whose recall on validation is at least {recall:g}"
