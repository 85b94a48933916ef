"""``features.npz``: the vectors of train's pictures, for a head that is trained on top of them."""

from pathlib import Path

import numpy as np

from common.files.arrays import load_arrays, save_arrays

NAME = "features.npz"
_ARRAYS = {"ids": (np.str_, "n"), "labels": (np.int64, "n"), "rows": (np.float32, "nd")}


def save_features(folder: Path, ids: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> Path:
    """Write ids ``(n,)`` text, labels ``(n,)`` int64 and vectors ``(n, d)`` float32."""
    return save_arrays(folder / NAME, _ARRAYS, {"ids": ids, "labels": labels, "rows": rows})


def load_features(folder: Path, source: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ids, labels and vectors. Raises UserError naming ``source`` and the fault."""
    ids, labels, rows = load_arrays(folder / NAME, _ARRAYS, source).values()
    return ids, labels, rows
