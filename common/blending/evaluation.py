"""What a run that submits nothing ends in: all metrics of validation and test, and a table.

Test is measured here and nowhere before: nothing that is trained, chosen or blended has seen its
labels.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from common.competition import Competition
from common.data.tables import write_table
from common.errors import UserError
from common.files.predictions import PARTS, Predictions
from common.metrics import figures
from common.metrics.bootstrap import Size, interval, resampled_scores
from common.metrics.counting import confusion_matrix, scores_per_class
from common.metrics.metric import find_metric
from common.outputs import without_none
from common.progress import report

TABLE = "predictions.csv"
_TEST_FIGURES = ("test_confusion.png", "test_errors.png")

Part = tuple[str, np.ndarray, np.ndarray | None, np.ndarray]  # name, ids, labels, predictions


def write_predictions(
    path: Path, competition: Competition, blended: Predictions, thresholds: np.ndarray | None
) -> Path:
    """Write a row for each picture of validation and test; return the path.

    Columns: ``id``, ``part``, its ``label`` where it is known, what is ``predicted`` of classes,
    and each column of the task by its class's name, or ``value``.
    """
    task = competition.task
    columns = task.classes if len(task.classes) == task.units else ("value",)
    header = ["id", "part", "label", *["predicted"] * bool(task.classes), *columns]

    def rows() -> Iterator[list[str]]:
        for part, ids, labels, predictions in _parts(blended):
            decided = task.decide(predictions, thresholds) if task.classes else None
            for row, values in enumerate(predictions.astype(str).tolist()):
                label = "" if labels is None else _in_words(competition, labels[row])
                predicted = [] if decided is None else [task.describe(decided[row])]
                yield [str(ids[row]), part, label, *predicted, *values]

    return write_table(path, header, rows())


def evaluation_facts(
    competition: Competition, blended: Predictions, thresholds: np.ndarray | None, resamples: int
) -> dict[str, Any]:
    """Return ``validation_metrics`` and ``test_metrics`` for ``metrics.json``, as far as labelled.

    Of test also ``test_score``, its ``test_interval`` and ``test_n``, of the competition's metric,
    and ``test_groups``, their number, where intervals are of whole groups. Labels are decided at
    validation's ``thresholds``.
    """
    facts: dict[str, Any] = {}
    for part, _, labels, predictions in _parts(blended):
        if labels is None:
            continue
        report("measuring", part=part, **{competition.task.rows_word: len(labels)})
        groups = getattr(blended, f"{part}_groups")
        found = measure(competition, labels, predictions, thresholds, resamples, groups)
        facts[f"{part}_metrics"] = found
        if part == "test":
            own = competition.metric
            facts |= without_none(
                test_score=found.get(own), test_interval=found["intervals"].get(own)
            )
            number = Size.of(competition.task.resampling_strata(labels), groups).groups
            facts |= without_none(test_n=len(labels), test_groups=number)
    return facts


def measure(
    competition: Competition,
    labels: np.ndarray,
    predictions: np.ndarray,
    thresholds: np.ndarray | None,
    resamples: int,
    groups: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return every metric of the task that is defined on these rows, by name.

    ``intervals`` has their ends, 95 %, all on the same draws, of whole ``groups`` where they are
    given. Of classes ``per_class`` has precision, recall, F1 and the number of pictures, and where
    each picture has one ``confusion`` has the counts, rows of the true class.
    """
    task, classes = competition.task, competition.task.classes
    scorers, found = {}, dict[str, Any]()
    for name in dict.fromkeys((competition.metric, *task.shown_metrics)):
        metric = find_metric(name)
        predicted = competition.of_kind(metric.kind, predictions, thresholds)
        try:
            scorer = metric.scorer(labels, predicted, classes)
            found[name] = scorer(slice(None))
            scorers[name] = scorer
        except UserError:  # not defined here, as ROC AUC of one class
            continue
    strata = task.resampling_strata(labels)
    drawn = resampled_scores(scorers, strata, resamples, groups=groups)
    size = Size.of(strata, groups)
    bounds = {name: (find_metric(name).lowest, find_metric(name).highest) for name in drawn}
    ends = {name: interval(own, found[name], size, *bounds[name]) for name, own in drawn.items()}
    found["intervals"] = without_none(**ends)
    if classes:
        decided = task.decide(predictions, thresholds)
        found["per_class"] = scores_per_class(labels, decided, classes)
    if task.has_class_numbers:
        found["confusion"] = confusion_matrix(labels, decided, len(classes)).tolist()
    return found


def draw_test(
    folder: Path, competition: Competition, blended: Predictions, thresholds: np.ndarray | None
) -> None:
    """Draw the confusions or errors of test, where it is labelled."""
    if blended.test_labels is not None:
        drawn = (competition.task, blended.test_labels, blended.test, thresholds)
        figures.predictions(folder, *drawn, *_TEST_FIGURES)


def _parts(blended: Predictions) -> Iterator[Part]:
    """Validation and test, as far as there are pictures."""
    for part in PARTS:
        ids = getattr(blended, f"{part}_ids")
        if len(ids):
            yield part, ids, getattr(blended, f"{part}_labels"), getattr(blended, part)


def _in_words(competition: Competition, label: Any) -> str:
    return competition.task.describe(label) if competition.task.classes else str(label)
