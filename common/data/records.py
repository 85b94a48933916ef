"""One part of the data: its pictures, where their bytes are, their labels; how it is split."""

import dataclasses
import warnings
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.tasks.task import Task


@dataclasses.dataclass(frozen=True)
class Records:
    """One part of the data, as a layout finds it (``common.data.layouts``).

    Attributes:
        name: ``train``, ``val`` or ``test``.
        files: in reading order.
        ids: ``(pictures,)`` text, in reading order.
        labels: ``(pictures, …)`` as the competition's task has them, or None where there are none.
        places: ``(pictures, 3)`` int64: number of the file, first byte and length of each record.
        whole_files: whether each file is a picture, and not a TFRecord of several.
    """

    name: str
    files: tuple[Path, ...]
    ids: np.ndarray
    labels: np.ndarray | None
    places: np.ndarray
    whole_files: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> "Records":
        """Return some of the pictures, in the order of ``rows``: ``(n,)`` numbers, or a mask."""
        labels = None if self.labels is None else self.labels[rows]
        return dataclasses.replace(
            self, ids=self.ids[rows], labels=labels, places=self.places[rows]
        )


def join(name: str, first: Records, second: Records) -> Records:
    """Return the pictures of two labelled parts, one after the other."""
    assert first.labels is not None
    assert second.labels is not None
    return Records(
        name,
        (*first.files, *second.files),
        np.concatenate([first.ids, second.ids]),
        np.concatenate([first.labels, second.labels]),
        np.concatenate([first.places, second.places + np.array([len(first.files), 0, 0])]),
        first.whole_files,
    )


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
