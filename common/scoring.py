"""What a kernel scores on validation, with its number of pictures and a bootstrap interval."""

from collections.abc import Callable
from typing import Any

import numpy as np

from common.competition import Competition
from common.files.predictions import Predictions
from common.metrics.bootstrap import RESAMPLES, interval, resampled_scores


def validation_score(competition: Competition, predictions: Predictions) -> float | None:
    """The competition's metric on validation, at its best thresholds; None without validation."""
    labels = predictions.validation_labels
    if not len(labels):
        return None
    thresholds = competition.find_thresholds(labels, predictions.validation)
    return competition.score(labels, predictions.validation, thresholds)


def row_scorer(
    competition: Competition, predictions: Predictions, thresholds: np.ndarray | None
) -> Callable[[np.ndarray], float]:
    """The score of some rows of validation. Labels are decided once, for all resamples."""
    metric, labels = competition.scoring, predictions.validation_labels
    given = competition.given(metric.takes, predictions.validation, thresholds)
    return lambda rows: metric.score(labels[rows], given[rows])


def kernel_metrics(
    competition: Competition, predictions: Predictions, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """What a training kernel's ``metrics.json`` says of its score.

    ``metric`` and its direction, ``validation_score``, its ``interval`` (95 %, percentile
    bootstrap) and the number ``n`` of pictures; the ``thresholds``, where labels need some, which
    are chosen on the same pictures; and what the task adds, such as ``validation_accuracy``.
    """
    labels = predictions.validation_labels
    thresholds = competition.find_thresholds(labels, predictions.validation)
    scorer = row_scorer(competition, predictions, thresholds)
    metric, score = competition.scoring, validation_score(competition, predictions)
    strata = competition.task.resampling_strata(labels)
    drawn = resampled_scores({"kernel": scorer}, strata, resamples if len(labels) else 0)["kernel"]
    facts = {
        "metric": metric.name,
        "greater_is_better": metric.greater_is_better,
        "validation_score": score,
        "interval": interval(drawn, score or 0.0, metric.lowest, metric.highest),
        "n": len(labels),
        "thresholds": None if thresholds is None else thresholds.tolist(),
        **(competition.task.summary(labels, predictions.validation) if len(labels) else {}),
    }
    return {name: value for name, value in facts.items() if value is not None}
