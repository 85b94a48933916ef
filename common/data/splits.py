"""How labelled pictures are split: folds, and a part that is held out for validation."""

import dataclasses

import numpy as np

from common.data.tfrecords import Records
from common.errors import UserError
from common.tasks.task import Task


def stratified_folds(labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Part of each row, so that each part holds nearly the same share of each class.

    The rows are shuffled, sorted by class and dealt out one by one, so that the counts of a class
    and the sizes of the parts differ by at most one between parts, also for a class with fewer
    rows than there are parts (where scikit-learn's StratifiedKFold warns or stops).

    Args:
        labels: (n,) integers, class of each row.
        folds: parts, 1 or more.
        seed: of the shuffling; the same seed and labels give the same parts.

    Returns:
        (n,) int64, the part of each row, from 0 to folds - 1.

    Raises:
        UserError: fewer rows than parts, or fewer than 1 part.
    """
    labels = np.asarray(labels)
    if not 1 <= folds <= len(labels):
        raise UserError(f"{len(labels)} labelled rows cannot be split into {folds} folds")
    # RandomState's stream is frozen: kernels on images with other numpy versions deal the same.
    shuffled = np.random.RandomState(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    parts = np.empty(len(labels), np.int64)
    parts[by_class] = np.arange(len(labels)) % folds
    return parts


def hold_out(
    records: Records, task: Task, share: float = 0.2, seed: int = 0
) -> tuple[Records, Records]:
    """Train and validation of labelled pictures, stratified as ``task`` says.

    ``share`` is that of validation, ``1 / share`` rounded to a whole number of parts.
    """
    if records.labels is None:
        raise UserError(f"{records.name} has no labels: there is nothing to validate on")
    parts = stratified_folds(task.strata(records.labels), max(2, round(1 / share)), seed)
    validation = dataclasses.replace(records.take(parts == 0), name="val")
    return records.take(parts > 0), validation
