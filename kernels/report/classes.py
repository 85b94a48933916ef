"""Each class or label: F1, precision and recall, and which classes are taken for which."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from common.metrics.counting import scores_per_class
from kernels.report.charts import Chart
from kernels.report.facts import Facts, Picture, Words
from kernels.report.render import Key, Section, Table, bar

CONFUSIONS, WRONG, LIKE, WORST = 8, 5, 3, 24  # how many are shown
NAMED = 22  # classes at most that have their names in a chart
Frame = Any  # of pandas, which is slow to import
COLOURS = ("two", "three", "four", "five")  # of the members


def class_scores(labels: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> Frame:
    """Return the scores of the classes that are labelled or predicted, the lowest F1 first.

    Both are class numbers ``(rows,)``, or 0 and 1 for each label, ``(rows, classes)``. The index
    is the class's number; precision and recall are NaN where undefined.
    """
    import pandas as pd

    scores = scores_per_class(labels, predicted, names).values()
    found = pd.DataFrame(scores, dtype=float).rename(columns={"f1": "F1"})
    frame = found[["F1", "precision", "recall"]].assign(pictures=found["pictures"].astype(int))
    frame.insert(0, "number", range(len(names)))
    frame.insert(0, "name", names)
    return frame.dropna(subset=["F1"]).sort_values("F1", kind="stable")


def classes(facts: Facts) -> Section:
    """F1 of each class as a chart and as a table."""
    scores = _scores(facts)
    perfect = int((scores["F1"] == 1).sum())
    return {"title": "F1 of each class", "perfect": perfect, **_shown(facts, scores, "class")}


def labels(facts: Facts) -> Section:
    """F1, precision, recall and threshold of each label, and the pictures with most wrong ones."""
    truth, predicted = facts.blend.validation_labels, facts.decide(facts.blend)
    scores, wrong = _scores(facts), (predicted != truth).sum(axis=1)
    if facts.thresholds is not None:
        scores.insert(6, "threshold", facts.thresholds[scores["number"]])
    shown = [name for name in ("precision", "recall", "threshold") if name in scores]
    dots = dict(zip(shown, ("four", "five", "rest"), strict=False))
    said = f"{', '.join(dots)} of {len(scores)} labels, in the same order"
    order = np.lexsort((-np.abs(facts.blend.validation - truth).sum(axis=1), -wrong))[:WORST]
    return {
        "title": "Each label",
        **_shown(facts, scores, "label"),
        "average": float(np.mean(truth.sum(axis=1))),
        "dots": _chart(said, scores, dots),
        "dots_legend": [Key(look, name) for name, look in dots.items()],
        "wrong": int(np.count_nonzero(wrong)),
        "pictures": [_wrong(facts, predicted, row) for row in order.tolist() if wrong[row]],
    }


def _scores(facts: Facts) -> Frame:
    """The scores of all classes, and a column with each member's F1 of them."""
    truth, names = facts.blend.validation_labels, facts.task.classes
    scores = class_scores(truth, facts.decide(facts.blend), names)
    for name, member in facts.members.items() if len(facts.members) > 1 else ():
        scores[name] = class_scores(truth, facts.decide(member), names)["F1"]
    return scores


def _shown(facts: Facts, scores: Frame, what: str) -> Section:
    """Chart and table of the classes."""
    dots = {
        name: look for name, look in zip(facts.members, COLOURS, strict=False) if name in scores
    }
    keys = [Key("one", "blend"), *(Key(look, name) for name, look in dots.items())]
    lowest = ", ".join(f"{s.name} {s.F1:.2f}" for s in scores[:5].itertuples())
    said = f"F1 of {len(scores)} classes, sorted. The lowest: {lowest}"
    rows = [
        {what: row.pop("name"), "no.": row.pop("number"), **row, "F1": bar(row["F1"])}
        for row in scores.to_dict("records")
    ]
    return {
        "number": len(scores),
        "chart": _chart(said, scores, dots, bars=True),
        "legend": keys if dots else [],
        "table": Table(f"F1 of each {what} on validation", rows),
    }


def _chart(label: str, scores: Frame, dots: dict[str, str], bars: bool = False) -> Chart:
    """A bar of F1 for each class, and dots of the columns ``dots``, each with its colour."""
    named = len(scores) <= NAMED
    width = min(1060.0, 80 + (46 if named else 20) * len(scores))
    height, bottom = (290.0, 90.0) if named else (220.0, 12.0)
    ends = (-0.5, max(len(scores), 1) - 0.5)
    chart = Chart(label, ends, (0.0, 1.0), width=width, height=height, bottom=bottom)
    for place, (name, f1, pictures) in enumerate(
        zip(scores["name"], scores["F1"], scores["pictures"], strict=True)
    ):
        if named:
            turn = (
                f"translate({chart.across(place) + 4:.1f} {height - bottom + 14:.1f}) rotate(-40)"
            )
            text = name if len(name) <= 20 else f"{name[:19]}…"
            chart.add("text", "tick", "", text, transform=turn, text_anchor="end")
        if bars:
            look, title = "one pale" if dots else "one", f"{name}: {f1:.4f} of {pictures} pictures"
            chart.bar((place - 0.38, place + 0.38), (0.0, f1), look, title)
    for column, look in dots.items():
        for place, (name, value) in enumerate(zip(scores["name"], scores[column], strict=True)):
            if np.isfinite(value):
                chart.dot(place, value, look, f"{name}, {column}: {value:.4f}", 3.2)
    return chart


def _wrong(facts: Facts, predicted: np.ndarray, row: int) -> Picture:
    """A picture's labels that were missed and that were wrongly said."""
    truth, said, lines = facts.blend.validation_labels[row], predicted[row], []
    for who, places in (("missed", truth > said), ("wrongly", said > truth)):
        numbers, sure = np.flatnonzero(places).tolist(), facts.blend.validation[row]
        words = ", ".join(f"{facts.task.classes[n]} {sure[n]:.2f}" for n in numbers)
        lines += [Words(words, "wrong", who)] if words else []
    return facts.picture(row, *lines)


def confusions(facts: Facts) -> Section:
    """The most frequent confusions of the blend, with pictures, and the matrix of all."""
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
