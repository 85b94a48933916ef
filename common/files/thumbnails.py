"""``thumbnails.npz``: small validation pictures that a training kernel writes for the report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.data.augment import resize
from common.files.arrays import AGAIN, load_arrays, save_arrays

NAME = "thumbnails.npz"
SIDE = 64  # pixels, at most
LIMIT = 4096  # pictures, at most
QUALITY = 80
# No JPEG ends in a zero, which NumPy would drop.
_ARRAYS = {"ids": (np.str_, "n"), "jpegs": (np.bytes_, "n")}


def write_thumbnails(folder: Path, pictures: Any, always: Sequence[int] = ()) -> Path:
    """Write the thumbnails of one part, ``common.data.pictures.Pictures``: all, or every k-th.

    Each is at most ``SIDE`` pixels wide and high, a pair twice as wide; there are at most
    ``LIMIT``, besides the rows of ``always``.
    """
    import cv2

    every = -(-len(pictures) // LIMIT) or 1
    side = min(SIDE, pictures.size)
    rows = sorted({*range(0, len(pictures), every), *map(int, always)})
    jpegs = []
    for row in rows:
        picture = pictures[row]
        shown = [resize(one, side) for one in (picture if picture.ndim == 4 else [picture])]
        small = cv2.cvtColor(np.concatenate(shown, axis=1), cv2.COLOR_RGB2BGR)
        jpegs.append(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes())
    return save_thumbnails(folder, pictures.records.ids[rows].tolist(), jpegs)


def save_thumbnails(folder: Path, ids: Sequence[str], jpegs: Sequence[bytes]) -> Path:
    """Write ``thumbnails.npz``: ``ids`` and the bytes of ``jpegs``, both ``(n,)``."""
    values = {"ids": ids, "jpegs": jpegs}
    return save_arrays(folder / NAME, _ARRAYS, values, compress=True)


def load_thumbnails(folder: Path) -> dict[str, bytes]:
    """Return the JPEG file of each picture by its id; none where the kernel wrote none.

    Raises UserError when the file cannot be read.
    """
    path = folder / NAME
    if not path.exists():
        return {}
    ids, jpegs = load_arrays(path, _ARRAYS, "", AGAIN).values()
    return dict(zip(ids.tolist(), jpegs.tolist(), strict=True))
