"""``tf.data`` pipelines from TFRecords to batches. They feed TensorFlow and JAX alike."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from common.augment import augment, centre_crop, preprocess, resize
from common.tfrecords import Records, decode, parse


class Pictures:
    """The pictures of one part, resized to ``image_size + crop_margin``, with their labels.

    With ``recipe.cache`` they are decoded once and stay in memory (``(n, s, s, 3)`` uint8);
    otherwise each epoch reads and decodes the files again.
    """

    def __init__(self, records: Records, recipe: Any):
        self.records = records
        self.size = recipe.image_size + recipe.crop_margin
        missing = np.zeros(len(records), dtype=np.int64)
        self.labels = missing if records.labels is None else records.labels
        self._decoded = self._decode_all() if recipe.cache else None

    def dataset(self) -> Any:
        """A dataset of (picture ``(s, s, 3)`` uint8, label int64) in the records' order."""
        import tensorflow as tf

        if self._decoded is not None:
            return tf.data.Dataset.from_tensor_slices((self._decoded, self.labels))
        files = [str(path) for path in self.records.files]
        pictures = tf.data.TFRecordDataset(files).map(self._picture, tf.data.AUTOTUNE)
        return tf.data.Dataset.zip((pictures, tf.data.Dataset.from_tensor_slices(self.labels)))

    def originals(self, number: int) -> tuple[list[np.ndarray], np.ndarray]:
        """The first ``number`` pictures in their own size, and their labels."""
        import tensorflow as tf

        files = [str(path) for path in self.records.files]
        records = tf.data.TFRecordDataset(files).take(number)
        return [decode(parse(r, "image")["image"]).numpy() for r in records], self.labels[:number]

    def _picture(self, record: Any) -> Any:
        return resize(decode(parse(record, "image")["image"]), self.size)

    def _decode_all(self) -> np.ndarray:
        import tensorflow as tf

        files = [str(path) for path in self.records.files]
        pictures = tf.data.TFRecordDataset(files).map(self._picture, tf.data.AUTOTUNE)
        decoded = np.empty((len(self.records), self.size, self.size, 3), np.uint8)
        start = 0
        for batch in pictures.batch(256).as_numpy_iterator():
            decoded[start : start + len(batch)] = batch
            start += len(batch)
        return decoded


def training_batches(parts: Sequence[Pictures], recipe: Any, batch: int, seed: int) -> Any:
    """Shuffled and augmented batches of all ``parts``: (float32 ``(b, s, s, 3)``, int64 ``(b,)``).

    Every epoch draws another order and other augmentations; the same seed repeats them all. The
    last, incomplete batch is left out, so that shapes are static (XLA, TPU).
    """
    import tensorflow as tf

    pictures = parts[0].dataset()
    for part in parts[1:]:
        pictures = pictures.concatenate(part.dataset())
    pictures = pictures.shuffle(recipe.shuffle_buffer, seed=seed, reshuffle_each_iteration=True)
    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2)
    return (
        tf.data.Dataset.zip((pictures, seeds))
        .map(
            lambda item, s: (augment(item[0], tf.cast(s, tf.int32), recipe), item[1]),
            tf.data.AUTOTUNE,
        )
        .batch(batch, drop_remainder=True)
        .map(lambda images, labels: (preprocess(images, recipe.preprocessing), labels))
        .prefetch(tf.data.AUTOTUNE)
    )


def evaluation_batches(part: Pictures, recipe: Any, batch: int) -> Any:
    """Batches in the records' order, the middle of each picture: as in training, without chance."""
    import tensorflow as tf

    def finish(pictures: Any, labels: Any) -> tuple[Any, Any]:
        middle = centre_crop(pictures, recipe.image_size)
        return preprocess(middle, recipe.preprocessing), labels

    return part.dataset().batch(batch).map(finish).prefetch(tf.data.AUTOTUNE)
