"""Numbers and grades: predicted over true values, how large the errors are, the largest ones."""

import numpy as np

from kernels.report.charts import Chart, bounds, histogram
from kernels.report.facts import Facts, Picture, Words
from kernels.report.render import Section, Table, signed

BINS, LARGEST = 31, 24  # of the histogram, and pictures that are shown
SPREAD = 0.3  # grades are drawn so far to either side, so that equal ones do not cover each other


def errors(facts: Facts) -> Section:
    """Two charts, a table to open, and the pictures with the largest errors."""
    labels = np.asarray(facts.blend.validation_labels, np.float64)
    values = facts.task.values(facts.blend.validation)
    off = values - labels
    order = np.argsort(-np.abs(off), kind="stable")[:LARGEST].tolist()
    known = len(labels) > 1 and np.ptp(labels) and np.ptp(values)
    correlation = f"{np.corrcoef(labels, values)[0, 1]:.3f}" if known else "not defined"
    words = f"{len(labels):,} pictures, correlation {correlation}"
    if facts.thresholds is not None:
        words += ". Lines across: where a grade begins"
    half = f"half of them are at most {np.median(np.abs(off)):.3g}"
    title = f"Predicted over true {'grade' if facts.task.classes else 'value'}"
    chart = _scatter(facts, f"{title} of {words}", labels, values)
    return {
        "title": "Errors",
        "mean": float(np.abs(off).mean()),
        "of_mean": float(np.abs(labels - labels.mean()).mean()),
        "lean": float(off.mean()),
        "panels": [
            {"title": title, "words": words, "chart": chart},
            {"title": "Errors", "words": half, "chart": _histogram(off, half)},
        ],
        "table": _table(facts, labels, off),
        "pictures": [_picture(facts, row, values[row], off[row]) for row in order if off[row]],
    }


def _scatter(facts: Facts, label: str, labels: np.ndarray, values: np.ndarray) -> Chart:
    """Predicted over true values; grades are spread a little to the sides."""
    grades, across = bool(facts.task.classes), labels
    if grades:
        across = labels + np.random.default_rng(0).uniform(-SPREAD, SPREAD, len(labels))
    ends = bounds([*across.tolist(), *values.tolist()])
    name = f"true {'grade' if grades else 'value'}"
    chart = Chart(label, ends, ends, name, "predicted", grades, height=300)
    chart.line([(end, end) for end in ends])
    for level in () if facts.thresholds is None else facts.thresholds.tolist():
        chart.line([(end, level) for end in ends], "step")
    chart.scatter(list(zip(across.tolist(), values.tolist(), strict=True)), "one")
    return chart


def _histogram(off: np.ndarray, half: str) -> Chart:
    """How many pictures have which error."""
    far = float(np.abs(off).max()) or 1.0
    counts, edges = np.histogram(off, BINS, (-far, far))
    label, names = f"Histogram of the errors: {half}", ("predicted less true", "pictures")
    words = "{height:,} pictures: {low:.3g} to {high:.3g}"
    chart = histogram(label, names, edges, {"one": counts}, words, height=300)
    chart.line([(0.0, end) for end in chart.y])
    return chart


def _table(facts: Facts, labels: np.ndarray, off: np.ndarray) -> Table:
    """Errors by grade, or by tenths of the true values."""
    strata, rows = facts.task.strata(facts.blend.validation_labels), []
    for stratum in np.unique(strata).tolist():
        own, found = off[strata == stratum], labels[strata == stratum]
        ends = dict.fromkeys(facts.task.describe(end) for end in (found.min(), found.max()))
        mean = (own.mean(), signed(own.mean(), 3))
        sizes = (np.abs(own).mean(), np.sqrt((own**2).mean()))
        rows.append(((found.min(), " to ".join(ends)), len(own), mean, *sizes))
    heads = ("true", "pictures", "mean error", "mean absolute error", "root mean squared error")
    return Table("Errors by true value", [dict(zip(heads, row, strict=True)) for row in rows])


def _picture(facts: Facts, row: int, value: float, error: float) -> Picture:
    much = f"{abs(error):.3g} too {'high' if error > 0 else 'low'}"
    return facts.picture(row, Words(f"predicted {value:.4g}"), Words(much, "wrong"))
