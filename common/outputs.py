"""What a kernel that predicts writes: the contract between it and the ensemble.

Any framework will do. A kernel is finished when its working folder has

- ``predictions.npz`` (``common.files.predictions``): ids and predictions of validation and test,
  and validation's labels, in the shapes of the competition's task;
- ``metrics.json``: what it scores on validation;
- ``manifest.json``, which ``common.kernel.KernelRun`` writes when the work has ended well.

``history.csv``, ``thumbnails.npz`` and figures (``*.png``) are shown where they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.competition import Competition
from common.files.predictions import Predictions, groups_of, save_predictions
from common.manifest import write_json
from common.metrics.bootstrap import RESAMPLES, Size, compare, interval, resampled_scores
from common.metrics.metric import Metric
from common.progress import report

BLEND = "blend"
_NUMBERS = (int, float)  # a bool is none


@dataclass(frozen=True)
class ModelScores:
    """What models score on the same pictures, and on the same draws of them."""

    metric: Metric
    scores: Mapping[str, float]  # by model; empty without validation
    drawn: Mapping[str, np.ndarray]  # ``(resamples,)`` by model
    n: int  # pictures
    size: Size  # of what was drawn from

    def interval(self, model: str) -> list[float] | None:
        """Return the interval of a score, 95 %, bootstrap; None where too few draws have one."""
        if model not in self.scores:
            return None
        lowest, highest = self.metric.lowest, self.metric.highest
        return interval(self.drawn[model], self.scores[model], self.size, lowest, highest)

    def facts(self, model: str) -> dict[str, Any]:
        """Return a model's score for ``metrics.json``: metric, direction, score, interval, n.

        And ``groups``, their number, where intervals are of whole groups.
        """
        return without_none(
            metric=self.metric.name,
            greater_is_better=self.metric.greater_is_better,
            validation_score=self.scores.get(model),
            interval=self.interval(model),
            n=self.n,
            groups=self.size.groups,
        )

    def blend_facts(self, members: Mapping[str, str]) -> dict[str, Any]:
        """Return the blend's ``facts`` and each member's score and interval, and the ``gain``.

        The gain is over the best of the others. ``members`` are the models by member.
        """
        others, gain = [model for model in self.scores if model != BLEND], None
        if len(others) > 1:  # a single one is the blend
            best = max(others, key=lambda model: self.metric.sign * self.scores[model])
            difference = self.scores[BLEND] - self.scores[best]
            drawn = (self.drawn[BLEND], self.drawn[best])
            gain = compare(best, difference, *drawn, self.metric.sign, self.size)
        return self.facts(BLEND) | without_none(
            members={name: self.scores[model] for name, model in members.items() if others},
            intervals={name: self.interval(model) for name, model in members.items() if others},
            gain=gain,
        )


def write_outputs(
    folder: Path,
    competition: Competition,
    predictions: Predictions,
    kernel: str,
    facts: Mapping[str, Any] | None = None,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Write ``predictions.npz`` and ``metrics.json``; return the content of the latter.

    It has the competition's metric with an interval; the ``thresholds``, where labels need some,
    which are chosen on the same pictures; what the task adds, such as ``validation_accuracy``; and
    ``facts``. Errors name the ``kernel``. Raises UserError for predictions that are not of the
    competition's task.
    """
    source = kernel or "this kernel"
    check_predictions(competition, predictions, source)
    save_predictions(folder, predictions, source)
    scores = score_models(competition, {"kernel": predictions}, resamples).facts("kernel")
    metrics = {**scores, **threshold_facts(competition, predictions), **(facts or {})}
    write_json(folder / "metrics.json", metrics)
    report("scored", **{name: value for name, value in metrics.items() if type(value) in _NUMBERS})
    return metrics


def check_predictions(competition: Competition, predictions: Predictions, source: str) -> None:
    """Raise UserError naming ``source`` for labels or predictions that are not of the task."""
    for part, values in (("validation", predictions.validation), ("test", predictions.test)):
        competition.task.check_predictions(values, f"{source}, {part}")
    for part in ("validation", "test"):
        labels = getattr(predictions, f"{part}_labels")
        if labels is not None and len(labels):
            competition.task.check_labels(labels, f"{source}: {part}")


def without_none(**facts: Any) -> dict[str, Any]:
    """Return the facts that there are, for ``metrics.json``."""
    return {name: fact for name, fact in facts.items() if fact is not None and fact != {}}


def validation_score(competition: Competition, predictions: Predictions) -> float | None:
    """Return the metric on validation, at its best thresholds; None without validation."""
    return score_models(competition, {BLEND: predictions}, 0).scores.get(BLEND)


def score_models(
    competition: Competition,
    models: Mapping[str, Predictions],
    resamples: int,
    thresholds: Mapping[str, np.ndarray | None] | None = None,
) -> ModelScores:
    """Return what models score, each at the best thresholds of all pictures of validation.

    Others may be given by model.
    """
    metric, labels = competition.scoring, next(iter(models.values())).validation_labels
    if not len(labels):
        return ModelScores(metric, {}, {}, 0, Size(0))

    def scorer(name: str, predictions: Predictions) -> Callable[[np.ndarray], float]:
        if thresholds is None:
            own = competition.find_thresholds(labels, predictions.validation)
        else:
            own = thresholds[name]
        predicted = competition.of_kind(metric.kind, predictions.validation, own)
        return metric.scorer(labels, predicted, competition.task.classes)

    scorers = {name: scorer(name, predictions) for name, predictions in models.items()}
    scores = {name: score(np.arange(len(labels))) for name, score in scorers.items()}
    strata = competition.task.resampling_strata(labels)
    groups = groups_of(models.values(), "validation")
    drawn = resampled_scores(scorers, strata, resamples, groups=groups)
    return ModelScores(metric, scores, drawn, len(labels), Size.of(strata, groups))


def threshold_facts(competition: Competition, predictions: Predictions) -> dict[str, Any]:
    """Return the thresholds and what the task adds, for ``metrics.json``."""
    labels = predictions.validation_labels
    thresholds = competition.find_thresholds(labels, predictions.validation)
    return without_none(
        thresholds=None if thresholds is None else thresholds.tolist(),
        **(
            competition.task.summary(labels, predictions.validation, thresholds)
            if len(labels)
            else {}
        ),
    )


def chosen_on(*choices: str) -> str:
    """Return in words what was chosen on the pictures that a score is of; empty if nothing."""
    chosen = [choice for choice in choices if choice]
    return f"{' and '.join(chosen)} chosen on the same pictures" if chosen else ""
