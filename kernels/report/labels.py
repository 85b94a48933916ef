"""Several labels a picture: how well each is found, and the pictures with the most wrong ones."""

import numpy as np
from markupsafe import Markup

from common.files.predictions import Predictions
from kernels.report.analysis import ClassScore, label_scores
from kernels.report.class_chart import COLOURS, class_chart, class_table, dot_chart
from kernels.report.classes import NO_PICTURES
from kernels.report.facts import Facts
from kernels.report.markup import details, figure, join, legend, picture, section, tag

WORST = 24  # pictures that are shown


def labels_section(facts: Facts) -> Markup | None:
    """F1, precision, recall and threshold of each label, and the worst pictures."""
    if facts.blend is None:
        return None
    labels, names = facts.blend.validation_labels, facts.task.classes
    scores = label_scores(labels, facts.decide(facts.blend))
    members = {
        name: _f1(labels, facts.decide(member))
        for name, member in facts.members.items()
        if len(facts.members) > 1
    }
    said = (
        f"{len(scores)} of {len(names)} labels are on validation, a picture has "
        f"{np.mean(labels.sum(axis=1)):.1f} of them on average. From left to right, the lowest "
        f"F1 first."
    )
    entries = [("one", "blend"), *zip(COLOURS, members, strict=False)]
    numbers = class_table(names, scores, members, facts.thresholds, "label")
    return section(
        "labels",
        "Each label",
        legend(entries) if members else "",
        figure(class_chart(names, scores, members), said, wide=True),
        _dots(facts, scores),
        details("The labels in numbers", numbers),
        tag("h3", "Pictures with the most wrong labels"),
        _worst(facts, facts.blend),
    )


def _f1(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """F1 of each label, ``(classes,)``; NaN for one that no picture has or is given."""
    found = np.full(labels.shape[1], np.nan)
    for score in label_scores(labels, predicted):
        found[score.number] = score.f1
    return found


def _dots(facts: Facts, scores: list[ClassScore]) -> Markup:
    """Precision, recall and threshold of each label."""
    values = {
        "precision": [score.precision for score in scores],
        "recall": [score.recall for score in scores],
    }
    if facts.thresholds is not None:
        values["threshold"] = [float(facts.thresholds[score.number]) for score in scores]
    colours = ("four", "five", "rest")
    said = (
        "Precision: of the pictures that are given the label, how many have it. Recall: of those "
        "that have it, how many are given it. A label is given from its threshold on."
    )
    chart = dot_chart(facts.task.classes, scores, values, colours)
    entries = zip(colours, values, strict=False)
    return join((tag("h3", "Precision and recall"), legend(entries), figure(chart, said, True)))


def _worst(facts: Facts, blend: Predictions) -> Markup:
    """Cards of the pictures with the most wrong labels, of equal ones the surest mistakes first."""
    labels, predicted = blend.validation_labels, facts.decide(blend)
    wrong = (predicted != labels).sum(axis=1)
    distance = np.abs(blend.validation - labels).sum(axis=1)
    order = np.lexsort((-distance, -wrong))
    rows = [int(row) for row in order[:WORST] if wrong[row]]
    if not rows:
        return tag("p", "Every picture has its labels right.")
    said = f"{np.count_nonzero(wrong):,} of {len(wrong):,} pictures have a wrong label."
    said = said if facts.thumbnails else f"{said} {NO_PICTURES}"
    cards = [_card(facts, blend, predicted, row) for row in rows]
    return join((tag("p", said), tag("ul", *cards, class_="cards small")))


def _card(facts: Facts, blend: Predictions, predicted: np.ndarray, row: int) -> Markup:
    name, truth, given = (
        str(blend.validation_ids[row]),
        blend.validation_labels[row],
        predicted[row],
    )
    lines = [tag("strong", facts.task.describe(truth), class_="truth")]
    for words, places in (
        ("missed", (truth > given).nonzero()[0]),
        ("wrongly", (given > truth).nonzero()[0]),
    ):
        told = ", ".join(
            f"{facts.class_name(int(n))} {blend.validation[row, n]:.2f}" for n in places
        )
        if told:
            who = tag("span", f"{words}: ", class_="who")
            lines.append(tag("span", who, told, class_="line-of wrong"))
    image = tag("span", name, class_="soft")
    if facts.thumbnails:
        image = picture(facts.thumbnails.get(name), f"picture {name}")
    return tag("li", image, tag("div", *lines, class_="words"), title=name)
