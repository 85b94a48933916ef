"""``thumbnails.npz``: small validation pictures that a training kernel writes for the report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.data.augment import resize
from common.errors import UserError
from common.files.arrays import AGAIN, open_arrays

NAME = "thumbnails.npz"
SIDE = 64  # pixels, at most
LIMIT = 4096  # pictures, at most
QUALITY = 80
_START = b"\xff\xd8"  # of every JPEG


def write_thumbnails(folder: Path, pictures: Any, always: Sequence[int] = ()) -> Path:
    """Write the thumbnails of one part, ``common.data.pictures.Pictures``: all, or every k-th.

    Each is at most ``SIDE`` pixels wide and high; there are at most ``LIMIT``, besides the rows of
    ``always``.
    """
    import cv2

    every = -(-len(pictures) // LIMIT) or 1
    side = min(SIDE, pictures.size)
    rows = sorted({*range(0, len(pictures), every), *map(int, always)})
    jpegs = []
    for row in rows:
        small = cv2.cvtColor(resize(pictures[row], side), cv2.COLOR_RGB2BGR)
        jpegs.append(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes())
    return save_thumbnails(folder, pictures.records.ids[rows].tolist(), jpegs)


def save_thumbnails(folder: Path, ids: Sequence[str], jpegs: Sequence[bytes]) -> Path:
    """Write ``thumbnails.npz`` (no pickled objects).

    It has ``ids`` ``(n,)`` text, ``jpeg`` uint8, all JPEG files joined, and ``ends`` ``(n,)``
    int64, where each of them ends.
    """
    path = folder / NAME
    np.savez(
        path,
        ids=np.asarray(ids, dtype=np.str_),
        jpeg=np.frombuffer(b"".join(jpegs), dtype=np.uint8),
        ends=np.cumsum([len(jpeg) for jpeg in jpegs], dtype=np.int64),
    )
    return path


def load_thumbnails(folder: Path) -> dict[str, bytes]:
    """Return the JPEG file of each picture by its id; none where the kernel wrote none.

    Raises UserError when the file cannot be read or does not have what it should.
    """
    path = folder / NAME
    if not path.exists():
        return {}
    with open_arrays(path, remedy=AGAIN) as arrays:
        ids = [str(name) for name in arrays["ids"].tolist()]
        ends = [int(end) for end in arrays["ends"].tolist()]
        joined = arrays["jpeg"].astype(np.uint8, casting="equiv").tobytes()
    edges = [0, *ends]
    if len(ids) != len(ends) or sorted(edges) != edges or edges[-1] != len(joined):
        raise UserError(f"{path}: its ids, its ends and its bytes differ: run its kernel again")
    found = {name: joined[a:b] for name, a, b in zip(ids, edges, ends, strict=False)}
    broken = next((name for name, jpeg in found.items() if not jpeg.startswith(_START)), None)
    if broken is not None:
        raise UserError(f"{path}: picture {broken} is not a JPEG: run its kernel again")
    return found
