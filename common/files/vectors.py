"""``predictions.npz`` of a kernel that embeds pictures: vectors whose dot products score pairs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files.arrays import Arrays, load_arrays, open_arrays, save_arrays
from common.files.predictions import NAME, check_rows

PARTS = ("validation", "test")
_ARRAYS = {
    "validation_ids": (np.str_, "v"),
    "validation_labels": (np.int64, "v"),
    "validation_seen": (bool, "v"),
    "test_ids": (np.str_, "t"),
}


@dataclass(frozen=True)
class Vectors:
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
    """Write ``predictions.npz`` after checking it."""
    if not vectors.validation or set(vectors.validation) != set(vectors.test):
        raise UserError(f"{source}: validation and test have different channels, or none")
    check_rows(source, vectors)
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
    check_rows(source, vectors)
    return vectors


def _array(part: str, channel: str) -> str:
    return f"{part}_{channel}_vectors"


def _arrays(channels: Iterable[str]) -> Arrays:
    """What the file has: a vector's length is that of its channel in both parts."""
    vectors = {
        _array(part, name): (np.float32, (part[0], name)) for name in channels for part in PARTS
    }
    return {**_ARRAYS, **vectors}
