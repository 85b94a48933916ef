"""Small TFRecords in the competition's layout, for tests that read or damage them."""

from pathlib import Path

import cv2
import numpy as np

from common.data.framing import framed, serialized


def example(name: str, label: int | None, jpeg: bytes | None = None, side: int = 24) -> bytes:
    """One serialized record; without ``jpeg``, of a plain colour that depends on the label."""
    if jpeg is None:
        colour = (160, 90, (label or 0) * 50 % 256)
        jpeg = cv2.imencode(".jpg", np.full((side, side, 3), colour, np.uint8))[1].tobytes()
    return serialized(name, label, jpeg)


def write_file(path: Path, records: list[bytes]) -> Path:
    """A TFRecord file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(map(framed, records)))
    return path


def shard(folder: Path, labels: list[int], number: int = 0) -> Path:
    """A good file, its count in its name."""
    records = [example(f"{number}-{i}", label) for i, label in enumerate(labels)]
    return write_file(folder / f"{number:02d}-24x24-{len(labels)}.tfrec", records)
