"""Augmentations of pictures, one function each.

An augmentation takes a picture ``(size, size, 3)`` uint8 and a NumPy generator, and returns a uint8
picture: the same generator gives the same result, by itself and in the pipeline. Turns and flips
are drawn as one symmetry of a square, so that pixels move once. MixUp and CutMix take a whole batch
and its targets. OpenCV does the work: it releases Python's lock, so that threads run side by side.
"""

from typing import Any

import numpy as np

Generator = np.random.Generator
Symmetry = tuple[bool, bool, bool]  # of a square: transposed, and then up for down, left for right
# 0 to 3 quarter turns to the left, as ``numpy.rot90``.
_QUARTERS = (
    (False, False, False),
    (True, True, False),
    (False, True, True),
    (True, False, True),
)
_LUMA = np.array([0.299, 0.587, 0.114])  # of ITU-R BT.601, as every grey picture of an RGB one


def resize(
    picture: np.ndarray, size: int | tuple[int, int], interpolation: str = "bilinear"
) -> np.ndarray:
    """Resize to ``(size, size, 3)`` uint8, or to a height and a width.

    ``bilinear`` averages areas where a picture shrinks, so that colours are kept. ``nearest`` takes
    the pixel at each centre, as TensorFlow 2 does. ``bicubic`` and ``lanczos`` are Pillow's, whose
    filters widen where a picture shrinks (OpenCV's do not, and fine patterns become others).
    """
    import cv2

    height, width = (size, size) if isinstance(size, int) else size
    if picture.shape[:2] == (height, width):
        return picture
    if interpolation in ("bicubic", "lanczos"):
        from PIL import Image

        image = Image.fromarray(np.ascontiguousarray(picture))
        way = Image.Resampling[interpolation.upper()]
        return np.asarray(image.resize((width, height), way))
    shrinks = picture.shape[0] > height and picture.shape[1] > width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    if interpolation == "nearest":
        how = cv2.INTER_NEAREST_EXACT  # INTER_NEAREST is half a pixel off
    return cv2.resize(picture, (width, height), interpolation=how)


def random_crop(picture: np.ndarray, generator: Generator, size: int) -> np.ndarray:
    """Return a random window of a picture, ``(size, size, 3)`` uint8, without copying it."""
    top = generator.integers(picture.shape[0] - size + 1)
    left = generator.integers(picture.shape[1] - size + 1)
    return picture[top : top + size, left : left + size]


def random_symmetry(generator: Generator, recipe: Any) -> Symmetry:
    """Draw one, two or three quarter turns, both flips and a transposition, one after the other.

    The recipe has a probability for each; the order is the published one.
    """
    quarters = 1 + int(generator.random() / max(recipe.rot90_probability, 1e-9))
    transposed, up_down, left_right = _QUARTERS[quarters if quarters < 4 else 0]
    left_right ^= generator.random() < recipe.horizontal_flip
    up_down ^= generator.random() < recipe.vertical_flip
    if generator.random() < recipe.transpose_probability:
        return not transposed, left_right, up_down
    return transposed, up_down, left_right


def turned(picture: np.ndarray, symmetry: Symmetry, out: np.ndarray | None = None) -> np.ndarray:
    """Apply a symmetry to a picture, ``(size, size, 3)``; write the result to ``out``, if given."""
    import cv2

    transposed, up_down, left_right = symmetry
    if transposed:  # four channels are exchanged four times faster than three
        picture = cv2.transpose(cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA))
    if up_down or left_right:
        way = 1 if not up_down else -1 if left_right else 0
        picture = cv2.flip(picture, way, None if transposed else out)
    elif not transposed and out is not None:
        np.copyto(out, picture)
    if transposed:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGBA2RGB, out)
    return picture if out is None else out


def colour_jitter(picture: np.ndarray, generator: Generator, strength: float) -> np.ndarray:
    """Multiply brightness, contrast and saturation, each by a factor from ``1 ± strength``.

    The three are one linear map of the channels: saturation moves each pixel towards its grey,
    contrast towards the mean grey of the picture, and brightness towards black. ``picture`` and
    result are ``(size, size, 3)`` uint8.
    """
    import cv2

    if not strength:
        return picture
    brightness, contrast, saturation = generator.uniform(1 - strength, 1 + strength, 3)
    colours = saturation * np.eye(3) + (1 - saturation) * _LUMA
    grey = brightness * (1 - contrast) * (cv2.mean(picture)[:3] @ _LUMA)
    change = np.column_stack([brightness * contrast * colours, np.full(3, grey)])
    return cv2.transform(picture, change)


