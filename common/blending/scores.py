"""``metrics.json`` of an ensemble: the blend and each member on validation, with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.blending.blend import Blend
from common.competition import Competition
from common.files.predictions import Predictions
from common.manifest import write_json
from common.metrics.bootstrap import compare, interval, resampled_scores
from common.progress import report
from common.scoring import row_scorer, validation_score

Members = dict[str, Predictions]
BLEND = "blend"


@dataclass(frozen=True)
class Joined:
    """The sources as members to blend, and how each came about.

    Attributes:
        members: by model; the folds of one model are one member.
        folds: model → fold kernel → its predictions of its own part; of models with folds.
        calibration: model → ``temperature``, ``nll_before`` and ``nll_after`` on validation.
    """

    members: Members
    folds: Mapping[str, Mapping[str, Predictions]]
    calibration: Mapping[str, Mapping[str, float]]


def write_metrics(
    folder: Path,
    competition: Competition,
    blend: Blend,
    joined: Joined,
    mixed: Predictions,
    resamples: int,
) -> None:
    """Write ``metrics.json``.

    It has the blend's method, weights, score, ``interval`` and number ``n`` of pictures; each
    member's score and interval; what the blend gains over the best member, on the same resamples;
    of members with folds each fold's, of tempered ones their temperature; and the thresholds.
    """
    metric, labels = competition.scoring, mixed.validation_labels
    everyone = {**joined.members, BLEND: mixed}
    thresholds = {
        name: competition.find_thresholds(labels, one.validation) for name, one in everyone.items()
    }
    scores = {name: validation_score(competition, one) for name, one in everyone.items()}
    drawn = resampled_scores(
        {name: row_scorer(competition, one, thresholds[name]) for name, one in everyone.items()},
        competition.task.resampling_strata(labels),
        resamples if len(labels) else 0,
    )
    ends = {
        name: interval(drawn[name], score, metric.lowest, metric.highest)
        for name, score in scores.items()
        if score is not None
    }
    found = thresholds[BLEND]
    own = {name: score for name, score in scores.items() if name != BLEND and score is not None}
    facts: dict[str, Any] = {
        "metric": metric.name,
        "greater_is_better": metric.greater_is_better,
        "method": blend.method,
        "weights": dict(zip(joined.members, blend.weights, strict=True)),
        "validation_score": scores[BLEND],
        "interval": ends.get(BLEND),
        "n": len(labels),
        **(competition.task.summary(labels, mixed.validation) if len(labels) else {}),
        "members": own,
        "intervals": {name: ends[name] for name in own},
        "gain": _gain(scores, drawn, metric.sign) if own else None,
        "folds": {
            model: {name: validation_score(competition, fold) for name, fold in folds.items()}
            for model, folds in joined.folds.items()
        },
        "calibration": dict(joined.calibration),
        "thresholds": None if found is None else found.tolist(),
        "chosen_on": chosen_on(blend.method, joined, found),
    }
    write_json(folder / "metrics.json", {key: f for key, f in facts.items() if f not in (None, {})})
    report("blended", method=blend.method, score=scores[BLEND], n=len(labels))


def chosen_on(method: str, joined: Joined, thresholds: np.ndarray | None) -> str:
    """What was chosen on the pictures that the scores are of, in words; empty if nothing."""
    chosen = ["weights"] if method != "mean" and len(joined.members) > 1 else []
    chosen += ["temperatures"] if joined.calibration else []
    chosen += ["thresholds"] if thresholds is not None else []
    return f"{' and '.join(chosen)} chosen on the same pictures" if chosen else ""


def _gain(
    scores: Mapping[str, float | None], drawn: Mapping[str, np.ndarray], sign: int
) -> dict[str, Any] | None:
    """What the blend gains over the best member."""
    known = {name: score for name, score in scores.items() if score is not None}
    whole = known.pop(BLEND)
    if len(known) < 2:  # the blend is that member
        return None
    best = max(known, key=lambda name: sign * known[name])
    return compare(best, whole - known[best], drawn[BLEND], drawn[best], sign)
