"""How far a score would differ on other pictures: a stratified bootstrap, paired between models.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993. Rows are drawn anew within their
class: draws from all rows miss a third of the pictures of a rare class, which lowers macro F1
in nearly every draw. Where rows belong to groups, such as the pictures of one patient, whole groups
are drawn instead (a cluster bootstrap; Davison and Hinkley, "Bootstrap Methods and their
Application", 1997, 3.8): what a model gets right of one picture it tends to get right of the next.

The ends of a metric with bounds are Wilson's (1927) for as many rows as explain the spread of the
draws, the effective sample size (Korn and Graubard, 1998). Without errors, or with few rows, the
draws differ too little or not at all: their quantiles would be an interval of no width. Coverage of
this and of others is in docs/log.md (``benchmarks/intervals.py``).

Every model is scored on the same draws, so that the difference of two is of the same pictures.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.errors import UserError

RESAMPLES = 500
LEVEL = 0.95  # of an interval


@dataclass(frozen=True)
class Size:
    """How many rows were drawn from, from how many ``strata``, and in how many ``groups``.

    ``groups`` is None where each row is drawn by itself.
    """

    rows: int
    strata: int = 1
    groups: int | None = None

    @classmethod
    def of(cls, strata: np.ndarray, groups: np.ndarray | None = None) -> "Size":
        """Return the size of rows as ``resampled_scores`` takes them."""
        units, of_units = _units(strata, groups)
        whole = len(of_units) if len(of_units) < len(units) else None
        return cls(len(strata), len(np.unique(of_units)), whole)

    @property
    def drawn(self) -> int:
        """Of rows or groups."""
        return self.rows if self.groups is None else self.groups

    @property
    def widen(self) -> float:
        """By how much draws vary too little: of m rows, by (m - 1) / m of the variance."""
        return float(np.sqrt(self.drawn / max(1, self.drawn - self.strata)))


def resampled_scores(
    scores: Mapping[str, Callable[[np.ndarray], float]],
    strata: np.ndarray,
    resamples: int = RESAMPLES,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return each model's score on draws of the rows with replacement, ``(resamples,)`` float64.

    ``scores`` are functions of rows; where one raises UserError, its score is NaN. ``strata`` are
    ``(rows,)`` integers; as many rows of each are drawn as there are. With ``groups``, ``(rows,)``
    text, whole groups are drawn, each in the stratum of most of its rows, and as many of a stratum
    as there are; a row without a group is one by itself.
    """
    generator = np.random.default_rng(seed)
    units, of_units = _units(strata, groups)
    order = np.argsort(of_units, kind="stable")
    _, starts, inverse, counts = np.unique(
        of_units[order], return_index=True, return_inverse=True, return_counts=True
    )
    first, size = starts[inverse], counts[inverse]
    rows_of = _Members(units)
    found = {name: np.full(resamples, np.nan) for name in scores}
    for draw in range(resamples):
        drawn = order[first + (generator.random(len(order)) * size).astype(np.int64)]
        rows = rows_of(drawn)
        for name, score in scores.items():
            try:
                found[name][draw] = score(rows)
            except UserError:
                continue
    return found


def _units(strata: np.ndarray, groups: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The number of the unit that each row is drawn with, and each unit's stratum.

    Units are groups, and rows without one, in the order of their first rows. Of strata that are
    equally many the first counts.
    """
    if groups is None:
        return np.arange(len(strata)), strata
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    firsts = np.where(groups == "", np.arange(len(groups)), first[inverse])
    units = np.unique(firsts, return_inverse=True)[1]
    known, numbers = np.unique(strata, return_inverse=True)
    pairs, counts = np.unique(units * len(known) + numbers, return_counts=True)
    of_pairs, numbers = np.divmod(pairs, len(known))
    order = np.lexsort((-counts, of_pairs))  # the most rows of a unit come first
    return units, known[numbers[order][np.unique(of_pairs[order], return_index=True)[1]]]


class _Members:
    """The rows of units, which are ``(rows,)`` numbers from 0."""

    def __init__(self, units: np.ndarray):
        self._rows, self._counts = np.argsort(units, kind="stable"), np.bincount(units)
        self._starts = np.cumsum(self._counts) - self._counts
        self._alone = len(self._counts) == len(units)

    def __call__(self, drawn: np.ndarray) -> np.ndarray:
        """The rows of the units ``drawn``, one unit after the other."""
        if self._alone:
            return drawn
        counts = self._counts[drawn]
        ends = np.cumsum(counts)
        shifts = self._starts[drawn] - (ends - counts)
        found: np.ndarray = self._rows[np.arange(ends[-1]) + np.repeat(shifts, counts)]
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
    return [lowest + (highest - lowest) * end for end in wilson(share, rows or size.drawn)]


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


@dataclass(frozen=True)
class Drawn:
    """A score of all rows, and its scores on the draws of them, ``(resamples,)``."""

    score: float
    draws: np.ndarray
    size: Size


def mean_interval(
    seeds: Iterable[Drawn], lowest: float | None = None, highest: float | None = None
) -> list[float] | None:
    """Return ``interval`` of the mean over seeds, which are drawn alike."""
    known = list(seeds)
    draws = np.mean([one.draws for one in known], axis=0)
    whole = float(np.mean([one.score for one in known]))
    return interval(draws, whole, _smallest(known), lowest, highest)


def compare_means(
    name: str, own: Mapping[Any, Drawn], base: Mapping[Any, Drawn], sign: int
) -> dict[str, Any] | None:
    """Return ``compare`` of the means over the seeds that both have; None where they share none.

    ``own`` and ``base`` are by seed (or seed and split), and drawn alike. The interval is of the
    rows: these seeds are taken as they are.
    """
    seeds = [seed for seed in own if seed in base]
    if not seeds:
        return None
    drawn, others = (np.mean([one[seed].draws for seed in seeds], axis=0) for one in (own, base))
    difference = float(np.mean([own[seed].score - base[seed].score for seed in seeds]))
    size = _smallest([one[seed] for one in (own, base) for seed in seeds])
    return compare(name, difference, drawn, others, sign, size)


def _smallest(drawn: Iterable[Drawn]) -> Size:
    return min((one.size for one in drawn), key=lambda size: size.drawn)


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
