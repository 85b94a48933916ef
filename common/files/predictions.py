"""``predictions.npz``: what every training kernel predicts, for the blend and the report.

Predictions of pictures, or vectors of pictures, whose dot products score pairs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np

from common.errors import UserError
from common.files.arrays import Arrays, load_arrays, open_arrays, save_arrays

NAME = "predictions.npz"
_ARRAYS: dict[str, tuple[Any, str]] = {
    "validation_ids": (np.str_, "v"),
    "validation_labels": (None, "v*"),
    "validation": (np.float32, "vu"),
    "test_ids": (np.str_, "t"),
    "test": (np.float32, "tu"),
}
_KNOWN: dict[str, tuple[Any, str]] = {  # as far as they are known
    "test_labels": (None, "t*"),
    "validation_groups": (np.str_, "v"),
    "test_groups": (np.str_, "t"),
}

Member = TypeVar("Member", "Predictions", "Vectors")
PARTS = ("validation", "test")
_VECTOR_ARRAYS = {
    "validation_ids": (np.str_, "v"),
    "validation_labels": (np.int64, "v"),
    "validation_seen": (bool, "v"),
    "test_ids": (np.str_, "t"),
}


class _OfPictures:
    def take(self, rows: np.ndarray, test_rows: np.ndarray) -> Self:
        """Return the given rows of validation and of test."""

        def some(name: str, values: Any) -> Any:
            chosen = test_rows if name.startswith("test") else rows
            if values is None:
                return None
            if isinstance(values, Mapping):
                return {channel: found[chosen] for channel, found in values.items()}
            return values[chosen]

        return type(self)(**{name: some(name, values) for name, values in vars(self).items()})


@dataclass(frozen=True)
class Predictions(_OfPictures):
    """What one model (or blend) predicts for validation and test.

    ``validation`` and ``test`` are ``(pictures, units)`` float32: probabilities, or one column of
    values; ids are ``(pictures,)`` text. Labels are ``(pictures,)`` numbers, or
    ``(pictures, classes)`` of 0 and 1 where a picture has several. ``test_labels`` are there where
    the data has them: a training passes them on, and only the ensemble measures with them. Groups
    are ``(pictures,)`` text, such as patients, empty for a picture of none: intervals are of whole
    groups.
    """

    validation_ids: np.ndarray
    validation_labels: np.ndarray
    validation: np.ndarray
    test_ids: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray | None = None
    validation_groups: np.ndarray | None = None
    test_groups: np.ndarray | None = None


@dataclass(frozen=True)
class Vectors(_OfPictures):
    """What one model says of each picture, in one or several channels.

    The score of a pair in a channel is the dot product of its two rows: of unit rows
    (``embedding``) it is their cosine, of probabilities (``classes``) how far they agree.

    ``validation`` and ``test`` are channel → ``(pictures, d)`` float32. Labels are the numbers of
    classes, ``validation_seen`` says whether train has them; all are ``(pictures,)``.
    """

    validation_ids: np.ndarray
    validation_labels: np.ndarray
    validation_seen: np.ndarray
    validation: Mapping[str, np.ndarray]
    test_ids: np.ndarray
    test: Mapping[str, np.ndarray]


def save_predictions(folder: Path, predictions: Predictions, source: str) -> Path:
    """Write ``predictions.npz`` after checking it."""
    _check_rows(source, predictions)
    values = vars(predictions)
    known = {name: form for name, form in _KNOWN.items() if values[name] is not None}
    return save_arrays(folder / NAME, _ARRAYS | known, values, source, compress=True)


def load_predictions(folder: Path, source: str) -> Predictions:
    """Read and check ``predictions.npz``. Raises UserError naming ``source`` and the fault."""
    path = folder / NAME
    with open_arrays(path, source) as found:
        arrays = _ARRAYS | {name: form for name, form in _KNOWN.items() if name in found.files}
    predictions = Predictions(**load_arrays(path, arrays, source))
    _check_rows(source, predictions)
    return predictions


def fold_folder(folder: Path, fold: int) -> Path:
    """Return where a kernel that carries out all folds writes the predictions of one."""
    return folder / f"fold{fold}"


def split_folder(folder: Path, split: int) -> Path:
    """Return where such a kernel writes what all folds of one split say, out of fold."""
    return folder / f"split{split}"


def save_vectors(folder: Path, vectors: Vectors, source: str) -> Path:
    """Write ``predictions.npz`` after checking it."""
    if not vectors.validation or set(vectors.validation) != set(vectors.test):
        raise UserError(f"{source}: validation and test have different channels, or none")
    _check_rows(source, vectors)
    rows = {
        _array(part, channel): values
        for part in PARTS
        for channel, values in getattr(vectors, part).items()
    }
    arrays = _arrays(vectors.validation)
    return save_arrays(folder / NAME, arrays, {**vars(vectors), **rows}, source)


def load_vectors(folder: Path, source: str) -> Vectors:
    """Read and check ``predictions.npz``. Raises UserError naming ``source`` and the fault."""
    path, (start, end) = folder / NAME, _array("validation", " ").split()
    with open_arrays(path, source) as arrays:
        names = [name for name in arrays.files if name.startswith(start) and name.endswith(end)]
    channels = [name.removeprefix(start).removesuffix(end) for name in names]
    found = load_arrays(path, _arrays(channels), source)
    rows = {part: {name: found.pop(_array(part, name)) for name in channels} for part in PARTS}
    vectors = Vectors(**found, **rows)  # type: ignore[arg-type]
    _check_rows(source, vectors)
    return vectors


def _array(part: str, channel: str) -> str:
    return f"{part}_{channel}_vectors"


def _arrays(channels: Iterable[str]) -> Arrays:
    """What the file has: a vector's length is that of its channel in both parts."""
    vectors = {
        _array(part, name): (np.float32, (part[0], name)) for name in channels for part in PARTS
    }
    return {**_VECTOR_ARRAYS, **vectors}


