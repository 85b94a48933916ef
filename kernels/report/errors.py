"""Numbers and grades: predicted over true values, how large the errors are, the largest ones."""

import numpy as np
from markupsafe import Markup

from common.files.predictions import Predictions
from kernels.report.charts import Axes, bar, bounds, drawing, grid, scatter
from kernels.report.classes import NO_PICTURES
from kernels.report.facts import Facts
from kernels.report.markup import (
    Cell,
    count,
    details,
    join,
    number,
    picture,
    section,
    signed,
    table,
    tag,
)

BINS, LARGEST = 31, 24  # of the histogram, and pictures that are shown
SPREAD = 0.3  # grades that are drawn to either side, so that equal ones do not cover each other


def errors_section(facts: Facts) -> Markup | None:
    """Two charts, a table to open, and the pictures with the largest errors."""
    if facts.blend is None:
        return None
    labels = np.asarray(facts.blend.validation_labels, np.float64)
    values = facts.task.values(facts.blend.validation)
    errors = values - labels
    said = (
        f"The mean absolute error is {np.abs(errors).mean():.4g}, and {_of_mean(labels):.4g} for "
        f"always saying the mean. On average the blend says {abs(errors.mean()):.3g} too "
        f"{'much' if errors.mean() > 0 else 'little'}."
    )
    charts = (_scatter(facts, labels, values), _histogram(errors))
    return section(
        "errors",
        "Errors",
        tag("p", said),
        tag("div", *charts, class_="panels"),
        details("The errors in numbers", _table(facts, labels, errors)),
        tag("h3", "The largest errors"),
        _largest(facts, facts.blend, errors),
    )


def _of_mean(labels: np.ndarray) -> float:
    """The mean absolute error of the labels' mean."""
    return float(np.abs(labels - labels.mean()).mean())


def _scatter(facts: Facts, labels: np.ndarray, values: np.ndarray) -> Markup:
    """Predicted over true values; grades are spread a little to the sides."""
    grades = facts.task.classes
    across = labels
    if grades:
        across = labels + np.random.default_rng(0).uniform(-SPREAD, SPREAD, len(labels))
    ends = bounds([*across.tolist(), *values.tolist()])
    axes = Axes(ends, ends, 320, 300, top=24)
    corner = {"x1": axes.across(ends[0]), "y1": axes.up(ends[0])}
    corner |= {"x2": axes.across(ends[1]), "y2": axes.up(ends[1])}
    what = "grade" if grades else "value"
    steps = [
        tag("line", x1=axes.left, x2=axes.width - axes.right, y1=y, y2=y, class_="step")
        for level in (facts.thresholds if grades and facts.thresholds is not None else ())
        for y in [f"{axes.up(float(level)):.1f}"]
    ]
    correlation = _correlation(labels, values)
    chart = drawing(
        f"Predicted over true {what} of {len(labels):,} pictures; correlation {correlation}",
        *(axes.width, axes.height),
        grid(axes, f"true {what}", "predicted", whole=bool(grades)),
        tag("line", class_="diagonal", **corner),
        *steps,
        scatter(axes, zip(across.tolist(), values.tolist(), strict=True), "one"),
    )
    words = f"{len(labels):,} pictures, correlation {correlation}"
    words += ". Lines across: where a grade begins" if steps else ""
    caption = tag("figcaption", tag("strong", f"Predicted over true {what}"), words)
    return tag("figure", caption, chart)


def _correlation(labels: np.ndarray, values: np.ndarray) -> str:
    if len(labels) < 2 or not np.ptp(labels) or not np.ptp(values):
        return "not defined"
    return f"{np.corrcoef(labels, values)[0, 1]:.3f}"


def _histogram(errors: np.ndarray) -> Markup:
    """How many pictures have which error."""
    far = float(np.abs(errors).max()) or 1.0
    counts, edges = np.histogram(errors, BINS, (-far, far))
    axes = Axes((-far, far), (0.0, float(counts.max()) * 1.05), 320, 300, top=24)
    bars = []
    for n, low, high in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        words = f"{n:,} pictures: {low:.3g} to {high:.3g}"
        bars += [bar(axes, (low, high), (0.0, float(n)), "one pale", words)] if n else []
    middle = axes.across(0.0)
    zero = tag("line", x1=middle, x2=middle, y1=axes.up(0), y2=axes.top, class_="diagonal")
    half = float(np.median(np.abs(errors)))
    label = f"Histogram of the errors: half of them are at most {half:.4g}"
    frame = grid(axes, "predicted less true", "pictures")
    caption = tag("figcaption", tag("strong", "Errors"), f"half of them are at most {half:.4g}")
    return tag("figure", caption, drawing(label, axes.width, axes.height, frame, *bars, zero))


def _table(facts: Facts, labels: np.ndarray, errors: np.ndarray) -> Markup:
    """Errors by grade, or by tenths of the true values."""
    strata = facts.task.strata(facts.blend.validation_labels) if facts.blend else labels
    rows = []
    for stratum in np.unique(strata).tolist():
        own, found = errors[strata == stratum], labels[strata == stratum]
        ends = dict.fromkeys(facts.task.describe(end) for end in (found.min(), found.max()))
        cells = [np.abs(own).mean(), np.sqrt((own**2).mean())]
        rows.append(
            [
                Cell(" to ".join(ends), float(found.min())),
                count(len(own)),
                Cell(signed(float(own.mean()), 3), float(own.mean())),
                *(number(float(cell)) for cell in cells),
            ]
        )
    heads = ["true", "pictures", "mean error", "mean absolute error", "root mean squared error"]
    return table("Errors by true value", heads, rows)


def _largest(facts: Facts, blend: Predictions, errors: np.ndarray) -> Markup:
    """Cards of the pictures with the largest errors."""
    order = np.argsort(-np.abs(errors), kind="stable")[:LARGEST]
    cards = [_card(facts, blend, int(row), float(errors[row])) for row in order if errors[row]]
    said = [] if facts.thumbnails else [tag("p", NO_PICTURES)]
    return join((*said, tag("ul", *cards, class_="cards small")))


def _card(facts: Facts, blend: Predictions, row: int, error: float) -> Markup:
    name, label = str(blend.validation_ids[row]), blend.validation_labels[row]
    value = float(facts.task.values(blend.validation)[row])
    much = f"{abs(error):.3g} too {'high' if error > 0 else 'low'}"
    lines = [
        tag("strong", facts.task.describe(label), class_="truth"),
        tag("span", f"predicted {value:.4g}", class_="line-of"),
        tag("span", much, class_="line-of wrong"),
    ]
    image = tag("span", name, class_="soft")
    if facts.thumbnails:
        image = picture(facts.thumbnails.get(name), f"picture {name}")
    return tag("li", image, tag("div", *lines, class_="words"), title=name)
