"""``features.npz``: the vectors of train's pictures, for a head that is trained on top of them."""

from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files.arrays import open_arrays

NAME = "features.npz"


def save_features(folder: Path, ids: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> Path:
    """Write ids ``(n,)`` text, labels ``(n,)`` int64 and vectors ``(n, d)`` float32."""
    path = folder / NAME
    np.savez(
        path,
        ids=np.asarray(ids, np.str_),
        labels=np.asarray(labels, np.int64),
        rows=np.asarray(rows, np.float32),
    )
    return path


def load_features(folder: Path, source: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ids, labels and vectors. Raises UserError naming ``source`` and the fault."""
    path = folder / NAME
    with open_arrays(path, source) as arrays:
        found = arrays["ids"], arrays["labels"], arrays["rows"]
    if len({len(array) for array in found}) > 1 or not np.isfinite(found[2]).all():
        raise UserError(f"{source}: {path} has no finite vector for each of its pictures")
    return found
