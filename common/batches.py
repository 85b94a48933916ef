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
        # Keras warns of data that "ran out" where it does not know how many there are.
        pictures = pictures.apply(tf.data.experimental.assert_cardinality(len(self.records)))
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


def steps_an_epoch(parts: Sequence[Pictures], batch: int) -> int:
    """Whole batches in all ``parts``: the incomplete one is left out (static shapes: XLA, TPU)."""
    return sum(len(part.records) for part in parts) // batch


def training_batches(
    parts: Sequence[Pictures], recipe: Any, batch: int, seed: int, epochs: range
) -> Any:
    """Shuffled and augmented batches of all ``parts``: (float32 ``(b, s, s, 3)``, int64 ``(b,)``).

    ``epochs`` follow one another, each of ``steps_an_epoch``. An epoch's order and augmentations
    come from ``seed`` and its own number alone: a training that goes on with epoch 7 sees what
    one that began with epoch 0 sees there.
    """
    import tensorflow as tf

    pictures = parts[0].dataset()
    for part in parts[1:]:
        pictures = pictures.concatenate(part.dataset())
    drawn = steps_an_epoch(parts, batch) * batch

    def one_epoch(number: Any) -> Any:
        tf.random.set_seed(1)  # of this function: shuffle takes no tensor beside a seed of 0
        seeds = tf.random.stateless_uniform((drawn, 2), (seed, number), None, None, tf.int32)
        shuffled = pictures.shuffle(
            recipe.shuffle_buffer, tf.cast(seeds[0, 0], tf.int64), reshuffle_each_iteration=False
        )
        return tf.data.Dataset.zip((shuffled, tf.data.Dataset.from_tensor_slices(seeds)))

    return (
        tf.data.Dataset.range(epochs.start, epochs.stop)
        .flat_map(one_epoch)
        .map(lambda item, s: (augment(item[0], s, recipe), item[1]), tf.data.AUTOTUNE)
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
