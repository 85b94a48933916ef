"""The pictures of the tiny data set: crosses, discs and rings with noise."""

from pathlib import Path

import cv2
import numpy as np

COUNTS = {"train": 12, "val": 6, "test": 8}  # of each class


def write_shapes(folder: Path, seed: int = 0, noise: float = 350.0, **counts: int) -> Path:
    """Write ``PART/CLASS/N.png``; a part without pictures has no folder. Return ``folder``."""
    random = np.random.default_rng(seed)
    for part, number in {**COUNTS, **counts}.items():
        for name in ("cross", "disc", "ring") if number else ():
            (folder / part / name).mkdir(parents=True)
            for n in range(number):
                picture = np.zeros((24, 24), np.float32)
                if name == "cross":
                    picture[10:14, 3:21] = picture[3:21, 10:14] = 160
                else:
                    cv2.circle(picture, (12, 12), 8, 160, -1 if name == "disc" else 3)
                noisy = picture + random.normal(0, noise, picture.shape)
                cv2.imwrite(str(folder / part / name / f"{n}.png"), noisy.clip(0, 255).astype("u1"))
    return folder
