"""Numbers and grades: predicted over true values, how large the errors are, the largest ones."""

import numpy as np

from kernels.report.charts import Chart, bounds, histogram
from kernels.report.facts import Facts
from kernels.report.pictures import Card, Words, card, no_pictures
from kernels.report.render import Section

BINS, LARGEST = 31, 24  # of the histogram, and pictures that are shown
SPREAD = 0.3  # grades are drawn so far to either side, so that equal ones do not cover each other


def errors_section(facts: Facts) -> Section | None:
    """Two charts, a table to open, and the pictures with the largest errors."""
    if facts.blend is None:
        return None
    labels = np.asarray(facts.blend.validation_labels, np.float64)
    values = facts.task.values(facts.blend.validation)
    errors = values - labels
    order = np.argsort(-np.abs(errors), kind="stable")[:LARGEST].tolist()
    what, half = "grade" if facts.task.classes else "value", np.median(np.abs(errors))
    correlation = _correlation(labels, values)
    words = f"{len(labels):,} pictures, correlation {correlation}"
    if facts.task.classes and facts.thresholds is not None:
        words += ". Lines across: where a grade begins"
    scatter = {"title": f"Predicted over true {what}", "words": words}
    spread = {"title": "Errors", "words": f"half of them are at most {half:.3g}"}
    data = {
        "mean": float(np.abs(errors).mean()),
        "of_mean": float(np.abs(labels - labels.mean()).mean()),
        "lean": float(errors.mean()),
        "panels": [
            {**scatter, "chart": _scatter(facts, labels, values, what, correlation)},
            {**spread, "chart": _histogram(errors, float(half))},
        ],
        "rows": _table(facts, labels, errors),
        "cards": [_card(facts, row, values[row], errors[row]) for row in order if errors[row]],
        "without": no_pictures(facts),
    }
    return Section("errors", "errors", "Errors", data)


def _scatter(
    facts: Facts, labels: np.ndarray, values: np.ndarray, what: str, correlation: str
) -> Chart:
    """Predicted over true values; grades are spread a little to the sides."""
    grades, across = facts.task.classes, labels
    if grades:
        across = labels + np.random.default_rng(0).uniform(-SPREAD, SPREAD, len(labels))
    ends = bounds([*across.tolist(), *values.tolist()])
    label = f"Predicted over true {what} of {len(labels):,} pictures; correlation {correlation}"
    chart = Chart(label, ends, ends, f"true {what}", "predicted", bool(grades), height=300, top=24)
    chart.rule((ends[0], ends[0]), (ends[1], ends[1]), "diagonal")
    for level in facts.thresholds if grades and facts.thresholds is not None else ():
        chart.rule((ends[0], float(level)), (ends[1], float(level)), "step")
    chart.scatter(list(zip(across.tolist(), values.tolist(), strict=True)), "one")
    return chart


def _correlation(labels: np.ndarray, values: np.ndarray) -> str:
    if len(labels) < 2 or not np.ptp(labels) or not np.ptp(values):
        return "not defined"
    return f"{np.corrcoef(labels, values)[0, 1]:.3f}"


def _histogram(errors: np.ndarray, half: float) -> Chart:
    """How many pictures have which error."""
    far = float(np.abs(errors).max()) or 1.0
    counts, edges = np.histogram(errors, BINS, (-far, far))
    label = f"Histogram of the errors: half of them are at most {half:.3g}"
    chart = Chart(label, (0, 1), (0, 1), "predicted less true", "pictures", height=300, top=24)
    words = "{height:,.0f} pictures: {low:.3g} to {high:.3g}"
    histogram(chart, edges, {"one": counts.tolist()}, words)
    chart.rule((0.0, chart.y[0]), (0.0, chart.y[1]), "diagonal")
    return chart


def _table(
    facts: Facts, labels: np.ndarray, errors: np.ndarray
) -> list[tuple[str, float, int, float, float, float]]:
    """Errors by grade, or by tenths of the true values."""
    strata = facts.task.strata(facts.blend.validation_labels) if facts.blend else labels
    rows = []
    for stratum in np.unique(strata).tolist():
        own, found = errors[strata == stratum], labels[strata == stratum]
        ends = dict.fromkeys(facts.task.describe(end) for end in (found.min(), found.max()))
        sizes = float(own.mean()), float(np.abs(own).mean()), float(np.sqrt((own**2).mean()))
        rows.append((" to ".join(ends), float(found.min()), len(own), *sizes))
    return rows


def _card(facts: Facts, row: int, value: float, error: float) -> Card:
    much = f"{abs(error):.3g} too {'high' if error > 0 else 'low'}"
    return card(facts, row, Words(f"predicted {value:.4g}"), Words(much, "wrong"))
