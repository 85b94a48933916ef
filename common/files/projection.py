"""``projection.npz``: validation's vectors in three dimensions, as they were in several epochs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files.arrays import AGAIN, open_arrays

NAME = "projection.npz"


@dataclass(frozen=True)
class Projection:
    """Some pictures' vectors in the three directions in which they differ most in the end.

    Attributes:
        ids: ``(n,)`` text.
        labels: ``(n,)`` int64.
        seen: ``(n,)`` bool, whether train has the picture's class.
        epochs: ``(epochs,)`` int64, from 1.
        points: ``(epochs, n, 3)`` float32.
    """

    ids: np.ndarray
    labels: np.ndarray
    seen: np.ndarray
    epochs: np.ndarray
    points: np.ndarray


def project(vectors: np.ndarray) -> np.ndarray:
    """Return ``(epochs, n, 3)`` float32 of ``(epochs, n, d)``, by the last's principal components.

    With fewer than three dimensions the rest are zeros.
    """
    from sklearn.decomposition import PCA

    last = vectors[-1].astype(np.float64)
    found = PCA(min(3, *last.shape), svd_solver="full").fit(last)
    points = (vectors - found.mean_) @ found.components_.T
    missing = 3 - points.shape[-1]
    return np.pad(points, ((0, 0), (0, 0), (0, missing))).astype(np.float32)


def save_projection(folder: Path, projection: Projection) -> Path:
    """Write ``projection.npz`` (no pickled objects)."""
    path = folder / NAME
    np.savez(
        path,
        ids=np.asarray(projection.ids, np.str_),
        labels=np.asarray(projection.labels, np.int64),
        seen=np.asarray(projection.seen, bool),
        epochs=np.asarray(projection.epochs, np.int64),
        points=np.asarray(projection.points, np.float32),
    )
    return path


def load_projection(folder: Path) -> Projection | None:
    """Return what a kernel wrote, or None. Raises UserError when it cannot be read."""
    path = folder / NAME
    if not path.exists():
        return None
    with open_arrays(path, remedy=AGAIN) as arrays:
        found = Projection(**{name: arrays[name] for name in arrays.files})
    number = len(found.ids)
    shapes = found.labels.shape, found.seen.shape, found.points.shape
    if shapes != ((number,), (number,), (len(found.epochs), number, 3)):
        raise UserError(f"{path}: its pictures, epochs and points differ: run its kernel again")
    return found
