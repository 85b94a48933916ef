"""Each class or label: F1, precision and recall, and which classes are taken for which."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernels.report.charts import Chart
from kernels.report.facts import Facts, Picture, Words
from kernels.report.render import Key, Section, Table, bar

CONFUSIONS, WRONG, LIKE, WORST = 8, 5, 3, 24  # how many are shown
NAMED = 22  # classes at most that have their names in a chart
COLOURS = ("two", "three", "four", "five")  # of the members


def class_scores(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return number, F1, precision, recall and pictures of the classes on validation.

    ``(found, 5)`` float64, the lowest F1 first; NaN where undefined. Without a label and a
    prediction a class is left out. Both are class numbers ``(rows,)``, or 0 and 1 for each label,
    ``(rows, classes)``.
    """
    from sklearn.metrics import precision_recall_fscore_support

    every = np.arange(classes)
    truth, found = (v if v.ndim == 2 else v[:, None] == every for v in (labels, predicted))
    precision, recall, f1, pictures = precision_recall_fscore_support(
        truth, found, average=None, zero_division=np.nan
    )
    scores = np.stack([every, f1, precision, recall, pictures], axis=1)
    return np.asarray(scores[np.argsort(f1, kind="stable")][: np.isfinite(f1).sum()])


def classes(facts: Facts) -> Section | None:
    """F1 of each class as a chart and as a table."""
    return _scores(facts, "class") if facts.blend else None


def labels(facts: Facts) -> Section | None:
    """F1, precision, recall and threshold of each label, and the pictures with most wrong ones."""
    if facts.blend is None:
        return None
    truth, predicted = facts.blend.validation_labels, facts.decide(facts.blend)
    section, wrong = _scores(facts, "label"), (predicted != truth).sum(axis=1)
    numbers, _, precision, recall, _ = section["scores"].T
    dots = {"precision": ("four", precision), "recall": ("five", recall)}
    if facts.thresholds is not None:
        dots["threshold"] = ("rest", facts.thresholds[numbers.astype(int)])
    said = f"{', '.join(dots)} of {len(numbers)} labels, in the same order"
    names = [facts.task.classes[int(number)] for number in numbers]
    order = np.lexsort((-np.abs(facts.blend.validation - truth).sum(axis=1), -wrong))[:WORST]
    return {
        **section,
        "average": float(np.mean(truth.sum(axis=1))),
        "dots": _chart(said, names, dots),
        "dots_legend": [Key(look, name) for name, (look, _) in dots.items()],
        "wrong": int(np.count_nonzero(wrong)),
        "pictures": [_wrong(facts, predicted, row) for row in order.tolist() if wrong[row]],
    }


def _scores(facts: Facts, what: str) -> Section:
    """The scores of all classes, those of the members, and chart and table of both."""
    assert facts.blend is not None
    truth, names = facts.blend.validation_labels, facts.task.classes
    scores = class_scores(truth, facts.decide(facts.blend), len(names))
    members = {}
    for name, member in facts.members.items() if len(facts.members) > 1 else ():
        own = class_scores(truth, facts.decide(member), len(names))
        known = dict(zip(own[:, 0], own[:, 1], strict=True))
        members[name] = [known.get(number, math.nan) for number in scores[:, 0]]
    dots = {name: (look, members[name]) for look, name in zip(COLOURS, members, strict=False)}
    shown = [names[int(number)] for number in scores[:, 0]]
    bars = [
        (f1, f"{name}: {f1:.4f} of {pictures:.0f} pictures")
        for name, f1, pictures in zip(shown, scores[:, 1], scores[:, 4], strict=True)
    ]
    lowest = ", ".join(f"{name} {f1:.2f}" for name, (f1, _) in zip(shown[:5], bars, strict=False))
    extra = {name: (3, values) for name, values in members.items()}
    if truth.ndim == 2 and facts.thresholds is not None:
        extra = {"threshold": (2, facts.thresholds[scores[:, 0].astype(int)].tolist()), **extra}
    columns = [(what, None), ("number", 0), ("F1", 3), ("precision", 3), ("recall", 3)]
    columns += [("pictures", 0), *((name, digits) for name, (digits, _) in extra.items())]
    rows = [
        (name, row[0], bar(row[1]), *row[2:], *(values[place] for _, values in extra.values()))
        for place, (name, row) in enumerate(zip(shown, scores.tolist(), strict=True))
    ]
    keys = [Key("one", "blend"), *(Key(look, name) for name, (look, _) in dots.items())]
    said = f"F1 of {len(scores)} classes, sorted. The lowest: {lowest}"
    return {
        "title": "F1 of each class" if what == "class" else "Each label",
        "scores": scores,
        "perfect": int(np.sum(scores[:, 1] == 1)),
        "chart": _chart(said, shown, dots, bars),
        "legend": keys if members else [],
        "table": Table(f"F1 of each {what} on validation", columns, rows),
    }