def random_affine(
    picture: np.ndarray,
    generator: Generator,
    rotation: float = 0.0,
    zoom: float = 0.0,
    shift: float = 0.0,
    shear: float = 0.0,
    probability: float = 1.0,
) -> np.ndarray:
    """Turn, shear, zoom and shift about the middle, all at once; borders are mirrored.

    Each is drawn from a uniform distribution: an angle of up to ``rotation`` degrees and a shear of
    up to ``shear`` radians to either side, and for each axis a factor from ``1 ± zoom`` and a shift
    of up to ``shift`` times its length; each of the six with a ``probability``, else not at all.
    ``picture`` and result are ``(size, size, 3)`` uint8.
    """
    import cv2

    if not (rotation or zoom or shift or shear):
        return picture
    size = picture.shape[0]
    drawn = generator.uniform(-1, 1, 6)
    if probability < 1:
        drawn *= generator.random(6) < probability
    angle, slant, *rest = drawn
    turn, slant = np.deg2rad(rotation) * angle, shear * slant
    scale, move = 1 + zoom * np.array(rest[:2]), shift * size * np.array(rest[2:])
    change = (
        np.array([[np.cos(turn), -np.sin(turn + slant)], [np.sin(turn), np.cos(turn + slant)]])
        * scale
    )
    middle = np.full(2, (size - 1) / 2)
    matrix = np.column_stack([change, middle - change @ middle + move])
    return cv2.warpAffine(picture, matrix, (size, size), borderMode=cv2.BORDER_REFLECT_101)


def augment(
    picture: np.ndarray, generator: Generator, recipe: Any, out: np.ndarray | None = None
) -> np.ndarray:
    """Crop, warp, change colours, turn and flip as the recipe says.

    Return ``(image_size, image_size, 3)`` uint8, which is written to ``out``, if given. The two of
    a pair ``(2, size, size, 3)`` are augmented one after the other, each in its own way.
    """
    if picture.ndim == 4:
        out = (
            np.empty((2, recipe.image_size, recipe.image_size, 3), np.uint8) if out is None else out
        )
        for one, place in zip(picture, out, strict=True):
            augment(one, generator, recipe, place)
        return out
    picture = random_crop(picture, generator, recipe.image_size)
    warp = (recipe.rotation, recipe.zoom, recipe.shift, recipe.shear, recipe.warp_probability)
    picture = random_affine(picture, generator, *warp)
    symmetry = random_symmetry(generator, recipe)
    return turned(colour_jitter(picture, generator, recipe.colour_jitter), symmetry, out)


def mixup(
    pictures: np.ndarray, targets: np.ndarray, generator: Generator, alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """Replace each picture and its target by a weighted mean with another one of the batch.

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
    """Replace a rectangle of each picture by the same one of another picture of the batch.

    The rectangle's share of the area is one minus a number from Beta(alpha, alpha). It is cut off
    at the border, and targets are mixed by the area that remains. Shapes are those of ``mixup``.
    Yun et al., 2019 (CutMix).
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
    """Return one of 16 views of a picture for test-time augmentation, ``(size, size, 3)``.

    View 0 is the centre, 1 to 3 are its flips, and 4 to 7 are the same four of the transposed
    centre. Views 8 to 11 are the four corners, 12 to 15 are these mirrored left to right. Of a pair
    ``(2, side, side, 3)`` both are seen in the same view.
    """
    if picture.ndim == 4:
        return np.stack([view(one, number, size) for one in picture])
    spare, turn = picture.shape[0] - size, number % 4
    top, left, symmetry = spare // 2, spare // 2, (number >= 4, turn >= 2, turn % 2 == 1)
    if number >= 8:
        top, left, symmetry = spare * (turn // 2), spare * (turn % 2), (False, False, number >= 12)
    return turned(picture[top : top + size, left : left + size], symmetry)


def _partners(number: int, generator: Generator, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    return generator.permutation(number), generator.beta(alpha, alpha, number)


def _mixed_targets(targets: np.ndarray, partners: np.ndarray, shares: np.ndarray) -> np.ndarray:
    share = shares.astype(np.float32)[:, None]
    return share * targets + (1 - share) * targets[partners]
