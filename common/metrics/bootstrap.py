"""How far a score would differ on other pictures: a stratified bootstrap, paired between models.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993. Rows are drawn anew within their
class: draws from all rows miss a third of the pictures of a rare class, which lowers macro F1
in nearly every draw. Ends are those of the basic interval, which takes such a shift back. Of 104
classes with 3, 10 and 36 pictures each, intervals that say 95 % had the true macro F1 in 87, 95
and 91 % of 150 trials; plain percentiles in 66, 89 and 90 %.

Every model is scored on the same draws, so that the difference of two is of the same pictures.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from common.errors import UserError

RESAMPLES = 500
LEVEL = 0.95  # of an interval


def resampled_scores(
    scores: Mapping[str, Callable[[np.ndarray], float]],
    strata: np.ndarray,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return each model's score on draws of the rows with replacement, ``(resamples,)`` float64.

    ``scores`` are functions of rows; where one raises UserError, its score is NaN. ``strata`` are
    ``(rows,)`` integers; as many rows of each are drawn as there are.
    """
    generator = np.random.default_rng(seed)
    order = np.argsort(strata, kind="stable")
    _, starts, inverse, counts = np.unique(
        strata[order], return_index=True, return_inverse=True, return_counts=True
    )
    first, size = starts[inverse], counts[inverse]
    found = {name: np.full(resamples, np.nan) for name in scores}
    for draw in range(resamples):
        rows = order[first + (generator.random(len(order)) * size).astype(np.int64)]
        for name, score in scores.items():
            try:
                found[name][draw] = score(rows)
            except UserError:
                continue
    return found


def interval(
    scores: np.ndarray, whole: float, lowest: float = -np.inf, highest: float | None = None
) -> list[float] | None:
    """Return the ends of the basic interval of ``LEVEL``, within what a metric can be.

    ``scores`` are those of the draws, ``whole`` that of all rows. None where too few are defined.
    """
    known = scores[np.isfinite(scores)]
    if len(known) < max(2, len(scores) / 2):
        return None
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(known, (tail, 1 - tail))
    ends = (2 * whole - high, 2 * whole - low)
    return [float(np.clip(end, lowest, np.inf if highest is None else highest)) for end in ends]


def compare(
    name: str, difference: float, scores: np.ndarray, others: np.ndarray, sign: int
) -> dict[str, Any]:
    """Return what a blend gains over the member ``name``, for ``metrics.json``.

    ``difference`` is the blend's score less the member's, ``scores`` and ``others`` are theirs on
    the same draws, ``(resamples,)``, ``sign`` is 1 where greater is better, else -1.
    ``share_better`` is that of the draws in which the blend is better, ties half.
    """
    gains = sign * (scores - others)
    known = gains[np.isfinite(gains)]
    better = float((np.mean(known > 0) + np.mean(known >= 0)) / 2) if len(known) else None
    ends = interval(scores - others, difference)
    return {"over": name, "difference": difference, "interval": ends, "share_better": better}
