"""The members against each other, and how far their probabilities can be believed."""

import itertools
import math

import numpy as np
from markupsafe import Markup

from common.files.predictions import Predictions
from kernels.report.analysis import Reliability, agreement, reliability
from kernels.report.charts import Axes, bar, dot, drawing, grid
from kernels.report.facts import Facts
from kernels.report.markup import (
    Cell,
    count,
    details,
    join,
    legend,
    number,
    picture,
    section,
    table,
    tag,
)

SHOWN = 18  # pictures on which members disagree
PARTS = ("both right", "only the first right", "only the second right", "both wrong")


def members_section(facts: Facts) -> Markup | None:
    """Agreement of each two members, and pictures on which they disagree; none for one member."""
    if facts.blend is None or len(facts.members) < 2:
        return None
    labels = facts.blend.validation_labels
    guesses = {name: m.validation.argmax(axis=1) for name, m in facts.members.items()}
    bars, rows = [], []
    for first, second in itertools.combinations(guesses, 2):
        found = agreement(labels, guesses[first], guesses[second])
        counts = (found.both_right, found.only_first, found.only_second, found.both_wrong)
        bars.append(_bar(f"{first} and {second}", counts, len(labels)))
        share = number(found.same_class / len(labels), 4)
        rows.append([Cell(first), Cell(second), share, *(count(value) for value in counts)])
    heads = ["first", "second", "same class", *PARTS]
    colours = zip(("good", "one", "two", "bad"), PARTS, strict=True)
    return section(
        "members",
        "Members against each other",
        legend(colours),
        tag("ul", *bars, class_="stacks"),
        table("Pictures that two members have right", heads, rows),
        _disagreements(facts, facts.blend, guesses),
    )


def _bar(name: str, counts: tuple[int, ...], whole: int) -> Markup:
    pieces = [
        tag(
            "span",
            class_=f"piece {colour}",
            style=f"--share:{value / whole:.4f}",
            title=f"{words}: {value:,}",
        )
        for colour, words, value in zip(("good", "one", "two", "bad"), PARTS, counts, strict=True)
        if value
    ]
    amount = tag("span", f"{counts[0] / whole:.0%} both", class_="amount")
    return tag("li", tag("span", name, class_="name"), tag("span", *pieces, class_="stack"), amount)


def _disagreements(facts: Facts, blend: Predictions, guesses: dict[str, np.ndarray]) -> Markup:
    """Pictures that members tell differently, the surest disagreement first."""
    stack = np.stack(list(guesses.values()))
    differ = np.flatnonzero((stack != stack[0]).any(axis=0))
    title = tag("h3", "Where they disagree")
    if not len(differ):
        return join((title, tag("p", "They say the same class for every validation picture.")))
    surest = [m.validation.max(axis=1)[differ] for m in facts.members.values()]
    order = differ[np.argsort(-np.min(surest, axis=0), kind="stable")]
    said = f"{len(differ):,} of {len(blend.validation_ids):,} pictures, the surest members first."
    cards = [_card(facts, blend, int(row)) for row in order[:SHOWN]]
    return join((title, tag("p", said), tag("ul", *cards, class_="cards")))


def _card(facts: Facts, blend: Predictions, row: int) -> Markup:
    name, truth = str(blend.validation_ids[row]), int(blend.validation_labels[row])
    entries = [*facts.members.items(), ("blend", blend)]
    lines = [tag("strong", facts.class_name(truth), class_="truth")]
    for member, predictions in entries:
        guess = int(predictions.validation[row].argmax())
        verdict = "right" if guess == truth else "wrong"
        sure = f"{predictions.validation[row].max():.2f}"
        mark = tag("span", "✓" if guess == truth else "✗", aria_label=verdict, role="img")
        words = [tag("span", f"{member}: ", class_="who"), facts.class_name(guess), " "]
        end = tag("span", f"{sure} ", mark, class_="whole")
        lines.append(tag("span", *words, end, class_=f"line-of {verdict}"))
    image = None
    if facts.thumbnails:
        image = picture(facts.thumbnails.get(name), f"picture {name}")
    return tag("li", image or "", tag("div", *lines, class_="words"), title=name)


def calibration_section(facts: Facts) -> Markup | None:
    """A reliability diagram of the blend and of each member."""
    if facts.blend is None:
        return None
    charts, rows = [], []
    for name, predictions in {"blend": facts.blend, **facts.members}.items():
        if name == "blend" and len(facts.members) == 1:
            continue  # the member itself
        found = reliability(predictions.validation_labels, predictions.validation)
        charts.append(_diagram(name, found))
        rows += _rows(name, found)
    words = (
        "Of the pictures told with a confidence of 0.8, eight in ten should be right: then the dot "
        "lies on the diagonal. Its size is the number of pictures, the bar its distance. ECE is "
        "the mean distance over the pictures."
    )
    tempered = _temperatures(facts)
    heads = ["of", "bin from", "pictures", "mean confidence", "accuracy"]
    numbers = details("The bins in numbers", table("Bins of confidence", heads, rows))
    return section(
        "calibration",
        "Calibration",
        tag("p", words),
        tempered,
        tag("div", *charts, class_="panels"),
        numbers,
    )


def _temperatures(facts: Facts) -> Markup | str:
    """What each member was tempered with before the blend, and what it did."""
    told = facts.temperatures
    if not told:
        return ""
    names = ("temperature", "nll_before", "nll_after")
    rows = [
        [Cell(model), *(number(float(at.get(name, math.nan))) for name in names)]
        for model, at in told.items()
    ]
    words = (
        "Each member was tempered before it was blended, and is shown so, at the temperature with "
        "the lowest negative log-likelihood (NLL) on validation. Above 1 it was too sure of "
        "itself, below 1 not sure enough."
    )
    heads = ["member", "temperature", "NLL before", "NLL after"]
    caption = "Temperatures, and negative log-likelihood on validation"
    return join((table(caption, heads, rows), tag("p", words)))


def _diagram(name: str, found: Reliability) -> Markup:
    axes = Axes((0.0, 1.0), (0.0, 1.0), width=300, height=300, left=40, top=24)
    corner = {"x1": axes.across(0), "y1": axes.up(0), "x2": axes.across(1), "y2": axes.up(1)}
    pieces = [grid(axes, "confidence", "accuracy"), tag("line", class_="diagonal", **corner)]
    most = max(found.counts.max(), 1)
    for pictures, sure, right in zip(found.counts, found.confidence, found.accuracy, strict=True):
        if pictures:
            words = f"{pictures:,} pictures: confidence {sure:.3f}, accuracy {right:.3f}"
            ends = (min(sure, right), max(sure, right))
            pieces.append(bar(axes, (sure - 0.006, sure + 0.006), ends, "two", words))
            size = 2.5 + 6 * float(np.sqrt(pictures / most))
            pieces.append(dot(axes, sure, right, "one", words, size))
    lean = "over" if found.excess > 0 else "under"
    told = f"ECE {found.ece:.4f}, {lean}confident by {abs(found.excess):.4f}"
    label = f"Reliability diagram of {name}: {told}"
    caption = tag("figcaption", tag("strong", name), " ", told)
    return tag("figure", caption, drawing(label, axes.width, axes.height, *pieces))


def _rows(name: str, found: Reliability) -> list[list[Cell]]:
    bins = len(found.counts)
    return [
        [
            Cell(name),
            number(place / bins, 3),
            count(int(found.counts[place])),
            number(float(found.confidence[place])),
            number(float(found.accuracy[place])),
        ]
        for place in range(bins)
        if found.counts[place]
    ]
