"""Rows dealt out into folds or parts, as numbers: evenly by their classes, or whole groups."""

import warnings

import numpy as np

from common.errors import UserError


def stratified_folds(
    labels: np.ndarray, folds: int, seed: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """Return the fold of each row, ``(n,)`` int64 from 0; the same for the same seed and labels.

    The sizes of folds, and a class's rows in each, differ by at most one, also for a class with
    fewer rows than there are folds. ``labels`` are ``(n,)`` integers, the class of each row.

    With ``groups``, ``(n,)`` integers, the rows of one are in one fold, and folds are as even as
    scikit-learn's StratifiedGroupKFold makes them: it deals the groups out one by one, each to the
    fold where it evens out the classes best. Groups of mixed classes come last, so that a large one
    may make its fold far larger than others. A class with fewer groups than folds is missing in
    some folds.

    Raises UserError for fewer rows or groups than folds, or fewer than 2 folds.
    """
    from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold

    pieces = len(labels) if groups is None else len(np.unique(groups))
    if not 2 <= folds <= pieces:
        what = "labelled rows" if groups is None else "groups of labelled rows"
        raise UserError(f"{pieces} {what} cannot be split into {folds} folds")
    # scikit-learn refuses to stratify when every class has fewer rows than there are folds.
    enough = np.unique(labels, return_counts=True)[1].max() >= folds
    if groups is None:
        kind = StratifiedKFold if enough else KFold
    else:
        kind, labels = StratifiedGroupKFold, labels if enough else np.zeros_like(labels)
    parts = np.empty(len(labels), np.int64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")
        split = kind(folds, shuffle=True, random_state=seed).split(labels, labels, groups)
        for number, (_, rows) in enumerate(split):
            parts[rows] = number
    return parts


def at_random(strata: np.ndarray, seed: int, *shares: float) -> np.ndarray:
    """Return the part of each row, ``(n,)`` int64 from 0, by scikit-learn's ``train_test_split``.

    ``strata`` are ``(n,)`` integers; each of one or two ``shares`` is of the part before it. Raises
    UserError for too few rows of one stratum.
    """
    from sklearn.model_selection import train_test_split

    numbers, rows = np.zeros(len(strata), np.int64), np.arange(len(strata))
    try:
        for number, share in enumerate(shares, 1):
            _, rows = train_test_split(
                rows, test_size=share, stratify=strata[rows], random_state=seed
            )
            numbers[rows] = number
    except ValueError:
        fewest, parts = np.unique(strata, return_counts=True)[1].min(), ("two", "three")
        raise UserError(
            f"{len(strata)} pictures, {fewest} of one class, are too few for "
            f"{parts[len(shares) - 1]} parts"
        ) from None
    return numbers
