"""The classes: F1 of each, which are taken for which, and the hardest pictures."""

import numpy as np
from markupsafe import Markup

from common.files.predictions import Predictions
from common.metrics.classification import f1_per_class
from kernels.report.analysis import (
    Confusion,
    class_scores,
    hardest,
    sureness,
    worst_confusions,
)
from kernels.report.class_chart import COLOURS, class_chart, class_table
from kernels.report.facts import Facts
from kernels.report.markup import figure, legend, picture, section, tag

CONFUSIONS, WRONG, LIKE, HARDEST = 8, 5, 3, 30  # how many are shown
NO_PICTURES = "The kernels left no thumbnails: pictures are told by their ids."


def classes_section(facts: Facts) -> Markup | None:
    """F1 of each class as a figure and as a table."""
    if facts.blend is None:
        return None
    labels, names = facts.blend.validation_labels, facts.task.classes
    scores = class_scores(labels, facts.decide(facts.blend), len(names))
    members = {
        name: f1_per_class(labels, facts.decide(member), len(names))
        for name, member in facts.members.items()
        if len(facts.members) > 1
    }
    perfect = sum(score.f1 == 1 for score in scores)
    said = (
        f"{len(scores)} of {len(names)} classes are on validation; {perfect} without a mistake. "
        f"From left to right, the lowest F1 first."
    )
    entries = [("one", "blend"), *zip(COLOURS, members, strict=False)]
    return section(
        "classes",
        "F1 of each class",
        legend(entries) if members else "",
        figure(class_chart(names, scores, members), said, wide=True),
        class_table(names, scores, members),
    )


def confusions_section(facts: Facts) -> Markup | None:
    """The most frequent confusions of the blend, with pictures."""
    if facts.blend is None:
        return None
    labels, predicted = facts.blend.validation_labels, facts.decide(facts.blend)
    sure = sureness(facts.blend.validation, predicted)
    found = worst_confusions(labels, predicted, sure, len(facts.task.classes), CONFUSIONS)
    if not found:
        return section("confusions", "Worst confusions", tag("p", "No picture is told wrong."))
    said = "" if facts.thumbnails else tag("p", NO_PICTURES)
    items = [_confusion(facts, facts.blend, confusion) for confusion in found]
    return section("confusions", "Worst confusions", said, tag("ol", *items, class_="confusions"))


def _confusion(facts: Facts, blend: Predictions, confusion: Confusion) -> Markup:
    true, other = facts.class_name(confusion.true), facts.class_name(confusion.taken_for)
    title = tag("h3", true, tag("span", " taken for ", class_="soft"), other)
    times = f"{len(confusion.rows)} of {confusion.of} pictures"
    wrong = [int(row) for row in confusion.rows[:WRONG]]
    ids = blend.validation_ids
    if not facts.thumbnails:
        names = ", ".join(str(ids[row]) for row in wrong)
        return tag("li", title, tag("p", times, class_="soft"), tag("p", names))
    like = _well_told(facts, blend, confusion.taken_for)
    mistaken = [_image(facts, ids[row], f"{true} taken for {other}") for row in wrong]
    examples = [_image(facts, ids[row], f"{other} told right") for row in like]
    rows = [tag("div", tag("p", f"{times}:", class_="soft"), *mistaken, class_="strip")]
    if examples:
        words = tag("p", f"what {other} looks like:", class_="soft")
        rows.append(tag("div", words, *examples, class_="strip"))
    return tag("li", title, *rows)


def _well_told(facts: Facts, blend: Predictions, number: int) -> list[int]:
    """Rows of a class that are told right and have thumbnails, the surest first."""
    predicted = facts.decide(blend)
    rows = np.flatnonzero((blend.validation_labels == number) & (predicted == number))
    rows = rows[np.argsort(-sureness(blend.validation, predicted)[rows], kind="stable")]
    return [int(row) for row in rows if str(blend.validation_ids[row]) in facts.thumbnails][:LIKE]


def _image(facts: Facts, name: object, words: str) -> Markup:
    return picture(facts.thumbnails.get(str(name)), f"{words}, picture {name}")


def hardest_section(facts: Facts) -> Markup | None:
    """The pictures whose true class the blend finds least likely."""
    if facts.blend is None:
        return None
    blend = facts.blend
    rows = hardest(blend.validation_labels, blend.validation, HARDEST)
    said = "The probability that the blend gives the true class, the lowest first."
    if not facts.thumbnails:
        said = f"{said} {NO_PICTURES}"
    cards = [_hard(facts, blend, int(row)) for row in rows]
    return section(
        "hardest", "Hardest pictures", tag("p", said), tag("ul", *cards, class_="cards small")
    )


def _hard(facts: Facts, blend: Predictions, row: int) -> Markup:
    name, truth = str(blend.validation_ids[row]), int(blend.validation_labels[row])
    guess = int(blend.validation[row].argmax())
    lines = [
        tag("strong", facts.class_name(truth), class_="truth"),
        tag("span", f"{blend.validation[row, truth]:.4f}", class_="line-of"),
    ]
    if guess != truth:
        words = f"taken for {facts.class_name(guess)} {blend.validation[row, guess]:.2f}"
        lines.append(tag("span", words, class_="line-of wrong"))
    else:
        lines.append(tag("span", "right all the same", class_="line-of right"))
    image = tag("span", name, class_="soft")
    if facts.thumbnails:
        image = picture(facts.thumbnails.get(name), f"picture {name}")
    return tag("li", image, tag("div", *lines, class_="words"), title=name)
