"""The classes: F1 of each, which are taken for which, and the hardest pictures."""

import numpy as np
from markupsafe import Markup

from common.files.predictions import Predictions
from common.metrics.classification import f1_per_class
from kernels.report.analysis import ClassScore, Confusion, class_scores, hardest, worst_confusions
from kernels.report.charts import Axes, bar, dot, drawing, grid
from kernels.report.facts import Facts
from kernels.report.markup import (
    Cell,
    count,
    figure,
    legend,
    number,
    picture,
    section,
    table,
    tag,
)

CONFUSIONS, WRONG, LIKE, HARDEST = 8, 5, 3, 30  # how many are shown
NAMED = 22  # classes at most that have their names in the figure
NO_PICTURES = "The kernels left no thumbnails: pictures are told by their ids."
COLOURS = ("two", "three", "four", "five")


def classes_section(facts: Facts) -> Markup | None:
    """F1 of each class as a figure and as a table."""
    if facts.blend is None:
        return None
    labels, classes = facts.blend.validation_labels, len(facts.competition.classes)
    scores = class_scores(labels, facts.blend.validation.argmax(axis=1), classes)
    members = {
        name: f1_per_class(labels, member.validation.argmax(axis=1), classes)
        for name, member in facts.members.items()
        if len(facts.members) > 1
    }
    perfect = sum(score.f1 == 1 for score in scores)
    said = (
        f"{len(scores)} of {classes} classes are on validation; {perfect} without a mistake. "
        f"From left to right, the lowest F1 first."
    )
    entries = [("one", "blend"), *zip(COLOURS, members, strict=False)]
    return section(
        "classes",
        "F1 of each class",
        legend(entries) if members else "",
        figure(_chart(facts, scores, members), said, wide=True),
        _table(facts, scores, members),
    )


def _chart(facts: Facts, scores: list[ClassScore], members: dict[str, np.ndarray]) -> Markup:
    named = len(scores) <= NAMED
    width = min(1060.0, 80 + (46 if named else 20) * len(scores))
    height, bottom = (290, 90) if named else (220, 12)
    axes = Axes((-0.5, len(scores) - 0.5), (0.0, 1.0), width, height, bottom=bottom)
    pieces = [grid(axes, "")]
    for place, score in enumerate(scores):
        name = facts.class_name(score.number)
        words = f"{name}: {score.f1:.4f} of {score.pictures} pictures"
        ends = (place - 0.38, place + 0.38)
        pieces.append(bar(axes, ends, (0.0, score.f1), "one pale" if members else "one", words))
        pieces += _dots(axes, place, name, {who: own[score.number] for who, own in members.items()})
        if named:
            pieces.append(_slanted(name, axes.across(place) + 4, height - bottom + 14))
    lowest = ", ".join(f"{facts.class_name(s.number)} {s.f1:.2f}" for s in scores[:5])
    label = f"F1 of {len(scores)} classes, sorted. The lowest: {lowest}"
    return drawing(label, width, height, *pieces)


def _dots(axes: Axes, place: int, name: str, scores: dict[str, float]) -> list[Markup]:
    return [
        dot(axes, place, float(score), colour, f"{name}, {who}: {score:.4f}", 3.2)
        for colour, (who, score) in zip(COLOURS, scores.items(), strict=False)
        if np.isfinite(score)
    ]


def _slanted(name: str, x: float, y: float) -> Markup:
    short = name if len(name) <= 20 else f"{name[:19]}…"
    turned = f"translate({x:.1f} {y:.1f}) rotate(-40)"
    return tag("text", short, transform=turned, text_anchor="end", class_="tick")


def _table(facts: Facts, scores: list[ClassScore], members: dict[str, np.ndarray]) -> Markup:
    heads = ["class", "number", "F1", "precision", "recall", "pictures", *members]
    rows = (
        [
            Cell(facts.class_name(score.number)),
            count(score.number),
            number(score.f1, 4, bar=True),
            number(score.precision),
            number(score.recall),
            count(score.pictures),
            *(number(float(own[score.number])) for own in members.values()),
        ]
        for score in scores
    )
    return table("F1 of each class on validation", heads, rows, tall=True)


def confusions_section(facts: Facts) -> Markup | None:
    """The most frequent confusions of the blend, with pictures."""
    if facts.blend is None:
        return None
    labels, blend = facts.blend.validation_labels, facts.blend.validation
    found = worst_confusions(labels, blend, CONFUSIONS)
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
    right = (blend.validation_labels == number) & (blend.validation.argmax(axis=1) == number)
    rows = np.flatnonzero(right)
    rows = rows[np.argsort(-blend.validation[rows, number], kind="stable")]
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
