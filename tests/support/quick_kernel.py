"""Imported by the process that the fault runs fork kernels from: no figures are drawn."""

import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

_PICTURE = io.BytesIO()
Image.new("L", (8, 8)).save(_PICTURE, "png")


def save(_: Figure, path: Path, **__: object) -> None:
    """Write a small picture instead of the figure."""
    Path(path).write_bytes(_PICTURE.getvalue())


Figure.savefig = save