def _chart(
    label: str,
    names: Sequence[str],
    dots: Mapping[str, tuple[str, Sequence[float]]],
    bars: Sequence[tuple[float, str]] = (),
) -> Chart:
    """A bar for each class, with its title, and dots; names are below where they are few.

    ``dots`` are by what they are: the class of their colour, and a value a class or NaN.
    """
    named = len(names) <= NAMED
    width = min(1060.0, 80 + (46 if named else 20) * len(names))
    height, bottom = (290.0, 90.0) if named else (220.0, 12.0)
    ends = (-0.5, max(len(names), 1) - 0.5)
    chart = Chart(label, ends, (0.0, 1.0), width=width, height=height, bottom=bottom)
    for place, name in enumerate(names if named else ()):
        turn = f"translate({chart.across(place) + 4:.1f} {height - bottom + 14:.1f}) rotate(-40)"
        text = name if len(name) <= 20 else f"{name[:19]}…"
        chart.add("text", "tick", "", text, transform=turn, text_anchor="end")
    for place, (value, title) in enumerate(bars):
        chart.bar((place - 0.38, place + 0.38), (0.0, value), "one pale" if dots else "one", title)
    for what, (look, values) in dots.items():
        for place, value in enumerate(values):
            if math.isfinite(value):
                chart.dot(place, value, look, f"{names[place]}, {what}: {value:.4f}", 3.2)
    return chart


def _wrong(facts: Facts, predicted: np.ndarray, row: int) -> Picture:
    """A picture's labels that were missed and that were wrongly said."""
    assert facts.blend is not None
    truth, said, lines = facts.blend.validation_labels[row], predicted[row], []
    for who, places in (("missed", truth > said), ("wrongly", said > truth)):
        numbers, sure = np.flatnonzero(places).tolist(), facts.blend.validation[row]
        words = ", ".join(f"{facts.task.classes[n]} {sure[n]:.2f}" for n in numbers)
        lines += [Words(words, "wrong", who)] if words else []
    return facts.picture(row, *lines)


def confusions(facts: Facts) -> Section | None:
    """The most frequent confusions of the blend, with pictures, and the matrix of all."""
    if facts.blend is None:
        return None
    names, truth = facts.task.classes, facts.blend.validation_labels
    predicted = facts.decide(facts.blend)
    sure = sureness(facts.blend.validation, predicted)
    found: list[dict[str, Any]] = []
    for (true, other), rows in worst_confusions(truth, predicted, sure)[:CONFUSIONS]:
        like = np.flatnonzero((truth == other) & (predicted == other))
        pictures = map(facts.picture, like[np.argsort(-sure[like], kind="stable")].tolist())
        found.append(
            {
                "true": names[true],
                "other": names[other],
                "times": len(rows),
                "of": int(np.count_nonzero(truth == true)),
                "wrong": [facts.picture(row) for row in rows[:WRONG]],
                "like": [picture for picture in pictures if picture.jpeg][:LIKE],
            }
        )
    matrix = facts.figure("confusion.png")
    return {"title": "Worst confusions", "confusions": found, "matrix": matrix}


def sureness(predictions: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return how sure ``predictions`` ``(rows, units)`` are of the classes ``predicted``.

    The probability of the class; of grades, which are one value a row, how near the value is.
    """
    if predictions.shape[1] == 1:
        return -np.abs(predictions[:, 0] - predicted)
    return np.asarray(predictions[np.arange(len(predicted)), predicted])


def worst_confusions(
    labels: np.ndarray, predicted: np.ndarray, sure: np.ndarray
) -> list[tuple[tuple[int, int], list[int]]]:
    """Return true class and the one it is taken for, the most frequent first, with the rows.

    Of equal ones that of the smaller class is first; the surest row is first. All are ``(rows,)``.
    """
    found: dict[tuple[int, int], list[int]] = {}
    order = np.argsort(-sure, kind="stable")
    for row in order[(labels != predicted)[order]].tolist():
        found.setdefault((int(labels[row]), int(predicted[row])), []).append(row)
    of = np.bincount(labels)
    return sorted(found.items(), key=lambda one: (-len(one[1]), of[one[0][0]], one[0]))
