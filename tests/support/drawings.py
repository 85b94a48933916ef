"""A small Omniglot: characters of lines, drawn anew by each drawer."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

SIDE = 35
ALPHABETS = {"Elder": 8, "Middle": 7, "Young": 6}  # and how many characters each has


def draw(character: int, drawer: int) -> np.ndarray:
    """Three lines of black on white, ``(SIDE, SIDE)`` uint8."""
    corners = np.random.default_rng(character).integers(4, SIDE - 4, (4, 2))
    moved = corners + np.random.default_rng((character, drawer)).integers(-2, 3, (4, 2))
    picture = np.full((SIDE, SIDE), 255, np.uint8)
    return np.asarray(cv2.polylines(picture, [moved.astype(np.int32)], False, 0, 2))


def write_drawings(
    folder: Path, alphabets: Mapping[str, int] | None = None, drawers: int = 4, first: int = 1
) -> Path:
    """Write each character of each alphabet by each drawer below ``folder``, and return that.

    Characters are numbered from ``first`` on over all alphabets, as in Omniglot.
    """
    number = first
    for alphabet, characters in (alphabets or ALPHABETS).items():
        for character in range(1, characters + 1):
            inside = folder / alphabet / f"character{character:02d}"
            inside.mkdir(parents=True)
            for drawer in range(1, drawers + 1):
                path = inside / f"{number:04d}_{drawer:02d}.png"
                cv2.imwrite(str(path), draw(number, drawer))
            number += 1
    return folder


def write_run(folder: Path, pictures: Mapping[str, np.ndarray], lines: list[str]) -> Path:
    """Write one of Lake's runs: pictures by ``training/class01.png`` or ``test/item01.png``."""
    for name, picture in pictures.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), picture)
    (folder / "class_labels.txt").write_text("\n".join(lines) + "\n")
    return folder
