"""``predictions.npz``: what every training kernel leaves for the blend and the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files.arrays import open_arrays

NAME = "predictions.npz"


@dataclass(frozen=True)
class Predictions:
    """What one model (or blend) predicts for validation and test.

    Attributes:
        validation_ids: ``(validation,)`` text.
        validation_labels: ``(validation,)`` numbers, or ``(validation, classes)`` of 0 and 1 where
            a picture has several labels.
        validation: ``(validation, units)`` float32: probabilities, or one column of values.
        test_ids: ``(test,)`` text.
        test: ``(test, units)`` float32, of the same columns.
    """

    validation_ids: np.ndarray
    validation_labels: np.ndarray
    validation: np.ndarray
    test_ids: np.ndarray
    test: np.ndarray


def save_predictions(folder: Path, predictions: Predictions, source: str) -> Path:
    """Write ``predictions.npz`` (no pickled objects) after checking it."""
    check_predictions(predictions, source)
    path = folder / NAME
    np.savez_compressed(
        path,
        validation_ids=np.asarray(predictions.validation_ids, dtype=np.str_),
        validation_labels=np.asarray(predictions.validation_labels),
        validation=np.asarray(predictions.validation, dtype=np.float32),
        test_ids=np.asarray(predictions.test_ids, dtype=np.str_),
        test=np.asarray(predictions.test, dtype=np.float32),
    )
    return path


def load_predictions(folder: Path, source: str) -> Predictions:
    """Read and check ``predictions.npz``. Raises UserError naming ``source`` and the fault."""
    path = folder / NAME
    with open_arrays(path, source) as arrays:
        predictions = Predictions(**{name: arrays[name] for name in arrays.files})
    check_predictions(predictions, source)
    return predictions


def check_predictions(predictions: Predictions, source: str) -> None:
    """Hold shapes, ids and values. Raises UserError with the first offending row."""
    for part, ids, values in (
        ("validation", predictions.validation_ids, predictions.validation),
        ("test", predictions.test_ids, predictions.test),
    ):
        if values.ndim != 2 or len(ids) != len(values):
            raise UserError(
                f"{source}: {part} has {len(ids)} ids and predictions of shape {values.shape}"
            )
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(bad):
            raise UserError(
                f"{source}: {part} predictions are NaN or infinite in {len(bad)} of "
                f"{len(ids)} rows, the first is id {ids[bad[0]]}: the training diverged"
            )
        if len(np.unique(ids)) != len(ids):
            raise UserError(f"{source}: {part} ids are not unique")
    if len(predictions.validation_labels) != len(predictions.validation_ids):
        raise UserError(f"{source}: validation labels and ids differ in number")
    if predictions.validation.shape[1] != predictions.test.shape[1]:
        raise UserError(f"{source}: validation and test have a different number of columns")


def row_order(ids: np.ndarray, other: np.ndarray, part: str, first: str, name: str) -> np.ndarray:
    """The rows of ``other`` in the order of ``ids``, ``(rows,)`` each: ``other[rows] == ids``.

    Raises UserError when they are not the same ids; ``first`` and ``name`` are whose they are.
    """
    sorter = np.argsort(other)
    places = np.searchsorted(other, ids, sorter=sorter).clip(max=max(len(other) - 1, 0))
    if len(ids) == len(other) and np.array_equal(other[sorter[places]], ids):
        return sorter[places]
    only = sorted(set(ids.tolist()) ^ set(other.tolist()))
    raise UserError(
        f"{part} ids of {first} ({len(ids)}) and {name} ({len(other)}) differ in {len(only)} ids, "
        f"for example {', '.join(only[:3])}: they were trained on different data"
    )


def align(members: Mapping[str, Predictions]) -> dict[str, Predictions]:
    """The members with their rows in the first one's order of ids.

    Raises UserError when ids, validation labels or the number of columns differ between members.
    """
    (first_name, first), *_ = members.items()
    return {name: _ordered(first_name, first, name, member) for name, member in members.items()}


def _ordered(first_name: str, first: Predictions, name: str, member: Predictions) -> Predictions:
    rows = row_order(first.validation_ids, member.validation_ids, "validation", first_name, name)
    test = row_order(first.test_ids, member.test_ids, "test", first_name, name)
    labels = member.validation_labels[rows]
    if not np.array_equal(labels, first.validation_labels):
        raise UserError(f"validation labels of {first_name} and {name} differ")
    if member.test.shape[1] != first.test.shape[1]:
        raise UserError(f"{first_name} and {name} have a different number of classes")
    return Predictions(
        first.validation_ids, labels, member.validation[rows], first.test_ids, member.test[test]
    )
