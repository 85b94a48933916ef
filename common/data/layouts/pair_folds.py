"""The folds of a list of labelled pairs, as LFW's View 2 has them (Huang et al., 2007)."""

from pathlib import Path

import numpy as np

from common.data.layouts.by_pairs import LabelledPairs, list_lines
from common.errors import UserError
from common.inputs import as_given

FEWEST = 3  # with fewer nothing is learnt and chosen without the fold that is scored


def folds_of(pairs: LabelledPairs, path: Path) -> np.ndarray:
    """Return the fold of each pair of a list, ``(pairs,)`` int64 from 0.

    In each fold pairs of one name come first, then those of two: a fold begins where one of one
    name follows one of two. ``pairs`` are those of ``path``, and of no other list.

    Raises UserError for folds of other sizes than the first one or the list's first line says,
    for fewer than three, and where somebody is in two of them.
    """
    begins = np.diff(pairs.same, prepend=0) == 1
    found = np.cumsum(begins) - int(begins[0])
    counts = np.stack([np.bincount(found[pairs.same == kind], minlength=found.max() + 1)
                       for kind in (1, 0)], axis=1)  # fmt: skip
    _, promised = list_lines(path)
    where, wanted = as_given(path), tuple(counts[0].tolist())
    number = len(counts)
    if len(promised) == 2:
        number, wanted = promised[0], (promised[1], promised[1])
    for fold, kinds in enumerate(counts.tolist(), 1):
        if tuple(kinds) != wanted or 0 in kinds:
            asked = f"not {wanted[0]:,} and {wanted[1]:,}" if all(wanted) else "and needs both"
            raise UserError(
                f"{where}: fold {fold} has {kinds[0]:,} pairs of one name and {kinds[1]:,} of two "
                f"after them, {asked}: download it again"
            )
    if len(counts) != number:
        raise UserError(f"{where}: it has {len(counts)} folds, and its first line says {number}")
    if number < FEWEST:
        raise UserError(
            f"{where}: it has {number} folds of pairs, and {FEWEST} are needed: take LFW's"
        )
    _check_people(pairs, found, where)
    return found


def _check_people(pairs: LabelledPairs, folds: np.ndarray, where: object) -> None:
    """Raise UserError where somebody is in two folds."""
    names, of_pairs = np.unique(pairs.names, return_inverse=True)
    member = np.zeros((len(names), folds.max() + 1), bool)
    member[of_pairs.reshape(-1), np.repeat(folds, 2)] = True
    several = np.flatnonzero(member.sum(axis=1) > 1)
    if len(several):
        first = " and ".join(str(fold + 1) for fold in np.flatnonzero(member[several[0]]))
        raise UserError(
            f"{where}: {len(several)} people are in more than one fold, {names[several[0]]} is the "
            f"first, in {first}: download it again"
        )
