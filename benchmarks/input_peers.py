"""Other ways from TFRecords to augmented batches, for ``input_pipeline.py``.

All resize to ``image_size + crop_margin``, crop, turn, flip and transpose with the recipe's
probabilities, over shuffled records, into batches of 16.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.recipes.classifier import ClassifierRecipe

BATCH, SHUFFLED, CORES = 16, 2048, os.cpu_count() or 1


def published(files: Sequence[Path], number: int, recipe: ClassifierRecipe) -> Iterator[Any]:
    """That of the competition's notebooks: float32, one function of ``tf.image`` a change."""
    import tensorflow as tf

    size, whole = recipe.image_size, recipe.image_size + recipe.crop_margin

    def picture(record: Any) -> Any:
        feature = {"image": tf.io.FixedLenFeature([], tf.string)}
        image = tf.io.decode_jpeg(tf.io.parse_single_example(record, feature)["image"], channels=3)
        image = tf.image.resize(tf.cast(image, tf.float32) / 255.0, (whole, whole))
        image = tf.image.random_crop(image, (size, size, 3))
        turns = tf.cast(tf.floor(tf.random.uniform(()) / recipe.rot90_probability), tf.int32) + 1
        image = tf.image.rot90(image, tf.where(turns < 4, turns, 0))
        image = tf.image.random_flip_up_down(tf.image.random_flip_left_right(image))
        transposed = tf.random.uniform(()) < recipe.transpose_probability
        image = tf.cond(transposed, lambda: tf.image.transpose(image), lambda: image)
        return tf.ensure_shape(image, (size, size, 3))

    dataset = _records(files, number).map(picture, tf.data.AUTOTUNE)
    return iter(dataset.batch(BATCH, drop_remainder=True).prefetch(tf.data.AUTOTUNE))


def tf_data(files: Sequence[Path], number: int, recipe: ClassifierRecipe) -> Iterator[Any]:
    """``tf.data`` at its best: the faster DCT, one transposition for turns, a thread a core.

    uint8 pictures were slower (4 ms of CPU each, for 1.8): TensorFlow flips floats faster.
    """
    import tensorflow as tf

    size, whole = recipe.image_size, recipe.image_size + recipe.crop_margin

    def picture(record: Any) -> Any:
        feature = {"image": tf.io.FixedLenFeature([], tf.string)}
        jpeg = tf.io.parse_single_example(record, feature)["image"]
        image = tf.io.decode_jpeg(jpeg, channels=3, dct_method="INTEGER_FAST")
        image = tf.image.random_crop(tf.image.resize(image, (whole, whole)), (size, size, 3))
        turns = tf.cast(tf.random.uniform(()) / recipe.rot90_probability, tf.int32) + 1
        turns = tf.where(turns < 4, turns, 0)
        transposed = (turns % 2 == 1) != (tf.random.uniform(()) < recipe.transpose_probability)
        image = tf.cond(transposed, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
        image = tf.image.random_flip_up_down(tf.image.random_flip_left_right(image))
        return tf.ensure_shape(image, (size, size, 3))

    dataset = _records(files, number).map(picture, CORES, deterministic=False)
    return iter(dataset.batch(BATCH, drop_remainder=True).prefetch(2))


def _records(files: Sequence[Path], number: int) -> Any:
    import tensorflow as tf

    names = [str(path) for path in files]
    records = tf.data.TFRecordDataset(names, num_parallel_reads=tf.data.AUTOTUNE)
    return records.repeat().take(number).shuffle(SHUFFLED)


def grain_by_hand(jpegs: Sequence[bytes], recipe: ClassifierRecipe) -> Iterator[Any]:
    """Grain as its guide shows it, with OpenCV and NumPy: one function a step, a thread a core."""
    import cv2
    import grain

    size, whole = recipe.image_size, recipe.image_size + recipe.crop_margin

    def decode(jpeg: bytes) -> np.ndarray:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
        return cv2.resize(picture, (whole, whole))

    def augment(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        top, left = generator.integers(0, recipe.crop_margin + 1, 2)
        picture = picture[top : top + size, left : left + size]
        turns = int(generator.random() / recipe.rot90_probability)  # 0 to 2 are quarter turns
        picture = cv2.rotate(picture, turns) if turns < 3 else picture
        for way, probability in ((1, recipe.horizontal_flip), (0, recipe.vertical_flip)):
            picture = cv2.flip(picture, way) if generator.random() < probability else picture
        transposed = generator.random() < recipe.transpose_probability
        return cv2.transpose(picture) if transposed else picture

    dataset = grain.MapDataset.source(jpegs).seed(0).shuffle().map(decode).random_map(augment)
    options = grain.ReadOptions(num_threads=CORES, prefetch_buffer_size=4 * BATCH)
    return iter(dataset.to_iter_dataset(options).batch(BATCH, drop_remainder=True))


def has_torch() -> bool:
    """Import PyTorch, if it is there; before TensorFlow, or a library that both bring crashes."""
    try:
        import torchvision  # noqa: F401
    except ImportError as error:
        print(f"torch is left out ({error}): pip install -e '.[benchmarks]'", file=sys.stderr)
        return False
    return True


def torch_loader(jpegs: Sequence[bytes], recipe: ClassifierRecipe) -> Callable[[], Iterator[Any]]:
    """PyTorch's DataLoader and torchvision's transforms v2 on uint8, a process a core.

    Returns what starts an epoch: the processes stay, as in a training of several.
    """
    import torch

    loader = torch.utils.data.DataLoader(
        TorchPictures(jpegs, recipe),
        BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=CORES,
        persistent_workers=True,
        multiprocessing_context="spawn",  # a fork of TensorFlow's threads may hang
    )
    return lambda: iter(loader)


class TorchPictures:
    """A PyTorch dataset ``(3, size, size)`` uint8."""

    def __init__(self, jpegs: Sequence[bytes], recipe: ClassifierRecipe):
        self._jpegs, self._recipe, self._transform = jpegs, recipe, None

    def __len__(self) -> int:
        return len(self._jpegs)

    def __getitem__(self, row: int) -> Any:
        """One picture, decoded and changed."""
        import torch
        from torchvision.io import ImageReadMode, decode_jpeg

        self._transform = self._transform or _torch_transform(self._recipe)
        content = torch.frombuffer(bytearray(self._jpegs[row]), dtype=torch.uint8)
        return self._transform(decode_jpeg(content, ImageReadMode.RGB))


def _torch_transform(recipe: ClassifierRecipe) -> Any:
    import torch
    from torchvision.transforms import v2

    size, whole = recipe.image_size, recipe.image_size + recipe.crop_margin

    def turn(picture: Any) -> Any:
        turns = 1 + int(torch.rand(()) / recipe.rot90_probability)
        picture = torch.rot90(picture, turns if turns < 4 else 0, (1, 2))
        transposed = torch.rand(()) < recipe.transpose_probability
        return (picture.transpose(1, 2) if transposed else picture).contiguous()

    flips = v2.RandomHorizontalFlip(recipe.horizontal_flip), v2.RandomVerticalFlip()
    return v2.Compose([v2.Resize((whole, whole)), v2.RandomCrop(size), v2.Lambda(turn), *flips])
