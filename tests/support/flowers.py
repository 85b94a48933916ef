"""Small TFRecords in the competition's layout, for tests that read or damage them."""

from pathlib import Path

import numpy as np


def example(name: str, label: int | None, jpeg: bytes | None = None, side: int = 24) -> bytes:
    """One serialized record; without ``jpeg``, of a plain colour that tells the label."""
    import tensorflow as tf

    def text(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    if jpeg is None:
        picture = np.full((side, side, 3), ((label or 0) * 50 % 256, 90, 160), np.uint8)
        jpeg = tf.io.encode_jpeg(picture).numpy()
    features = {"image": text(jpeg), "id": text(name.encode())}
    if label is not None:
        features["class"] = tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def write_file(path: Path, records: list[bytes]) -> Path:
    """A TFRecord file."""
    import tensorflow as tf

    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


def shard(folder: Path, labels: list[int], number: int = 0) -> Path:
    """A good file, its count in its name."""
    records = [example(f"{number}-{i}", label) for i, label in enumerate(labels)]
    return write_file(folder / f"{number:02d}-24x24-{len(labels)}.tfrec", records)
