"""Blends of several models' predictions, found on validation by the competition's own metric.

A metric of labels is piecewise constant in the weights, so that searches by slopes stop on its
plateaus. For two members every weight at which some row's class changes is found, and the metric is
asked between two of them; elsewhere a grid is refined. More members take turns two at a time.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from typing import Literal, get_args

import numpy as np

from common.errors import UserError

Method = Literal["mean", "weighted", "greedy"]
METHODS = get_args(Method)
MOST = 1000  # weights of two members that are tried
_GRID = 101
_ROUNDS = 50  # members that the greedy selection adds

Objective = Callable[[np.ndarray], float]  # of mixed predictions; greater is better
# From the members, their score, weights to begin with and their score to better weights.
Search = Callable[[np.ndarray, Objective, np.ndarray, float], np.ndarray]


def find_weights(
    method: str,
    members: Sequence[np.ndarray],
    score: Objective,
    search: Search,
    mean: np.ndarray | None = None,
    rounds: int = _ROUNDS,
) -> np.ndarray:
    """Return the weights of ``members``, each ``(validation, …)``, with the best ``score``.

    Weights are float64 from 0, one a member; they sum to one. ``weighted`` begins to ``search`` at
    the better of the mean and each member alone, so that it is never worse. ``mean`` are its
    weights, alike by default; ``greedy`` adds members in ``rounds``.

    Raises UserError for a search without validation predictions.
    """
    mean = np.full(len(members), 1 / len(members)) if mean is None else mean
    if method == "mean":
        return mean
    if not len(members[0]):
        raise UserError(f"--blend {method} needs validation predictions, and there are none")
    stack = np.stack(members)
    if method == "greedy":
        return _greedy_weights(stack, score, rounds)
    starts = [mean, *np.eye(len(stack))]
    scores = [score(mix(start.astype(stack.dtype), stack)) for start in starts]
    return search(stack, score, starts[int(np.argmax(scores))], max(scores))


def mix(
    weights: Sequence[float] | np.ndarray, members: Sequence[np.ndarray] | np.ndarray
) -> np.ndarray:
    """Return the weighted sum of the members, ``(rows, …)``; weights as floats give float64."""
    return np.tensordot(np.asarray(weights), np.asarray(members), axes=1)


def _two_by_two(
    stack: np.ndarray,
    score: Objective,
    weights: np.ndarray,
    best: float,
    best_share: Callable[..., tuple[float, float]],
) -> np.ndarray:
    """Search the share between two members at a time, the others as they are, until none gain."""
    gained = True
    while gained:
        gained = False
        for first, second in combinations(range(len(stack)), 2):
            mass = weights[first] + weights[second]
            if mass == 0:
                continue
            moved = weights.copy()
            moved[[first, second]] = 0
            rest = mix(moved, stack)
            share, found = best_share(
                rest + mass * stack[first], rest + mass * stack[second], score
            )
            if found > best + 1e-12:
                moved[first], moved[second] = mass * share, mass * (1 - share)
                weights, best, gained = moved, found, len(stack) > 2
    return weights


def _greedy_weights(stack: np.ndarray, score: Objective, rounds: int) -> np.ndarray:
    """Selection with replacement (Caruana et al., 2004): add the member that helps most, again.

    Keeps the best bag within ``rounds`` additions; the smaller bag on a tie.
    """
    total, bag, found = np.zeros_like(stack[0]), [], []
    for size in range(1, rounds + 1):
        scores = [score((total + member) / size) for member in stack]
        bag.append(int(np.argmax(scores)))
        found.append(max(scores))
        total = total + stack[bag[-1]]
    size = int(np.argmax(np.array(found) >= max(found) - 1e-12)) + 1
    return np.bincount(bag[:size], minlength=len(stack)) / size


def _best_on_grid(a: np.ndarray, b: np.ndarray, score: Objective) -> tuple[float, float]:
    """The best share of a grid, then of a finer one about it, and its score."""
    low, high, step = 0.0, 1.0, 1 / (_GRID - 1)
    found: dict[float, float] = {}
    for _ in range(2):
        shares = np.linspace(low, high, _GRID).tolist()
        found |= {share: score(share * a + (1 - share) * b) for share in shares}
        best = max(found, key=lambda share: found[share])
        low, high = max(0.0, best - step), min(1.0, best + step)
    return best, found[best]


def _best_between(a: np.ndarray, b: np.ndarray, score: Objective) -> tuple[float, float]:
    """The share t of ``a`` in ``t·a + (1 - t)·b`` with the best score of its rows' classes.

    Between two neighbouring breakpoints no row changes its class, so that each interval has one
    score; the middle of the widest best interval is returned. Of more than ``MOST`` intervals
    those that even steps fall into are tried: with so many rows the score has no narrow peaks.
    """
    edges = np.concatenate([[0.0], _breakpoints(a, b), [1.0]])
    widths = np.diff(edges)
    chosen = np.flatnonzero(widths > 0)
    if len(chosen) > MOST:
        steps = np.searchsorted(edges, np.linspace(0, 1, MOST), side="right") - 1
        chosen = np.intersect1d(chosen, steps)
    middles = (edges[chosen] + edges[chosen + 1]) / 2
    scores = np.array([score(t * a + (1 - t) * b) for t in middles.tolist()])
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
        nearest = crossing.min(axis=1)
        # Among lines that cross at the same place the steepest leads from there on.
        ties = np.where(crossing <= nearest[:, None] + 1e-15, slope[rows], -np.inf)
        leader, going = ties.argmax(axis=1), nearest < 1
        rows, t, leader = rows[going], nearest[going], leader[going]
        found.append(t)
    return np.sort(np.concatenate(found))


# Of a score that only asks for each row's largest entry, exact for two members; and of any score.
search_classes: Search = partial(_two_by_two, best_share=_best_between)
search_grid: Search = partial(_two_by_two, best_share=_best_on_grid)
