"""Blends of several models' probabilities, found on validation alone.

Macro F1 is piecewise constant in the weights, so gradient-free optimisers stall on its plateaus.
Here candidates are scored by counting (``common.metrics.classification``), and for two members the
weight is exact: every weight at which some row's class changes is tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.errors import UserError
from common.files.predictions import Predictions, row_order
from common.metrics.classification import macro_f1

METHODS = ("mean", "weighted", "greedy")


@dataclass(frozen=True)
class Blend:
    """Weights, one a member, non-negative and summing to one, and what they score.

    Attributes:
        method: one of METHODS.
        weights: in the members' order.
        validation_score: macro F1 of the blend on validation.
    """

    method: str
    weights: tuple[float, ...]
    validation_score: float


def find_blend(method: str, labels: np.ndarray, members: Sequence[np.ndarray]) -> Blend:
    """The blend of ``members``, each ``(validation, classes)``, by ``method``.

    ``labels`` is ``(validation,)``. Raises UserError for an unknown method.
    """
    if method not in METHODS:
        raise UserError(f"unknown blend {method!r}: known are {', '.join(METHODS)}")
    if not len(labels) and method != "mean":
        raise UserError(f"--blend {method} needs validation predictions, and there are none")
    stack = np.stack([np.asarray(m, dtype=np.float64) for m in members])
    search = {"mean": mean_weights, "weighted": best_weights, "greedy": greedy_weights}[method]
    weights = search(np.asarray(labels), stack)
    return Blend(method, tuple(float(w) for w in weights), blend_score(weights, labels, stack))


def mix(weights: Sequence[float] | np.ndarray, members: Sequence[np.ndarray]) -> np.ndarray:
    """The weighted sum of the members, ``(rows, classes)`` float64."""
    total = np.zeros(members[0].shape, dtype=np.float64)
    for weight, member in zip(weights, members, strict=True):
        total += weight * member
    return total


def blend_score(weights: np.ndarray, labels: np.ndarray, stack: np.ndarray) -> float:
    """Macro F1 of one blend; ``stack`` is ``(members, validation, classes)``."""
    return macro_f1(labels, mix(weights, list(stack)).argmax(axis=1))


def mean_weights(labels: np.ndarray, stack: np.ndarray) -> np.ndarray:
    """The plain mean: every member alike."""
    return np.full(len(stack), 1.0 / len(stack))


def best_weights(labels: np.ndarray, stack: np.ndarray) -> np.ndarray:
    """Weights that maximise macro F1: exact for two members, pairwise ascent for more.

    For more than two, mass is moved between two members at a time, each move exact, until no
    pair gains: a local optimum that is never worse than the mean or than the best member alone.
    """
    starts = [mean_weights(labels, stack), *np.eye(len(stack))]
    scores = [blend_score(w, labels, stack) for w in starts]
    weights, best = starts[int(np.argmax(scores))], max(scores)
    gained = True
    while gained:
        gained = False
        for first in range(len(stack)):
            for second in range(first + 1, len(stack)):
                moved, score = _best_move(weights, first, second, labels, stack)
                if score > best + 1e-12:
                    weights, best, gained = moved, score, True
    return weights


def greedy_weights(labels: np.ndarray, stack: np.ndarray, rounds: int = 50) -> np.ndarray:
    """Selection with replacement (Caruana et al., 2004): add the member that helps most, again.

    Keeps the best bag seen within ``rounds`` additions; the smaller bag on a tie.
    """
    counts = np.zeros(len(stack))
    best_score, best_counts = -1.0, counts
    total = np.zeros(stack.shape[1:])
    for _ in range(rounds):
        scores = [macro_f1(labels, (total + member).argmax(axis=1)) for member in stack]
        chosen = int(np.argmax(scores))
        counts = counts.copy()
        counts[chosen] += 1
        total = total + stack[chosen]
        if scores[chosen] > best_score + 1e-12:
            best_score, best_counts = scores[chosen], counts
    return best_counts / best_counts.sum()


def _best_move(
    weights: np.ndarray, first: int, second: int, labels: np.ndarray, stack: np.ndarray
) -> tuple[np.ndarray, float]:
    """The best split of the mass of two members between them, the rest held."""
    mass = weights[first] + weights[second]
    if mass == 0:
        return weights, -1.0
    held = weights.copy()
    held[[first, second]] = 0
    rest = mix(held, list(stack))
    share, score = _best_share(labels, rest + mass * stack[first], rest + mass * stack[second])
    held[first], held[second] = mass * share, mass * (1 - share)
    return held, score


def _best_share(labels: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """The share t of ``a`` in ``t·a + (1 - t)·b`` with the best macro F1, and that score.

    Between two neighbouring breakpoints no row changes its class, so each such interval has one
    score; the middle of the widest best interval is returned.
    """
    shares, rows, classes = _breakpoints(a, b)
    scores = _scores_between(labels, b.argmax(axis=1), rows, classes, b.shape[1])
    edges = np.concatenate([[0.0], shares, [1.0]])
    widths = np.diff(edges)
    best = np.flatnonzero((scores >= scores[widths > 0].max() - 1e-12) & (widths > 0))
    chosen = best[int(np.argmax(widths[best]))]
    return float(edges[chosen : chosen + 2].mean()), float(scores[chosen])


def _breakpoints(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where a row's largest entry of ``t·a + (1 - t)·b`` changes, for t from 0 to 1.

    Returns the sorted t, the row, and the class that leads from there on, ``(changes,)`` each.
    Walks the upper envelope of each row's lines: the next leader is the line with the nearest
    crossing. ``a`` and ``b`` are ``(rows, classes)``.
    """
    leader = b.argmax(axis=1)
    # A line that leads at both ends leads all the way between them.
    rows = np.flatnonzero(leader != a.argmax(axis=1))
    t, leader, slope = np.zeros(len(rows)), leader[rows], np.zeros(a.shape)
    slope[rows] = a[rows] - b[rows]
    found = [(np.zeros(0), np.zeros(0, np.intp), np.zeros(0, np.intp))]
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
        found.append((t, rows, leader))
    shares, changed, classes = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.argsort(shares, kind="stable")
    return shares[order], changed[order], classes[order]


