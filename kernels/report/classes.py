"""Each class or label: F1, precision and recall, and which classes are taken for which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.metrics.classification import confusion_matrix
from kernels.report.charts import Chart, class_chart
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
    data = _scores(facts)
    data["perfect"] = sum(score.f1 == 1 for score in data["scores"])
    return Section("classes", "classes", "F1 of each class", data)


def labels_section(facts: Facts) -> Section | None:
    """F1, precision, recall and threshold of each label, and the pictures with most wrong ones."""
    if facts.blend is None:
        return None
    labels, predicted = facts.blend.validation_labels, facts.decide(facts.blend)
    data, wrong = _scores(facts), (predicted != labels).sum(axis=1)
    values = {"precision": "four", "recall": "five"}
    if facts.thresholds is not None:
        values["threshold"] = "rest"
    distance = np.abs(facts.blend.validation - labels).sum(axis=1)
    order = np.lexsort((-distance, -wrong))[:WORST].tolist()
    data |= {
        "average": float(np.mean(labels.sum(axis=1))),
        "dots": _dots(facts, data["scores"], values),
        "dots_legend": [Key(look, name) for name, look in values.items()],
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
    several = facts.members if len(facts.members) > 1 else {}
    members = {
        name: {s.number: s.f1 for s in class_scores(labels, facts.decide(member), len(names))}
        for name, member in several.items()
    }
    looks = dict(zip(members, COLOURS, strict=False))
    thresholds = facts.thresholds if labels.ndim == 2 else None
    keys = [Key("one", "blend"), *(Key(look, name) for name, look in looks.items())]
    return {
        "scores": scores,
        "names": names,
        "members": members,
        "thresholds": None if thresholds is None else thresholds.tolist(),
        "chart": _bars(names, scores, members, looks),
        "legend": keys if members else [],
    }


def _bars(
    names: Sequence[str],
    scores: Sequence[ClassScore],
    members: Mapping[str, Mapping[int, float]],
    looks: Mapping[str, str],
) -> Chart:
    """A bar for each class, and a dot for each of the members."""
    lowest = ", ".join(f"{names[s.number]} {s.f1:.2f}" for s in scores[:5])
    label = f"F1 of {len(scores)} classes, sorted. The lowest: {lowest}"
    chart = class_chart(label, [names[score.number] for score in scores])
    for place, score in enumerate(scores):
        name = names[score.number]
        title = f"{name}: {score.f1:.4f} of {score.pictures} pictures"
        look = "one pale" if members else "one"
        chart.bar((place - 0.38, place + 0.38), (0.0, score.f1), look, title)
        for member, look in looks.items():
            f1 = members[member].get(score.number)
            if f1 is not None:
                chart.dot(place, f1, look, f"{name}, {member}: {f1:.4f}", 3.2)
    return chart


def _dots(facts: Facts, scores: Sequence[ClassScore], values: Mapping[str, str]) -> Chart:
    """A dot for precision, recall and threshold of each label."""
    names = [facts.class_name(score.number) for score in scores]
    chart = class_chart(f"{', '.join(values)} of {len(scores)} labels, in the same order", names)
    for place, score in enumerate(scores):
        known = {"precision": score.precision, "recall": score.recall}
        if facts.thresholds is not None:
            known["threshold"] = float(facts.thresholds[score.number])
        for name, value in known.items():
            if np.isfinite(value):
                chart.dot(place, value, values[name], f"{names[place]}, {name}: {value:.4f}", 3.2)
    return chart


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
