"""How far a score would differ on other pictures: a stratified bootstrap, paired between models.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993. Rows are drawn anew within their
class: draws from all rows miss a third of the pictures of a rare class, which lowers macro F1
in nearly every draw.

The ends of a metric with bounds are Wilson's (1927) for as many rows as explain the spread of the
draws, the effective sample size (Korn and Graubard, 1998). Without errors, or with few rows, the
draws differ too little or not at all: their quantiles would be an interval of no width. Coverage of
this and of others is in docs/log.md (``benchmarks/intervals.py``).

Every model is scored on the same draws, so that the difference of two is of the same pictures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.errors import UserError

RESAMPLES = 500
LEVEL = 0.95  # of an interval


@dataclass(frozen=True)
class Size:
    """How many rows were drawn from, and from how many ``strata``."""

    rows: int
    strata: int = 1

    @classmethod
    def of(cls, strata: np.ndarray) -> "Size":
        """Return the size of rows whose strata are ``(rows,)`` integers."""
        return cls(len(strata), len(np.unique(strata)))

    @property
    def widen(self) -> float:
        """By how much draws vary too little: of m rows, by (m - 1) / m of the variance."""
        return float(np.sqrt(self.rows / max(1, self.rows - self.strata)))


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
    scores: np.ndarray,
    whole: float,
    size: Size,
    lowest: float | None = None,
    highest: float | None = None,
) -> list[float] | None:
    """Return the ends of the interval of ``LEVEL``, within what a metric can be.

    ``scores`` are those of the draws, ``whole`` that of all rows. A metric without one of the
    bounds has a basic interval. None where too few draws are defined, or where all are the same
    though the rows are not of one kind.
    """
    known = scores[np.isfinite(scores)]
    if len(known) < max(2, len(scores) / 2):
        return None
    if lowest is None or highest is None:
        tail = (1 - LEVEL) / 2
        low, high = np.quantile(known, (tail, 1 - tail))
        if low == high and whole:
            return None
        ends = (whole - size.widen * (high - whole), whole - size.widen * (low - whole))
        return [float(max(end, -np.inf if lowest is None else lowest)) for end in ends]
    share, spread = (whole - lowest) / (highest - lowest), known.std() / (highest - lowest)
    spread *= size.widen
    rows = min(share * (1 - share) / spread**2, 2 * size.rows) if spread else 0
    return [lowest + (highest - lowest) * end for end in wilson(share, rows or size.rows)]


def wilson(share: float, rows: float) -> tuple[float, float]:
    """Return the ends of Wilson's interval of ``LEVEL`` of a share of ``rows``; from 0 to 1.

    scipy.stats has it for whole numbers of rows alone.
    """
    from scipy.stats import norm

    z = norm.ppf((1 + LEVEL) / 2)
    centre = share + z**2 / (2 * rows)
    half = z * np.sqrt(share * (1 - share) / rows + (z / rows / 2) ** 2)
    low, high = ((centre + side * half) / (1 + z**2 / rows) for side in (-1, 1))
    return max(0.0, min(share, float(low))), min(1.0, max(share, float(high)))


def compare(
    name: str,
    difference: float,
    scores: np.ndarray,
    others: np.ndarray,
    sign: int,
    size: Size,
) -> dict[str, Any]:
    """Return what a blend gains over the member ``name``, for ``metrics.json``.

    ``difference`` is the blend's score less the member's, ``scores`` and ``others`` are theirs on
    the same draws, ``(resamples,)``, ``sign`` is 1 where greater is better, else -1.
    ``share_better`` is that of the draws in which the blend is better, ties half.
    """
    gains = sign * (scores - others)
    known = gains[np.isfinite(gains)]
    better = float((np.mean(known > 0) + np.mean(known >= 0)) / 2) if len(known) else None
    ends = interval(scores - others, difference, size)
    return {"over": name, "difference": difference, "interval": ends, "share_better": better}