def _scores_between(
    labels: np.ndarray, start: np.ndarray, rows: np.ndarray, classes: np.ndarray, number: int
) -> np.ndarray:
    """Macro F1 before the first change and after each one, ``(changes + 1,)``.

    Each change moves one row to another class, so only two classes' F1 are counted again.
    """
    size = max(number, int(labels.max()) + 1)
    predicted = start.tolist()
    truth = labels.tolist()
    both = (np.bincount(labels, minlength=size) + np.bincount(start, minlength=size)).tolist()
    hits = np.bincount(labels[labels == start], minlength=size).tolist()
    total = sum(2 * h / n for h, n in zip(hits, both, strict=True) if n)
    present = sum(n > 0 for n in both)
    scores = [total / present]
    for row, new in zip(rows.tolist(), classes.tolist(), strict=True):
        for changed, step in ((predicted[row], -1), (new, 1)):
            if both[changed]:
                total -= 2 * hits[changed] / both[changed]
                present -= 1
            both[changed] += step
            hits[changed] += step * (truth[row] == changed)
            if both[changed]:
                total += 2 * hits[changed] / both[changed]
                present += 1
        predicted[row] = new
        scores.append(total / present)
    return np.array(scores)


def align(members: dict[str, Predictions]) -> dict[str, Predictions]:
    """The members with their rows in the first one's order of ids.

    Raises UserError when ids or validation labels differ between members.
    """
    first_name, first = next(iter(members.items()))
    aligned = {first_name: first}
    for name, member in list(members.items())[1:]:
        rows = row_order(
            first.validation_ids, member.validation_ids, "validation", first_name, name
        )
        test = row_order(first.test_ids, member.test_ids, "test", first_name, name)
        labels = member.validation_labels[rows]
        if not np.array_equal(labels, first.validation_labels):
            raise UserError(f"validation labels of {first_name} and {name} differ")
        if member.test.shape[1] != first.test.shape[1]:
            raise UserError(f"{first_name} and {name} have a different number of classes")
        aligned[name] = Predictions(
            first.validation_ids, labels, member.validation[rows], first.test_ids, member.test[test]
        )
    return aligned
