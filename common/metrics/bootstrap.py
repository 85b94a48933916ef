"""How far a score would differ on other pictures: percentile bootstrap, paired between models.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993. Every model is scored on the same
resamples, so that the difference of two is of the same pictures.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from common.errors import UserError

RESAMPLES = 500
LEVEL = 0.95  # of an interval


def resampled_scores(
    scores: Mapping[str, Callable[[np.ndarray], float]],
    number: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Each model's score on ``resamples`` draws of ``number`` rows with replacement.

    Args:
        scores: model → its score on some rows, which may raise UserError where it is not defined.
        number: of rows.
        resamples: how many draws.
        seed: of the draws.

    Returns:
        model → ``(resamples,)`` float64; NaN where a score is not defined.
    """
    generator = np.random.default_rng(seed)
    found = {name: np.full(resamples, np.nan) for name in scores}
    for draw in range(resamples):
        rows = generator.integers(number, size=number)
        for name, score in scores.items():
            try:
                found[name][draw] = score(rows)
            except UserError:
                continue
    return found


def interval(scores: np.ndarray) -> list[float] | None:
    """Lower and upper end that hold ``LEVEL`` of ``scores``; None where too few are defined."""
    known = scores[np.isfinite(scores)]
    if len(known) < max(2, len(scores) / 2):
        return None
    tail = (1 - LEVEL) / 2
    return [float(value) for value in np.quantile(known, (tail, 1 - tail))]


def compare(
    name: str, difference: float, scores: np.ndarray, others: np.ndarray, sign: int
) -> dict[str, Any]:
    """What a blend gains over the member ``name``, for ``metrics.json``.

    Args:
        name: of the member.
        difference: the blend's score less the member's.
        scores: ``(resamples,)`` of the blend.
        others: of the member, on the same resamples.
        sign: 1 where greater is better, else -1.

    Returns:
        ``over``, ``difference``, its ``interval``, and ``share_better``: of the resamples in which
        the blend is better, ties half. Above 0.975 it is better beyond chance at 95 %.
    """
    gains = sign * (scores - others)
    known = gains[np.isfinite(gains)]
    better = float((np.mean(known > 0) + np.mean(known >= 0)) / 2) if len(known) else None
    ends = interval(scores - others)
    return {"over": name, "difference": difference, "interval": ends, "share_better": better}
