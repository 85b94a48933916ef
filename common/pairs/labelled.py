"""Pairs of labelled pictures, to measure verification on."""

from dataclasses import dataclass

import numpy as np

from common.errors import UserError


@dataclass(frozen=True)
class LabelledPairs:
    """Pairs of rows, ``first < second``, each at most once; those of one class come first.

    Attributes:
        first, second: ``(pairs,)`` int64, row numbers.
        same: ``(pairs,)`` bool, whether their labels are equal.
        share: the share of same pairs among all that the labels have.
        left_out: the number of pairs that were not drawn.
    """

    first: np.ndarray
    second: np.ndarray
    same: np.ndarray
    share: float
    left_out: int


def all_pairs(labels: np.ndarray, most: int = 5_000_000, seed: int = 0) -> LabelledPairs:
    """All pairs of ``labels`` ``(rows,)``, or ``most`` of them, drawn with ``seed``.

    Different pairs are left out first, same ones only where they alone are more than half of
    ``most``. ROC AUC and error rates are expected to stay what they are over all pairs, as each
    kind is drawn evenly; an accuracy needs ``share``. Memory is bounded by ``most``.

    Raises UserError with fewer than two rows.
    """
    labels = np.asarray(labels)
    number = len(labels)
    if number < 2:
        raise UserError(f"{number} labelled pictures make no pair: two or more are needed")
    order = np.argsort(labels, kind="stable")
    places = np.arange(number)
    ends = np.searchsorted(labels[order], labels[order], side="right")
    # Sorted by class, the rows that make a pair with an earlier one are two runs.
    runs = ((places + 1, ends - places - 1), (ends, number - ends))
    same, different = (int(lengths.sum()) for _, lengths in runs)
    kept = _kept(same, different, most)
    generator = np.random.default_rng(seed)
    drawn = [
        _in_runs(*run, _distinct(total, count, generator))
        for run, total, count in zip(runs, (same, different), kept, strict=True)
    ]
    one, other = (order[np.concatenate(side)] for side in zip(*drawn, strict=True))
    return LabelledPairs(
        np.minimum(one, other),
        np.maximum(one, other),
        np.arange(sum(kept)) < kept[0],
        same / (same + different),
        same + different - sum(kept),
    )


def _kept(same: int, different: int, most: int) -> tuple[int, int]:
    """How many of each kind."""
    kept = min(same, max(most // 2, most - different))
    return kept, min(different, most - kept)


def _distinct(below: int, count: int, generator: np.random.Generator) -> np.ndarray:
    """``count`` different integers below ``below``, in memory bounded by ``count``."""
    if count == below:
        return np.arange(below)
    if 2 * count > below:
        return np.sort(generator.permutation(below)[:count])
    found = np.empty(0, np.int64)
    while len(found) < count:
        more = generator.integers(below, size=count + count // 4 + 16)
        found = np.sort(np.concatenate([found, more]))
        found = found[np.diff(found, prepend=-1) > 0]  # np.unique takes 20 times as long
    return np.sort(generator.permutation(found)[:count])


def _in_runs(
    starts: np.ndarray, lengths: np.ndarray, numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The run that each of ``numbers`` falls in, all laid end to end, and its place in it."""
    before = np.concatenate([[0], np.cumsum(lengths)])
    run = np.searchsorted(before, numbers, side="right") - 1
    return run, starts[run] + numbers - before[run]
