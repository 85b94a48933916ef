"""Generated pictures in the competition's exact layout, for dry runs and tests.

Each of the 104 classes is a flower of one petal colour, one centre colour and one shape. Place,
size, turn, light, background and noise differ from picture to picture, so that a network has to
learn, and a small one can.

    python -m competitions.petals_to_metal.generated FOLDER SOLUTION [--seed N]
"""

from pathlib import Path

import numpy as np

from common.data.generated import check_new, command_line
from common.data.tables import write_table
from common.data.tfrecords import serialized
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
SHAPES = ("disc", "star", "ring")


def write(folder: Path, solution_csv: Path, seed: int = 0) -> None:
    """Write the data below ``folder`` and its hidden labels (``id,label,Usage``) to a CSV.

    Raises UserError as ``check_new``.
    """
    check_new(folder, solution_csv)
    generator = np.random.default_rng(seed)
    for part in PER_CLASS:
        ids, labels = _write_part(folder / f"tfrecords-jpeg-{SIDE}x{SIDE}" / part, generator)
    sample = [(name, 0) for name in ids]
    usage = np.where(generator.random(len(ids)) < 0.3, "Public", "Private")
    write_table(folder / "sample_submission.csv", ("id", "label"), sample)
    write_table(solution_csv, ("id", "label", "Usage"), zip(ids, labels, usage, strict=True))


def flower(label: int, generator: np.random.Generator) -> np.ndarray:
    """Paint one picture of class ``label``, ``(192, 192, 3)`` uint8."""
    petal = np.array(PETALS[label % 6], float)
    centre = np.array(CENTRES[label // 6 % 6], float)
    shape = SHAPES[label // 36]
    half = SIDE // 2
    y, x = np.mgrid[0:half, 0:half].astype(np.float32)
    size = generator.uniform(0.34, 0.48) * half
    dx, dy = x - half / 2 + generator.normal(0, 4), y - half / 2 + generator.normal(0, 4)
    radius, angle = np.hypot(dx, dy) / size, np.arctan2(dy, dx) + generator.uniform(0, 2 * np.pi)
    edge = 0.7 + 0.3 * np.cos(5 * angle) if shape == "star" else np.ones_like(radius)
    petals = radius < edge
    if shape == "ring":
        petals &= ~((radius > 0.55) & (radius < 0.78))
    picture = _background(half, generator)
    picture[petals] = petal + generator.normal(0, 10, 3)
    picture[radius < 0.4] = centre + generator.normal(0, 10, 3)
    picture *= generator.uniform(0.75, 1.1)
    picture = picture.repeat(2, axis=0).repeat(2, axis=1)
    picture += generator.normal(0, 8, picture.shape).astype(np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _background(side: int, generator: np.random.Generator) -> np.ndarray:
    """Soft blotches of green and brown, ``(side, side, 3)`` float32."""
    coarse = generator.normal(0, 20, (6, 6, 3)).repeat(side // 6, axis=0).repeat(side // 6, axis=1)
    base = np.array((55, 85, 50)) + generator.normal(0, 12, 3)
    return (base + coarse).astype(np.float32)


def _write_part(folder: Path, generator: np.random.Generator) -> tuple[list[str], list[int]]:
    import tensorflow as tf

    folder.mkdir(parents=True)
    labels = generator.permutation(np.arange(len(CLASSES)).repeat(PER_CLASS[folder.name])).tolist()
    ids = [f"{number:09x}" for number in generator.choice(16**9, len(labels), replace=False)]
    for shard, rows in enumerate(np.array_split(np.arange(len(ids)), SHARDS[folder.name])):
        path = folder / f"{shard:02d}-{SIDE}x{SIDE}-{len(rows)}.tfrec"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for row in rows:
                jpeg = tf.io.encode_jpeg(flower(labels[row], generator), quality=85).numpy()
                label = None if folder.name == "test" else labels[row]
                writer.write(serialized(ids[row], label, jpeg))
    return ids, labels


if __name__ == "__main__":
    command_line(write)
