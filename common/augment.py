"""Augmentations of pictures, one function each.

An augmentation takes a picture ``(height, width, channels)`` uint8 and a NumPy generator, and
returns a uint8 picture: the same generator gives the same result, by itself and in the pipeline.
Square pictures keep their size. Those that mix pictures take a whole batch and its targets.

OpenCV does the work: it lets go of Python's lock, so that threads run side by side. Pictures go
through it with a fourth, unused channel: it turns those over four times faster.
"""

from typing import Any

import numpy as np

Generator = np.random.Generator
_LUMA = np.array([0.299, 0.587, 0.114])  # of ITU-R BT.601, as every grey picture of an RGB one


def resize(picture: np.ndarray, size: int) -> np.ndarray:
    """``(size, size, 3)`` uint8: bilinear, by area where it shrinks so that colours are kept."""
    import cv2

    if picture.shape[:2] == (size, size):
        return picture
    shrinks = min(picture.shape[:2]) > size
    return cv2.resize(
        picture, (size, size), None, 0, 0, (cv2.INTER_LINEAR, cv2.INTER_AREA)[shrinks]
    )


def random_crop(picture: np.ndarray, generator: Generator, size: int) -> np.ndarray:
    """A random window, ``(size, size, channels)``."""
    top = generator.integers(picture.shape[0] - size + 1)
    left = generator.integers(picture.shape[1] - size + 1)
    return picture[top : top + size, left : left + size]


def centre_crop(picture: np.ndarray, size: int) -> np.ndarray:
    """The middle ``size`` by ``size`` of a picture, as validation and test see it."""
    top, left = (picture.shape[0] - size) // 2, (picture.shape[1] - size) // 2
    return picture[top : top + size, left : left + size]


def random_rot90(picture: np.ndarray, generator: Generator, probability: float) -> np.ndarray:
    """Turned by one, two or three quarters, each with ``probability``; else as it is."""
    import cv2

    turns = (cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)
    quarters = int(generator.random() / max(probability, 1e-9))
    return cv2.rotate(picture, turns[quarters]) if quarters < 3 else picture


def random_flip_left_right(
    picture: np.ndarray, generator: Generator, probability: float = 0.5
) -> np.ndarray:
    """Mirrored left to right with ``probability``."""
    import cv2

    return cv2.flip(picture, 1) if generator.random() < probability else picture


def random_flip_up_down(
    picture: np.ndarray, generator: Generator, probability: float = 0.5
) -> np.ndarray:
    """Mirrored top to bottom with ``probability``."""
    import cv2

    return cv2.flip(picture, 0) if generator.random() < probability else picture


def random_transpose(picture: np.ndarray, generator: Generator, probability: float) -> np.ndarray:
    """Rows and columns exchanged with ``probability``."""
    import cv2

    return cv2.transpose(picture) if generator.random() < probability else picture


def colour_jitter(picture: np.ndarray, generator: Generator, strength: float) -> np.ndarray:
    """Brightness, contrast and saturation, each times a factor from ``1 ± strength``.

    One linear map of the channels: towards grey (saturation), towards the mean grey (contrast),
    towards black (brightness). A fourth channel is left as it is.
    """
    import cv2

    if not strength:
        return picture
    brightness, contrast, saturation = generator.uniform(1 - strength, 1 + strength, 3)
    colours = saturation * np.eye(3) + (1 - saturation) * _LUMA
    channels = picture.shape[2]
    change = np.eye(channels, channels + 1)
    change[:3, :3] = brightness * contrast * colours
    mean = cv2.mean(picture)[:3] @ _LUMA
    change[:3, channels] = brightness * (1 - contrast) * mean
    return cv2.transform(picture, change)


def augment(picture: np.ndarray, generator: Generator, recipe: Any) -> np.ndarray:
    """All of them in the published order, ``(image_size, image_size, 3)`` uint8."""
    import cv2

    picture = cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA)
    picture = random_crop(picture, generator, recipe.image_size)
    picture = random_rot90(picture, generator, recipe.rot90_probability)
    picture = random_flip_left_right(picture, generator, recipe.flip_probability)
    picture = random_flip_up_down(picture, generator, recipe.flip_probability)
    picture = random_transpose(picture, generator, recipe.transpose_probability)
    picture = colour_jitter(picture, generator, recipe.colour_jitter)
    return cv2.cvtColor(picture, cv2.COLOR_RGBA2RGB)


def mixup(
    pictures: np.ndarray, targets: np.ndarray, generator: Generator, alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """Each picture and its target as a weighted mean with another one of the batch.

    ``pictures`` are ``(batch, size, size, 3)`` uint8, ``targets`` ``(batch, classes)`` float32; the
    share of a picture is Beta(alpha, alpha). Zhang et al., 2017 (mixup).
    """
    import cv2

    partners, shares = _partners(len(pictures), generator, alpha)
    mixed = np.empty_like(pictures)
    for row, (partner, share) in enumerate(zip(partners, shares, strict=True)):
        cv2.addWeighted(pictures[row], share, pictures[partner], 1 - share, 0, mixed[row])
    return mixed, _mixed_targets(targets, partners, shares)


def cutmix(
    pictures: np.ndarray, targets: np.ndarray, generator: Generator, alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """A rectangle of each picture replaced by the same one of another picture of the batch.

    Its area is one minus a share of Beta(alpha, alpha), cut at the border; targets are mixed by the
    area that is left. Shapes as ``mixup``. Yun et al., 2019 (CutMix).
    """
    size = pictures.shape[1]
    partners, shares = _partners(len(pictures), generator, alpha)
    centres = generator.integers(size, size=(len(pictures), 2))
    halves = np.rint(size * np.sqrt(1 - shares) / 2).astype(int)[:, None]
    starts, ends = (centres - halves).clip(0), (centres + halves).clip(max=size)
    mixed = pictures.copy()
    for row, ((top, left), (bottom, right)) in enumerate(zip(starts, ends, strict=True)):
        part = pictures[partners[row], top:bottom, left:right]
        mixed[row, top:bottom, left:right] = part
    kept = 1 - (ends - starts).prod(axis=1) / size**2
    return mixed, _mixed_targets(targets, partners, kept)


def view(picture: np.ndarray, number: int, size: int) -> np.ndarray:
    """One of 16 views of a picture for test-time augmentation, ``(size, size, 3)``.

    0 is the middle as it is, 1 to 3 are its flips, 4 to 7 the same of the transposed middle;
    8 to 11 are the four corners, 12 to 15 the corners mirrored left to right.
    """
    import cv2

    if number < 8:
        picture = centre_crop(picture, size)
        picture = cv2.transpose(picture) if number >= 4 else np.ascontiguousarray(picture)
        flips = (None, 1, 0, -1)[number % 4]
    else:
        top = (picture.shape[0] - size) * (number % 4 // 2)
        left = (picture.shape[1] - size) * (number % 2)
        picture = np.ascontiguousarray(picture[top : top + size, left : left + size])
        flips = 1 if number >= 12 else None
    return picture if flips is None else cv2.flip(picture, flips)


def _partners(number: int, generator: Generator, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    return generator.permutation(number), generator.beta(alpha, alpha, number)


def _mixed_targets(targets: np.ndarray, partners: np.ndarray, shares: np.ndarray) -> np.ndarray:
    share = shares.astype(np.float32)[:, None]
    return share * targets + (1 - share) * targets[partners]
