"""Blends of several models' predictions, found on validation by the competition's own metric.

A metric of labels is piecewise constant in the weights, so that searches by slopes stop on its
plateaus. For two members every weight at which some row's class changes is found, and the metric is
asked between two of them; elsewhere a grid is refined. More members take turns two at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from common.errors import UserError
from common.recipe import nearest

METHODS = ("mean", "weighted", "greedy")
MOST = 1000  # weights of two members that are tried
_GRID = 101
_ROUNDS = 50  # members that the greedy selection adds

Score = Callable[[np.ndarray], float]  # of mixed predictions; greater is better


@dataclass(frozen=True)
class Blend:
    """Weights, one a member, non-negative and summing to one.

    Attributes:
        method: one of METHODS.
        weights: in the members' order.
    """

    method: str
    weights: tuple[float, ...]


def find_blend(
    method: str, members: Sequence[np.ndarray], score: Score, argmax: bool = False
) -> Blend:
    """The blend of ``members``, each ``(validation, units)``, with the best ``score``.

    Args:
        method: one of METHODS.
        members: predictions on validation.
        score: of mixed predictions, greater is better.
        argmax: whether the score only asks for each row's largest entry: the search is exact then.

    Raises UserError for an unknown method, and for a search without validation predictions.
    """
    if method not in METHODS:
        raise UserError(f"unknown blend {method!r}: {nearest(method, METHODS)}")
    if not len(members[0]) and method != "mean":
        raise UserError(f"--blend {method} needs validation predictions, and there are none")
    stack = np.stack([np.asarray(member, np.float64) for member in members])
    if method == "mean" or len(stack) == 1:  # whatever the score
        weights = mean_weights(stack)
    elif method == "weighted":
        weights = best_weights(stack, score, argmax)
    else:
        weights = greedy_weights(stack, score)
    return Blend(method, tuple(float(weight) for weight in weights))


def mix(
    weights: Sequence[float] | np.ndarray, members: Sequence[np.ndarray] | np.ndarray
) -> np.ndarray:
    """The weighted sum of the members, ``(rows, units)`` float64."""
    return np.tensordot(np.asarray(weights, np.float64), np.stack(list(members)), axes=1)


def mean_weights(stack: np.ndarray) -> np.ndarray:
    """The plain mean: every member alike."""
    return np.full(len(stack), 1.0 / len(stack))


def best_weights(stack: np.ndarray, score: Score, argmax: bool = False) -> np.ndarray:
    """Weights with the best score, from the better of the mean and each member alone.

    Of two members at a time the share between them is searched, the others as they are, until
    no two gain: a local optimum that is never worse than where it began.
    """
    starts = [mean_weights(stack), *np.eye(len(stack))]
    scores = [score(mix(weights, stack)) for weights in starts]
    weights, best = starts[int(np.argmax(scores))], max(scores)
    gained = True
    while gained:
        gained = False
        for first in range(len(stack)):
            for second in range(first + 1, len(stack)):
                moved, found = _best_move(weights, first, second, stack, score, argmax)
                if found > best + 1e-12:
                    weights, best, gained = moved, found, len(stack) > 2
    return weights


def greedy_weights(stack: np.ndarray, score: Score, rounds: int = _ROUNDS) -> np.ndarray:
    """Selection with replacement (Caruana et al., 2004): add the member that helps most, again.

    Keeps the best bag within ``rounds`` additions; the smaller bag on a tie.
    """
    counts, total = np.zeros(len(stack)), np.zeros(stack.shape[1:])
    best_score, best_counts = -np.inf, counts
    for size in range(1, rounds + 1):
        scores = [score((total + member) / size) for member in stack]
        chosen = int(np.argmax(scores))
        counts = counts + np.eye(len(stack))[chosen]
        total = total + stack[chosen]
        if scores[chosen] > best_score + 1e-12:
            best_score, best_counts = scores[chosen], counts
    return best_counts / best_counts.sum()


def _best_move(
    weights: np.ndarray, first: int, second: int, stack: np.ndarray, score: Score, argmax: bool
) -> tuple[np.ndarray, float]:
    """The best split of the weight of two members between them, the others as they are."""
    mass = weights[first] + weights[second]
    if mass == 0:
        return weights, -np.inf
    moved = weights.copy()
    moved[[first, second]] = 0
    rest = mix(moved, stack)
    ends = rest + mass * stack[first], rest + mass * stack[second]

    def scored(share: float) -> float:
        return score(share * ends[0] + (1 - share) * ends[1])

    share, best = _best_between(*ends, scored) if argmax else _best_on_grid(scored)
    moved[first], moved[second] = mass * share, mass * (1 - share)
    return moved, best


def _best_on_grid(scored: Callable[[float], float]) -> tuple[float, float]:
    """The best share of a grid, then of a finer one about it, and its score."""
    step = 1.0 / (_GRID - 1)
    coarse = np.linspace(0, 1, _GRID)
    scores = [scored(share) for share in coarse]
    middle = coarse[int(np.argmax(scores))]
    fine = np.linspace(max(0.0, middle - step), min(1.0, middle + step), _GRID)
    shares, scores = [*coarse, *fine], [*scores, *(scored(share) for share in fine)]
    best = int(np.argmax(scores))
    return float(shares[best]), float(scores[best])


def _best_between(
    a: np.ndarray, b: np.ndarray, scored: Callable[[float], float]
) -> tuple[float, float]:
    """The share t of ``a`` in ``t·a + (1 - t)·b`` with the best score of its rows' classes.

    Between two neighbouring breakpoints no row changes its class, so that each interval has one
    score; the middle of the widest best interval is returned. Of more than ``MOST`` intervals
    those that even steps fall into are tried: with so many rows the score has no narrow peaks.
    """
    edges = np.concatenate([[0.0], _breakpoints(a, b), [1.0]])
    widths = np.diff(edges)
    if np.count_nonzero(widths > 0) > MOST:
        chosen = np.unique(np.searchsorted(edges, np.linspace(0, 1, MOST), side="right") - 1)
        chosen = chosen[(chosen < len(widths)) & (widths[chosen.clip(max=len(widths) - 1)] > 0)]
    else:
        chosen = np.flatnonzero(widths > 0)
    middles = (edges[chosen] + edges[chosen + 1]) / 2
    scores = np.array([scored(float(middle)) for middle in middles])
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    widest = best[int(np.argmax(widths[chosen[best]]))]
    return float(middles[widest]), float(scores[widest])


def _breakpoints(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where a row's largest entry of ``t·a + (1 - t)·b`` changes, rising, for t from 0 to 1.

    Walks the upper envelope of each row's lines: the next leader is the line with the nearest
    crossing. ``a`` and ``b`` are ``(rows, classes)``.
    """
    leader = b.argmax(axis=1)
    # A line that leads at both ends leads all the way between them.
    rows = np.flatnonzero(leader != a.argmax(axis=1))
    t, leader, slope = np.zeros(len(rows)), leader[rows], np.zeros(a.shape)
    slope[rows] = a[rows] - b[rows]
    found = [np.zeros(0)]
    while len(rows):
        rise = slope[rows] - slope[rows, leader][:, None]
        gap = b[rows, leader][:, None] - b[rows]
        crossing = np.full(rise.shape, np.inf)
        np.divide(gap, rise, out=crossing, where=rise > 0)
        crossing = np.maximum(crossing, t[:, None])
        nearest_one = crossing.min(axis=1)
        # Among lines that cross at the same place the steepest leads from there on.
        ties = np.where(crossing <= nearest_one[:, None] + 1e-15, slope[rows], -np.inf)
        leader, going = ties.argmax(axis=1), nearest_one < 1
        rows, t, leader = rows[going], nearest_one[going], leader[going]
        found.append(t)
    return np.sort(np.concatenate(found))
