"""Pairs to verify: as many of every group, half of them of one class (Koch et al., 2015)."""

import numpy as np

from common.errors import UserError
from common.pairs.validation import draw_pairs


def draw_even_pairs(
    labels: np.ndarray, groups: np.ndarray, number: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw about ``number`` different pairs, each within a group, half of them of one class.

    ``labels`` are the classes, ``(pictures,)`` integers, and ``groups`` ``(pictures,)`` text, such
    as alphabets: each gets as many pairs, so that large ones do not prevail, or all that it has of
    one kind and as many of the other. Return the rows, ``(pairs, 2)`` int64, and ``(pairs,)`` int64
    that is 1 where both are of one class. Raises UserError where no group has both kinds.
    """
    names = np.unique(groups)
    rows = [np.zeros((0, 2), np.int64)]
    for order, name in enumerate(names.tolist()):
        members = np.flatnonzero(groups == name)
        each = min(max(1, number // (2 * len(names))), *_kinds(labels[members]))
        if each:
            drawn = draw_pairs(labels[members], 2 * each, seed + order)
            rows.append(members[np.stack(drawn, axis=1)])
    pairs = np.concatenate(rows)
    if not len(pairs):
        raise UserError(
            f"{len(labels)} pictures of {len(names)} groups make no pair of one class and of two: "
            f"two pictures of a class, and two classes of a group are needed"
        )
    return pairs, (labels[pairs[:, 0]] == labels[pairs[:, 1]]).astype(np.int64)


def _kinds(labels: np.ndarray) -> tuple[int, int]:
    """How many pairs there are of one class, and of two."""
    _, counts = np.unique(labels, return_counts=True)
    same = int((counts * (counts - 1)).sum()) // 2
    return same, len(labels) * (len(labels) - 1) // 2 - same
