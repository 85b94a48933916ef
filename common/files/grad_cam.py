"""``grad_cam.npz``: a few validation pictures, and where a network saw a class in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.files.arrays import AGAIN, load_arrays, save_arrays

NAME = "grad_cam.npz"
FEATURE_MAPS = "feature_maps.png"  # of the first of them


@dataclass(frozen=True)
class Explained:
    """One picture: what it is and was taken for, and JPEG files of it.

    Attributes:
        label, predicted: numbers of classes.
        probability: of what was predicted.
        picture: as the network saw it.
        map: with the Grad-CAM of what was predicted over it.
        true_map: with that of its true class; empty where that was predicted.
    """

    id: str
    label: int
    predicted: int
    probability: float
    picture: bytes
    map: bytes
    true_map: bytes = b""


# No JPEG ends in a zero, which NumPy would drop.
_ARRAYS = {
    "id": (np.str_, "n"),
    "label": (np.int64, "n"),
    "predicted": (np.int64, "n"),
    "probability": (np.float32, "n"),
    **dict.fromkeys(("picture", "map", "true_map"), (np.bytes_, "n")),
}


def save_explained(folder: Path, rows: Sequence[Explained]) -> Path:
    """Write ``grad_cam.npz``, a row a picture."""
    values = {name: [getattr(row, name) for row in rows] for name in _ARRAYS}
    return save_arrays(folder / NAME, _ARRAYS, values)


def load_explained(folder: Path) -> list[Explained]:
    """Return the pictures; none where the kernel wrote none.

    Raises UserError when the file cannot be read.
    """
    path = folder / NAME
    if not path.exists():
        return []
    found = load_arrays(path, _ARRAYS, "", AGAIN)
    columns = (values.tolist() for values in found.values())
    return [Explained(*row) for row in zip(*columns, strict=True)]
