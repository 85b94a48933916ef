"""What the cells of a sweep score by one metric, on validation or on test.

Each seed, and each split into folds, is scored by itself, and the scores are averaged: what several
networks say of a picture on average would score better than one. Cells that were measured on the
same pictures are scored on the same draws of them, so that a difference is of the same pictures.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np

from common.competition import Competition
from common.errors import UserError
from common.files.predictions import Predictions
from common.metrics.bootstrap import Drawn, compare_means, mean_interval
from common.metrics.metric import find_metric
from common.outputs import score_models
from common.sweep import LOSS, Sweep
from kernels.results.sweep import Measured

RESAMPLES = 1000  # of a part, for the intervals

Training = tuple[int, int]  # seed and split: 0 is the only one without repeated folds
Found = Mapping[str, Mapping[Training, Predictions]]  # by cell, the first one is the base
Penalties = Mapping[str, Mapping[Training, float]]  # by cell


def measure(
    competition: Competition,
    found: Found,
    thresholds: Mapping[str, np.ndarray | None] | None = None,
    penalties: Penalties | None = None,
) -> dict[str, Measured]:
    """Return what each cell scores by the competition's metric on what is ``found`` of validation.

    ``thresholds`` are by the key of a training, as ``score_models`` takes them; ``penalties`` are
    added to its scores.
    """
    metric, base = competition.scoring, next(iter(found))
    drawn, pictures = _draw(competition, found, thresholds)
    if penalties:
        drawn = {cell: _raised(own, penalties[cell]) for cell, own in drawn.items()}
    results = {}
    for name, own in drawn.items():
        ends = mean_interval(own.values(), metric.lowest, metric.highest) if own else None
        same = all(pictures[base].get(one, group) == group for one, group in pictures[name].items())
        change = compare_means(base, own, drawn[base], metric.sign) if name != base else None
        counts = {len(one.validation_ids) for one in found[name].values()}
        results[name] = Measured(
            validation_score=fmean(one.score for one in own.values()) if own else None,
            interval=None if ends is None else (ends[0], ends[1]),
            n=counts.pop() if len(counts) == 1 else None,
            seeds=_by_seed(own),
            splits=[one.score for one in own.values()] if len({n for _, n in own}) > 1 else [],
            change=change or {},
            paired=same,
        )
    return results


def measure_parts(
    competition: Competition, sweep: Sweep, found: Found, penalties: Penalties
) -> dict[str, dict[str, dict[str, Measured]]]:
    """Return each cell's scores on validation and test by the metric, the loss and what else.

    By cell, part and metric. Others are those of test that are published. Labels of test are
    decided at validation's thresholds. Without labels test is left out.
    """
    asked = dict.fromkeys([competition.metric, *_losses(competition, sweep)])
    asked |= dict.fromkeys(name for one in sweep.cells.values() for name in one.published_test)
    parts = {"validation": found}
    if all(one.test_labels is not None for own in found.values() for one in own.values()):
        parts["test"] = {
            cell: {training: as_validation(one) for training, one in own.items()}
            for cell, own in found.items()
        }
    thresholds = {
        _key(cell, training): competition.find_thresholds(one.validation_labels, one.validation)
        for cell, own in found.items()
        for training, one in own.items()
    }
    results: dict[str, dict[str, dict[str, Measured]]] = {cell: {} for cell in found}
    for part, of_part in parts.items():
        for name in asked:
            own = replace(competition, metric="log_loss" if name == LOSS else name)
            scores = measure(own, of_part, thresholds, penalties if name == LOSS else None)
            for cell, one in scores.items():
                results[cell].setdefault(part, {})[name] = one
    return results


def alike(
    competition: Competition,
    names: Iterable[str],
    found: Mapping[Training, Predictions],
    penalties: Mapping[Training, float],
) -> dict[str, float]:
    """Return a cell's means over its trainings by the metrics ``names``, as far as defined."""
    means = {}
    for name in names:
        metric, scores = find_metric("log_loss" if name == LOSS else name), []
        for training, one in found.items():
            labels, thresholds = one.validation_labels, None
            if metric.kind == "labels":
                thresholds = competition.find_thresholds(labels, one.validation)
            predicted = competition.of_kind(metric.kind, one.validation, thresholds)
            try:
                score = metric.score(labels, predicted, competition.task.classes)
            except UserError:  # not defined on these pictures
                break
            scores.append(score + penalties[training] * (name == LOSS))
        if scores and len(scores) == len(found):
            means[name] = fmean(scores)
    return means


def as_validation(one: Predictions) -> Predictions:
    """Return predictions whose validation is test, which has labels."""
    assert one.test_labels is not None
    return replace(
        one,
        validation_ids=one.test_ids,
        validation_labels=one.test_labels,
        validation=one.test,
        validation_groups=one.test_groups,
    )


def _losses(competition: Competition, sweep: Sweep) -> list[str]:
    """The loss by which parts are measured; none where the task has no log loss."""
    if competition.task.name not in find_metric("log_loss").tasks:
        return []
    cells = sweep.cells.values()
    published = {name for cell in cells for name in (*cell.published, *cell.published_test)}
    return [LOSS if LOSS in published else "log_loss"]


def _raised(own: Mapping[Training, Drawn], by: Mapping[Training, float]) -> dict[Training, Drawn]:
    return {
        training: replace(one, score=one.score + by[training], draws=one.draws + by[training])
        for training, one in own.items()
    }


def _by_seed(own: Mapping[Training, Drawn]) -> dict[str, float]:
    """The score of each seed, the mean over its splits."""
    scores: dict[str, list[float]] = {}
    for (seed, _), one in own.items():
        scores.setdefault(str(seed), []).append(one.score)
    return {seed: fmean(found) for seed, found in scores.items()}


def _key(cell: str, training: Training) -> str:
    return f"{cell} {training}"


def _draw(
    competition: Competition,
    found: Found,
    thresholds: Mapping[str, np.ndarray | None] | None,
) -> tuple[dict[str, dict[Training, Drawn]], dict[str, dict[Training, int]]]:
    """Each training's score and its scores on the draws, by cell; and the number of its pictures.

    Those with one number have the same pictures, and the same draws. Others must not have draws
    that agree by chance: theirs are moved on.
    """
    alike: dict[Any, dict[str, tuple[str, Training]]] = {}
    for cell, trainings in found.items():
        for training, one in trainings.items():
            groups = one.validation_groups
            known = None if groups is None else tuple(groups.tolist())
            same = (tuple(one.validation_ids.tolist()), one.validation_labels.tobytes(), known)
            alike.setdefault(same, {})[_key(cell, training)] = (cell, training)
    drawn: dict[str, dict[Training, Drawn]] = {cell: {} for cell in found}
    pictures: dict[str, dict[Training, int]] = {cell: {} for cell in found}
    for number, group in enumerate(alike.values()):
        models = {name: found[cell][training] for name, (cell, training) in group.items()}
        scores = score_models(competition, models, RESAMPLES, thresholds)
        for name, (cell, training) in group.items():
            draws = np.roll(scores.drawn[name], number)
            drawn[cell][training] = Drawn(scores.scores[name], draws, scores.size)
            pictures[cell][training] = number
    return drawn, pictures
