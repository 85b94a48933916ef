"""Generated pictures in the competition's exact layout, for dry runs and tests.

Each of the 104 classes is a flower of one petal colour, one centre colour and one shape. Place,
size, turn, light, background and noise differ from picture to picture, so that a network has to
learn, and a small one can.

    python -m competitions.petals_to_metal.generated FOLDER SOLUTION [--seed N]
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from common.data.framing import framed, serialized
from common.data.generated import check_new, command_line
from common.data.tables import write_table
from competitions.petals_to_metal import CLASSES

SIDE = 192
PER_CLASS = {"train": 10, "val": 3, "test": 4}
SHARDS = {"train": 4, "val": 2, "test": 2}
# Red, green, blue of petals and of centres, distinct under the changes of light below.
PETALS = (
    *((220, 40, 50), (240, 200, 40), (130, 50, 190)),
    *((240, 240, 240), (250, 130, 190), (70, 110, 230)),
)
CENTRES = (
    *((250, 220, 60), (60, 30, 20), (200, 30, 110)),
    *((245, 245, 235), (60, 190, 90), (40, 60, 170)),
)


def write(folder: Path, solution_csv: Path, seed: int = 0) -> None:
    """Write the data below ``folder`` and its hidden labels (``id,label,Usage``) to a CSV.

    Raises UserError as ``check_new``.
    """
    check_new(folder, solution_csv)
    rng = np.random.default_rng(seed)
    for number, (part, each) in enumerate(PER_CLASS.items()):
        records = folder / f"tfrecords-jpeg-{SIDE}x{SIDE}" / part
        records.mkdir(parents=True)
        labels = rng.permutation(np.arange(len(CLASSES)).repeat(each)).tolist()
        ids = [f"{id_:09x}" for id_ in rng.choice(16**9, len(labels), replace=False)]
        jpegs = _painted(labels, (seed, number))
        for shard, rows in enumerate(np.array_split(np.arange(len(ids)), SHARDS[part])):
            with open(records / f"{shard:02d}-{SIDE}x{SIDE}-{len(rows)}.tfrec", "wb") as file:
                for row in rows:
                    label = None if part == "test" else labels[row]
                    file.write(framed(serialized(ids[row], label, jpegs[row])))
    usage = np.where(rng.random(len(ids)) < 0.3, "Public", "Private")
    write_table(folder / "sample_submission.csv", ("id", "label"), [(name, 0) for name in ids])
    write_table(solution_csv, ("id", "label", "Usage"), zip(ids, labels, usage, strict=True))


def _painted(labels: Sequence[int], seed: tuple[int, ...]) -> list[bytes]:
    """A JPEG of each label's flower, painted in threads."""

    def jpeg(row: int) -> bytes:
        picture = flower(labels[row], np.random.default_rng((*seed, row)))[..., ::-1]
        return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(jpeg, range(len(labels))))


def flower(label: int, rng: np.random.Generator) -> np.ndarray:
    """Paint one picture of class ``label``, ``(192, 192, 3)`` uint8: a disc, a star or a ring."""
    petal, centre, shape = PETALS[label % 6], CENTRES[label // 6 % 6], label // 36
    half = SIDE // 2
    y, x = np.mgrid[:half, :half] - rng.normal(half / 2, 4, (2, 1, 1))
    radius = np.hypot(x, y) / (rng.uniform(0.34, 0.48) * half)
    turned = np.arctan2(y, x) + rng.uniform(0, 2 * np.pi)
    petals = radius < (0.7 + 0.3 * np.cos(5 * turned) if shape == 1 else 1)
    if shape == 2:
        petals &= abs(radius - 0.665) > 0.115
    blotches = rng.normal((55, 85, 50), 23, (6, 6, 3)).astype(np.float32)  # of green and brown
    picture = blotches.repeat(half // 6, axis=0).repeat(half // 6, axis=1)
    picture[petals] = petal + rng.normal(0, 10, 3)
    picture[radius < 0.4] = centre + rng.normal(0, 10, 3)
    light = 8 * rng.standard_normal((SIDE, SIDE, 3), np.float32)
    light += rng.uniform(0.75, 1.1) * picture.repeat(2, axis=0).repeat(2, axis=1)
    return light.clip(0, 255, out=light).astype(np.uint8)


if __name__ == "__main__":
    command_line(write)
