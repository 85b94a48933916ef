"""``features.npz``: the vectors of train's pictures, for a head that is trained on top of them."""

import zipfile
from pathlib import Path

import numpy as np

from common.errors import UserError

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
    """Ids, labels and vectors. Raises UserError naming ``source`` when they cannot be read."""
    path = folder / NAME
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            found = arrays["ids"], arrays["labels"], arrays["rows"]
    except (ValueError, TypeError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{source}: {path} cannot be read: {error}") from None
    if len({len(array) for array in found}) > 1 or not np.isfinite(found[2]).all():
        raise UserError(f"{source}: {path} does not hold a finite vector for each of its pictures")
    return found
