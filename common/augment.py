"""Augmentations and preprocessing of pictures, one function each.

An augmentation takes a picture ``(height, width, 3)`` uint8 and a ``seed`` (int32, shape
``(2,)``), and returns a uint8 picture: the same seed gives the same result, eagerly and in
``tf.data``. Square pictures keep their size. Preprocessing takes a whole batch.
"""

from typing import Any

# Red, green and blue of ImageNet, for pixels in 0..1 (keras.applications' mode "torch").
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def resize(picture: Any, size: int) -> Any:
    """``(size, size, 3)`` uint8: bilinear, with antialiasing so that shrinking keeps colours."""
    import tensorflow as tf

    pixels = tf.image.resize(picture, (size, size), antialias=True)
    return tf.saturate_cast(tf.round(pixels), tf.uint8)


def random_crop(picture: Any, seed: Any, size: int) -> Any:
    """A random window, ``(size, size, 3)``."""
    import tensorflow as tf

    return tf.image.stateless_random_crop(picture, (size, size, 3), seed)


def centre_crop(pictures: Any, size: int) -> Any:
    """The middle ``size`` by ``size`` of a picture or a batch, as validation and test see it."""
    import tensorflow as tf

    pictures = tf.convert_to_tensor(pictures)
    height, width = tf.shape(pictures)[-3], tf.shape(pictures)[-2]
    top, left = (height - size) // 2, (width - size) // 2
    return pictures[..., top : top + size, left : left + size, :]


def random_rot90(picture: Any, seed: Any, probability: float) -> Any:
    """Turned by one, two or three quarters, each with ``probability``; else as it is."""
    import tensorflow as tf

    draw = tf.random.stateless_uniform((), seed)
    quarters = tf.cast(tf.floor(draw / max(probability, 1e-9)), tf.int32) + 1
    return tf.image.rot90(picture, tf.where(draw < 3 * probability, quarters, 0))


def random_flip_left_right(picture: Any, seed: Any, probability: float = 0.5) -> Any:
    """Mirrored left to right with ``probability``."""
    import tensorflow as tf

    return _with_probability(tf.image.flip_left_right, picture, seed, probability)


def random_flip_up_down(picture: Any, seed: Any, probability: float = 0.5) -> Any:
    """Mirrored top to bottom with ``probability``."""
    import tensorflow as tf

    return _with_probability(tf.image.flip_up_down, picture, seed, probability)


def random_transpose(picture: Any, seed: Any, probability: float) -> Any:
    """Rows and columns exchanged with ``probability``."""
    import tensorflow as tf

    return _with_probability(tf.image.transpose, picture, seed, probability)


def augment(picture: Any, seed: Any, recipe: Any) -> Any:
    """All of them in the published order, ``(image_size, image_size, 3)`` uint8."""
    import tensorflow as tf

    seeds = tf.random.split(seed, 5)  # independent draws, one for each operation
    picture = random_crop(picture, seeds[0], recipe.image_size)
    picture = random_rot90(picture, seeds[1], recipe.rot90_probability)
    picture = random_flip_left_right(picture, seeds[2], recipe.flip_probability)
    picture = random_flip_up_down(picture, seeds[3], recipe.flip_probability)
    picture = random_transpose(picture, seeds[4], recipe.transpose_probability)
    return tf.ensure_shape(picture, (recipe.image_size, recipe.image_size, 3))


def preprocess(pictures: Any, mode: str) -> Any:
    """A uint8 batch as float32 in the range that pretrained weights were trained on.

    ``torch`` (DenseNet, EfficientNet): ImageNet's mean and deviation, pixels in 0..1.
    ``tf`` (Xception): -1..1. The names are keras.applications' own; its function is not used
    because it calls the Keras backend, which need not be TensorFlow inside ``tf.data``.
    """
    import tensorflow as tf

    pixels = tf.cast(pictures, tf.float32)
    if mode == "tf":
        return pixels / 127.5 - 1.0
    if mode == "torch":
        return (pixels / 255.0 - tf.constant(IMAGENET_MEAN)) / tf.constant(IMAGENET_STD)
    raise ValueError(f"preprocessing is 'torch' or 'tf', not {mode!r}")


def _with_probability(operation: Any, picture: Any, seed: Any, probability: float) -> Any:
    import tensorflow as tf

    picture = tf.convert_to_tensor(picture)
    draw = tf.random.stateless_uniform((), seed)
    return tf.cond(draw < probability, lambda: operation(picture), lambda: picture)
