"""How far probabilities can be believed: reliability diagrams, and temperatures."""

from dataclasses import dataclass

import numpy as np

from kernels.report.charts import Chart
from kernels.report.facts import Facts
from kernels.report.render import Section
from kernels.results.scores import read_number

BINS = 15


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy in equal bins of confidence; 0 in an empty bin.

    Attributes:
        counts: ``(bins,)`` int64, pictures in each bin.
        confidence: ``(bins,)`` float64, their mean highest probability.
        accuracy: ``(bins,)`` float64, the share that is right.
        ece: the expected calibration error, 0 to 1.
    """

    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    ece: float

    @property
    def excess(self) -> float:
        """Mean confidence less accuracy over all pictures; above 0 is overconfident."""
        return float((self.counts * (self.confidence - self.accuracy)).sum() / self.counts.sum())


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> Reliability:
    """Return the reliability of ``probabilities`` ``(rows, classes)`` on ``labels`` ``(rows,)``.

    ECE = Σ over bins b of (n_b / n) · |accuracy(b) - confidence(b)|, the bins being
    ((b - 1) / bins, b / bins] of the highest probability (Guo, Pleiss, Sun and Weinberger, "On
    Calibration of Modern Neural Networks", ICML 2017, after Naeini, Cooper and Hauskrecht, 2015).
    There must be a row at least.
    """
    highest = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    places = np.clip(np.ceil(highest * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    filled = np.maximum(counts, 1)
    confidence = np.bincount(places, weights=highest, minlength=bins) / filled
    accuracy = np.bincount(places, weights=right, minlength=bins) / filled
    ece = float((counts * np.abs(accuracy - confidence)).sum() / len(labels))
    return Reliability(counts, confidence, accuracy, ece)


def calibration_section(facts: Facts) -> Section | None:
    """A reliability diagram of the blend and of each member."""
    if facts.blend is None:
        return None
    panels, rows = [], []
    everyone = {"blend": facts.blend, **facts.members}
    if len(facts.members) == 1:
        del everyone["blend"]  # it is the member itself
    for name, predictions in everyone.items():
        found = reliability(predictions.validation_labels, predictions.validation)
        lean = "over" if found.excess > 0 else "under"
        words = f"ECE {found.ece:.3f}, {lean}confident by {abs(found.excess):.3f}"
        panels.append({"title": name, "words": words, "chart": _diagram(name, words, found)})
        bins = zip(found.counts.tolist(), found.confidence, found.accuracy, strict=True)
        rows += [(name, n / BINS, *values) for n, values in enumerate(bins) if values[0]]
    names = ("temperature", "nll_before", "nll_after")
    tempered = {
        model: [read_number(at.get(name)) for name in names]
        for model, at in facts.temperatures.items()
    }
    data = {"panels": panels, "rows": rows, "tempered": tempered}
    return Section("calibration", "calibration", "Calibration", data)


def _diagram(name: str, words: str, found: Reliability) -> Chart:
    chart = Chart(
        f"Reliability diagram of {name}: {words}", (0, 1), (0, 1), "confidence", "accuracy"
    )
    chart.width, chart.height, chart.left, chart.top = 300, 300, 40, 24
    chart.rule((0, 0), (1, 1), "diagonal")
    most = max(found.counts.max(), 1)
    for pictures, sure, right in zip(found.counts, found.confidence, found.accuracy, strict=True):
        if pictures:
            title = f"{pictures:,} pictures: confidence {sure:.3f}, accuracy {right:.3f}"
            ends = (min(sure, right), max(sure, right))
            chart.bar((sure - 0.006, sure + 0.006), ends, "two", title)
            chart.dot(sure, right, "one", title, 2.5 + 6 * float(np.sqrt(pictures / most)))
    return chart
