"""``projection.npz``: validation's vectors in three dimensions, as they were in several epochs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.files.arrays import AGAIN, load_arrays, save_arrays

NAME = "projection.npz"
_ARRAYS = {
    "ids": (np.str_, "n"),
    "labels": (np.int64, "n"),
    "seen": (bool, "n"),
    "epochs": (np.int64, "e"),
    "points": (np.float32, "en3"),
}


@dataclass(frozen=True)
class Projection:
    """Some pictures' vectors in the three directions in which they differ most in the end.

    ``ids``, ``labels`` and ``seen``, whether train has the picture's class, are ``(n,)``;
    ``epochs`` ``(epochs,)`` count from 1; ``points`` are ``(epochs, n, 3)``.
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
    """Write ``projection.npz``."""
    return save_arrays(folder / NAME, _ARRAYS, vars(projection))


def load_projection(folder: Path) -> Projection | None:
    """Return what a kernel wrote, or None. Raises UserError when it cannot be read."""
    path = folder / NAME
    return Projection(**load_arrays(path, _ARRAYS, remedy=AGAIN)) if path.exists() else None
