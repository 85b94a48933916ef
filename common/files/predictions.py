"""``predictions.npz``: what every training kernel predicts, for the blend and the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from common.errors import UserError
from common.files.arrays import open_arrays

if TYPE_CHECKING:
    from common.files.vectors import Vectors

NAME = "predictions.npz"

Member = TypeVar("Member", "Predictions", "Vectors")


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

    def take(self, rows: np.ndarray, test_rows: np.ndarray) -> "Predictions":
        """Return the given rows of validation and of test."""
        return Predictions(
            self.validation_ids[rows],
            self.validation_labels[rows],
            self.validation[rows],
            self.test_ids[test_rows],
            self.test[test_rows],
        )


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
    with open_arrays(folder / NAME, source) as arrays:
        predictions = Predictions(**{name: arrays[name] for name in arrays.files})
    check_predictions(predictions, source)
    return predictions


def check_predictions(predictions: Predictions, source: str) -> None:
    """Check shapes, ids and values. Raises UserError with the first wrong row."""
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
        check_unique(ids, f"{source}: {part}")
    if len(predictions.validation_labels) != len(predictions.validation_ids):
        raise UserError(f"{source}: validation labels and ids differ in number")
    if predictions.validation.shape[1] != predictions.test.shape[1]:
        raise UserError(f"{source}: validation and test have a different number of columns")


def check_unique(ids: np.ndarray, what: str) -> None:
    """Raise UserError where an id comes twice."""
    if len(np.unique(ids)) != len(ids):
        raise UserError(f"{what} ids are not unique")


def row_order(ids: np.ndarray, other: np.ndarray, part: str, first: str, name: str) -> np.ndarray:
    """Return the rows of ``other`` in the order of ``ids``: ``other[rows] == ids``.

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


def align(members: Mapping[str, Member]) -> dict[str, Member]:
    """Return the members with their rows in the first one's order of ids.

    Raises UserError when ids, validation labels or the number of columns differ between members.
    """
    (first_name, first), *_ = members.items()
    aligned = {}
    for name, member in members.items():
        named = first_name, name
        rows = row_order(first.validation_ids, member.validation_ids, "validation", *named)
        test_rows = row_order(first.test_ids, member.test_ids, "test", *named)
        aligned[name] = member.take(rows, test_rows)
        if not np.array_equal(aligned[name].validation_labels, first.validation_labels):
            raise UserError(f"validation labels of {first_name} and {name} differ")
        # Vectors have channels instead of columns.
        if len({getattr(one.test, "shape", (0, 0))[1] for one in (first, member)}) > 1:
            raise UserError(f"{first_name} and {name} have a different number of classes")
    return aligned
