"""``predictions.npz`` of a kernel that embeds pictures: vectors whose dot products score pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.files.arrays import open_arrays
from common.files.predictions import NAME, check_unique

PARTS = ("validation", "test")


@dataclass(frozen=True)
class Vectors:
    """What one model says of each picture, in one or several channels.

    The score of a pair in a channel is the dot product of its two rows: of unit rows
    (``embedding``) it is their cosine, of probabilities (``classes``) how far they agree.

    Attributes:
        validation_ids: ``(validation,)`` text.
        validation_labels: ``(validation,)`` int64, the class of each.
        validation_seen: ``(validation,)`` bool, whether train has its class.
        validation: channel → ``(validation, d)`` float32.
        test_ids: ``(test,)`` text.
        test: channel → ``(test, d)`` float32, the same channels.
    """

    validation_ids: np.ndarray
    validation_labels: np.ndarray
    validation_seen: np.ndarray
    validation: Mapping[str, np.ndarray]
    test_ids: np.ndarray
    test: Mapping[str, np.ndarray]

    def take(self, rows: np.ndarray, test_rows: np.ndarray) -> "Vectors":
        """Return the given rows of validation and of test."""
        return Vectors(
            self.validation_ids[rows],
            self.validation_labels[rows],
            self.validation_seen[rows],
            {channel: values[rows] for channel, values in self.validation.items()},
            self.test_ids[test_rows],
            {channel: values[test_rows] for channel, values in self.test.items()},
        )


def save_vectors(folder: Path, vectors: Vectors, source: str) -> Path:
    """Write ``predictions.npz`` (no pickled objects) after checking it."""
    check_vectors(vectors, source)
    arrays = {
        f"{part}_{channel}_vectors": np.asarray(values, np.float32)
        for part in PARTS
        for channel, values in getattr(vectors, part).items()
    }
    path = folder / NAME
    np.savez(
        path,
        validation_ids=np.asarray(vectors.validation_ids, np.str_),
        validation_labels=np.asarray(vectors.validation_labels, np.int64),
        validation_seen=np.asarray(vectors.validation_seen, bool),
        test_ids=np.asarray(vectors.test_ids, np.str_),
        **arrays,  # type: ignore[arg-type]
    )
    return path


def load_vectors(folder: Path, source: str) -> Vectors:
    """Read and check ``predictions.npz``. Raises UserError naming ``source`` and the fault."""
    path = folder / NAME
    with open_arrays(path, source) as arrays:
        found = {name: arrays[name] for name in arrays.files}
        channels: dict[str, Any] = {part: _channels(found, part) for part in PARTS}
        vectors = Vectors(**found, **channels)
    check_vectors(vectors, source)
    return vectors


def check_vectors(vectors: Vectors, source: str) -> None:
    """Check shapes, ids and values. Raises UserError with the first wrong row."""
    if not vectors.validation or set(vectors.validation) != set(vectors.test):
        raise UserError(f"{source}: validation and test have different channels, or none")
    for part in PARTS:
        ids = getattr(vectors, f"{part}_ids")
        check_unique(ids, f"{source}: {part}")
        for channel, values in getattr(vectors, part).items():
            _check_values(f"{source}: {part} {channel}", ids, values)
    shapes = {len(getattr(vectors, f"validation_{name}")) for name in ("ids", "labels", "seen")}
    if len(shapes) > 1:
        raise UserError(f"{source}: validation ids, labels and seen differ in number")


def _check_values(what: str, ids: np.ndarray, values: np.ndarray) -> None:
    if values.ndim != 2 or len(ids) != len(values):
        raise UserError(f"{what} has {len(ids)} ids and vectors of shape {values.shape}")
    lengths = np.square(values, dtype=np.float64).sum(axis=1)
    bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(bad):
        raise UserError(
            f"{what} vectors are NaN, infinite or all zeros in {len(bad)} of {len(ids)} rows, the "
            f"first is {ids[bad[0]]}: the training diverged"
        )


def _channels(found: dict[str, np.ndarray], part: str) -> dict[str, np.ndarray]:
    """Take the channels of one part out of the file's arrays."""
    start, end = f"{part}_", "_vectors"
    names = [name for name in found if name.startswith(start) and name.endswith(end)]
    return {name.removeprefix(start).removesuffix(end): found.pop(name) for name in names}
