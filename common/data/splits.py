"""Validation where the data have none, and folds."""

import dataclasses
import warnings

import numpy as np

from common.data.records import Records
from common.errors import UserError
from common.tasks.task import Task


def stratified_folds(labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each row, ``(n,)`` int64 from 0; the same for the same seed and labels.

    The sizes of folds, and a class's rows in each, differ by at most one, also for a class with
    fewer rows than there are folds. ``labels`` are ``(n,)`` integers, the class of each row.

    Raises UserError for fewer rows than folds, or fewer than 2 folds.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    if not 2 <= folds <= len(labels):
        raise UserError(f"{len(labels)} labelled rows cannot be split into {folds} folds")
    # scikit-learn refuses to stratify when every class has fewer rows than there are folds.
    enough = np.unique(labels, return_counts=True)[1].max() >= folds
    kind = StratifiedKFold if enough else KFold
    parts = np.empty(len(labels), np.int64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")
        split = kind(folds, shuffle=True, random_state=seed).split(labels, labels)
        for number, (_, rows) in enumerate(split):
            parts[rows] = number
    return parts


def hold_out(
    records: Records, task: Task, share: float = 0.2, seed: int = 0
) -> tuple[Records, Records]:
    """Return train and validation of labelled pictures, stratified as ``task`` says.

    ``share`` is that of validation, ``1 / share`` rounded to a whole number of parts.
    """
    if records.labels is None:
        raise UserError(f"{records.name} has no labels: there is nothing to validate on")
    parts = stratified_folds(task.strata(records.labels), max(2, round(1 / share)), seed)
    return records.take(parts > 0), dataclasses.replace(records.take(parts == 0), name="val")
