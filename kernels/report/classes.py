"""Each class or label: F1, precision and recall, and which classes are taken for which."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.metrics.classification import confusion_matrix
from kernels.report.charts import class_chart
from kernels.report.facts import Facts
from kernels.report.pictures import Card, Words, card, no_pictures
from kernels.report.render import Key, Section

CONFUSIONS, WRONG, LIKE, WORST = 8, 5, 3, 24  # how many are shown
COLOURS = ("two", "three", "four", "five")  # of the members


@dataclass(frozen=True)
class ClassScore:
    """One class on validation: F1, precision and recall (NaN where undefined), and pictures."""

    number: int
    f1: float
    precision: float
    recall: float
    pictures: int


def class_scores(labels: np.ndarray, predicted: np.ndarray, classes: int) -> list[ClassScore]:
    """Return the classes that are labelled or predicted on validation, the lowest F1 first.

    Both are class numbers ``(rows,)``, or 0 and 1 for each label, ``(rows, classes)``.
    """
    from sklearn.metrics import precision_recall_fscore_support

    every = np.arange(classes)
    truth = labels if labels.ndim == 2 else labels[:, None] == every
    given = predicted if predicted.ndim == 2 else predicted[:, None] == every
    options = {"average": None, "zero_division": np.nan}
    precision, recall, f1, pictures = precision_recall_fscore_support(truth, given, **options)
    order = [c for c in np.argsort(f1, kind="stable").tolist() if np.isfinite(f1[c])]
    return [
        ClassScore(c, float(f1[c]), float(precision[c]), float(recall[c]), int(pictures[c]))
        for c in order
    ]


def classes_section(facts: Facts) -> Section | None:
    """F1 of each class as a chart and as a table."""
    if facts.blend is None:
        return None
    return Section("classes", "classes", "F1 of each class", _scores(facts))


def labels_section(facts: Facts) -> Section | None:
    """F1, precision, recall and threshold of each label, and the pictures with most wrong ones."""
    if facts.blend is None:
        return None
    labels, predicted = facts.blend.validation_labels, facts.decide(facts.blend)
    data, wrong = _scores(facts), (predicted != labels).sum(axis=1)
    scores = data["scores"]
    dots = {
        "precision": ("four", [score.precision for score in scores]),
        "recall": ("five", [score.recall for score in scores]),
    }
    if data["thresholds"]:
        dots["threshold"] = ("rest", [data["thresholds"][score.number] for score in scores])
    label = f"{', '.join(dots)} of {len(scores)} labels, in the same order"
    distance = np.abs(facts.blend.validation - labels).sum(axis=1)
    order = np.lexsort((-distance, -wrong))[:WORST].tolist()
    data |= {
        "average": float(np.mean(labels.sum(axis=1))),
        "dots": class_chart(label, [facts.class_name(s.number) for s in scores], dots),
        "dots_legend": [Key(look, name) for name, (look, _) in dots.items()],
        "wrong": int(np.count_nonzero(wrong)),
        "pictures": len(wrong),
        "cards": [_wrong(facts, predicted, row) for row in order if wrong[row]],
        "without": no_pictures(facts),
    }
    return Section("labels", "labels", "Each label", data)


def _scores(facts: Facts) -> dict[str, Any]:
    """The scores of all classes, those of the members, and the chart of both."""
    assert facts.blend is not None
    labels, names = facts.blend.validation_labels, facts.task.classes
    scores = class_scores(labels, facts.decide(facts.blend), len(names))
    members = {}
    for name, member in facts.members.items() if len(facts.members) > 1 else ():
        own = {s.number: s.f1 for s in class_scores(labels, facts.decide(member), len(names))}
        members[name] = [own.get(score.number, math.nan) for score in scores]
    dots = {name: (look, members[name]) for look, name in zip(COLOURS, members, strict=False)}
    shown = [names[score.number] for score in scores]
    bars = [(s.f1, f"{names[s.number]}: {s.f1:.4f} of {s.pictures} pictures") for s in scores]
    lowest = ", ".join(f"{names[s.number]} {s.f1:.2f}" for s in scores[:5])
    label = f"F1 of {len(scores)} classes, sorted. The lowest: {lowest}"
    thresholds = facts.thresholds if labels.ndim == 2 else None
    keys = [Key("one", "blend"), *(Key(look, name) for name, (look, _) in dots.items())]
    return {
        "scores": scores,
        "members": members,
        "thresholds": None if thresholds is None else thresholds.tolist(),
        "chart": class_chart(label, shown, dots, bars),
        "legend": keys if members else [],
    }


def _wrong(facts: Facts, predicted: np.ndarray, row: int) -> Card:
    """A picture's labels that were missed and that were wrongly given."""
    assert facts.blend is not None
    truth, given = facts.blend.validation_labels[row], predicted[row]
    lines = []
    for who, places in (("missed", truth > given), ("wrongly", given > truth)):
        numbers = np.flatnonzero(places).tolist()
        words = [f"{facts.class_name(n)} {facts.blend.validation[row, n]:.2f}" for n in numbers]
        lines += [Words(", ".join(words), "wrong", who)] if words else []
    return card(facts, row, *lines)


@dataclass(frozen=True)
class Confusion:
    """One class taken for another: how often, of how many, and the rows, the surest first."""

    true: int
    taken_for: int
    of: int
    rows: tuple[int, ...]


def confusions_section(facts: Facts) -> Section | None:
    """The most frequent confusions of the blend, with pictures, and the matrix of all."""
    if facts.blend is None:
        return None
    labels, predicted = facts.blend.validation_labels, facts.decide(facts.blend)
    sure = sureness(facts.blend.validation, predicted)
    found = worst_confusions(labels, predicted, sure, len(facts.task.classes), CONFUSIONS)
    surest = np.argsort(-sure, kind="stable")
    right = surest[(labels == predicted)[surest]]
    rows = []
    for one in found:
        like = [card(facts, r) for r in right[labels[right] == one.taken_for].tolist()]
        rows.append(
            {
                "true": facts.class_name(one.true),
                "other": facts.class_name(one.taken_for),
                "times": len(one.rows),
                "of": one.of,
                "wrong": [card(facts, row) for row in one.rows[:WRONG]],
                "like": [shown for shown in like if shown.jpeg][:LIKE],
            }
        )
    data = {"rows": rows, "without": no_pictures(facts), "matrix": facts.figure("confusion.png")}
    return Section("confusions", "confusions", "Worst confusions", data)


def sureness(predictions: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return how sure ``predictions`` ``(rows, units)`` are of the classes ``predicted``.

    The probability of the class; of grades, which are one value a row, how near the value is.
    """
    if predictions.shape[1] == 1:
        return -np.abs(predictions[:, 0] - predicted)
    return np.asarray(predictions[np.arange(len(predicted)), predicted])


def worst_confusions(
    labels: np.ndarray, predicted: np.ndarray, sure: np.ndarray, classes: int, limit: int
) -> list[Confusion]:
    """Return the most frequent confusions; of equal ones, that of the smaller class first.

    ``labels``, ``predicted`` and ``sure`` are ``(rows,)``.
    """
    counts = confusion_matrix(labels, predicted, classes)
    of = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    pairs = sorted(np.argwhere(counts).tolist(), key=lambda p: (-counts[p[0], p[1]], of[p[0]]))
    found = []
    for true, taken_for in pairs[:limit]:
        rows = np.flatnonzero((labels == true) & (predicted == taken_for))
        rows = rows[np.argsort(-sure[rows], kind="stable")]
        found.append(Confusion(true, taken_for, int(of[true]), tuple(rows.tolist())))
    return found