def _check_rows(source: str, predictions: Any) -> None:
    """Raise UserError for an id that comes twice and for the first row that is of no use.

    ``predictions`` are Predictions or Vectors: one array a part, or one a channel.
    """
    for part in PARTS:
        ids, found = getattr(predictions, f"{part}_ids"), getattr(predictions, part)
        if len(np.unique(ids)) != len(ids):
            raise UserError(f"{source}: {part} ids are not unique")
        for channel, values in found.items() if isinstance(found, Mapping) else [("", found)]:
            usable = np.isfinite(values).all(axis=1)
            if channel:
                usable &= values.any(axis=1)  # a vector has a direction
            bad = np.flatnonzero(~usable[: len(ids)])
            if len(bad):
                what = "predictions are NaN or infinite"
                if channel:
                    what = f"{channel} vectors are NaN, infinite or all zeros"
                raise UserError(
                    f"{source}: {part} {what} in {len(bad)} of {len(ids)} rows, the first is id "
                    f"{ids[bad[0]]}: the training diverged"
                )


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

    Raises UserError when ids, labels or the number of columns differ between members.
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
        test_labels_of({first_name: first, name: aligned[name]})
        # Vectors have channels instead of columns.
        if len({getattr(one.test, "shape", (0, 0))[1] for one in (first, member)}) > 1:
            raise UserError(f"{first_name} and {name} have a different number of classes")
    return aligned


def test_labels_of(members: Mapping[str, Any]) -> np.ndarray | None:
    """Return test's labels, of the first of ``members`` that has them; None if none has.

    Their rows are in one order. Raises UserError where two members have other labels.
    """
    found = {name: getattr(member, "test_labels", None) for name, member in members.items()}
    known = {name: labels for name, labels in found.items() if labels is not None}
    for name, labels in known.items():
        (first, expected), *_ = known.items()
        if not np.array_equal(labels, expected):
            raise UserError(f"test labels of {first} and {name} differ")
    return next(iter(known.values()), None)


def groups_of(members: Iterable[Predictions], part: str) -> np.ndarray | None:
    """Return the groups of a part, of the first of ``members`` that knows them; else None.

    Their rows are in one order.
    """
    found = (getattr(member, f"{part}_groups") for member in members)
    return next((groups for groups in found if groups is not None), None)
