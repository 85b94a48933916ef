"""Augmentations of pictures, one function each.

An augmentation takes a picture ``(size, size, 3)`` uint8 and a NumPy generator, and returns a uint8
picture: the same generator gives the same result, by itself and in the pipeline. Turns and flips
are drawn as one symmetry of a square, so that pixels move once. MixUp and CutMix take a whole batch
and its targets. OpenCV does the work: it releases Python's lock, so that threads run side by side.
"""

from typing import Any, NamedTuple

import numpy as np

Generator = np.random.Generator
_LUMA = np.array([0.299, 0.587, 0.114])  # of ITU-R BT.601, as every grey picture of an RGB one


def resize(
    picture: np.ndarray,
    size: int,
    out: np.ndarray | None = None,
    interpolation: str = "bilinear",
) -> np.ndarray:
    """Resize to ``(size, size, 3)`` uint8; the result may be in ``out``, if that is given.

    ``bilinear`` is by area where a picture shrinks, so that colours are kept; ``nearest`` takes
    the pixel at each centre, as TensorFlow 2 does.
    """
    import cv2

    if picture.shape[:2] == (size, size):
        return picture
    how = cv2.INTER_AREA if min(picture.shape[:2]) > size else cv2.INTER_LINEAR
    if interpolation == "nearest":
        how = cv2.INTER_NEAREST_EXACT  # INTER_NEAREST is half a pixel off
    return cv2.resize(picture, (size, size), out, interpolation=how)


def random_crop(picture: np.ndarray, generator: Generator, size: int) -> np.ndarray:
    """Return a random window, ``(size, size, 3)``."""
    top = generator.integers(picture.shape[0] - size + 1)
    left = generator.integers(picture.shape[1] - size + 1)
    return picture[top : top + size, left : left + size]


def centre_crop(picture: np.ndarray, size: int) -> np.ndarray:
    """Return the middle ``size`` by ``size`` of a picture, as validation and test see it."""
    top, left = (picture.shape[0] - size) // 2, (picture.shape[1] - size) // 2
    return picture[top : top + size, left : left + size]


class Symmetry(NamedTuple):
    """One of the eight symmetries of a square: rows and columns exchanged, and then the flips."""

    transposed: bool = False
    up_down: bool = False
    left_right: bool = False


def transpose(turn: Symmetry) -> Symmetry:
    """Exchange rows and columns after ``turn``."""
    return Symmetry(not turn.transposed, turn.left_right, turn.up_down)


def rot90(turn: Symmetry) -> Symmetry:
    """Turn by a quarter to the left after ``turn``, as ``numpy.rot90``."""
    after = transpose(turn)
    return after._replace(up_down=not after.up_down)


def random_symmetry(generator: Generator, recipe: Any) -> Symmetry:
    """Draw one, two or three quarter turns, both flips and a transposition, one after the other.

    The recipe has a probability for each; the order is the published one.
    """
    turn = Symmetry()
    quarters = 1 + int(generator.random() / max(recipe.rot90_probability, 1e-9))
    for _ in range(quarters if quarters < 4 else 0):
        turn = rot90(turn)
    left_right = turn.left_right ^ (generator.random() < recipe.horizontal_flip)
    up_down = turn.up_down ^ (generator.random() < recipe.vertical_flip)
    turn = Symmetry(turn.transposed, up_down, left_right)
    return transpose(turn) if generator.random() < recipe.transpose_probability else turn


def turned(picture: np.ndarray, turn: Symmetry, out: np.ndarray | None = None) -> np.ndarray:
    """Apply a symmetry to a picture, ``(size, size, 3)``, in ``out`` if that is given."""
    import cv2

    flip = {(False, True): 1, (True, False): 0, (True, True): -1}.get(turn[1:])
    out = np.empty(picture.shape, np.uint8) if out is None else out
    if turn.transposed:
        # Four channels are exchanged four times faster than three.
        moved = cv2.transpose(cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA))
        moved = moved if flip is None else cv2.flip(moved, flip)
        return cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB, out)
    if flip is not None:
        return cv2.flip(picture, flip, out)
    np.copyto(out, picture)
    return out


def colour_jitter(picture: np.ndarray, generator: Generator, strength: float) -> np.ndarray:
    """Multiply brightness, contrast and saturation, each by a factor from ``1 ± strength``.

    One linear map of the channels: towards grey (saturation), towards the mean grey (contrast),
    towards black (brightness).
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
) -> np.ndarray:
    """Turn, shear, zoom and shift about the middle, all at once; borders are mirrored.

    Each is drawn evenly: ``rotation`` from 0 to that many degrees to either side, ``shear`` radians
    likewise; each axis is magnified by ``1 ± zoom`` and moved by up to ``shift`` of its length.
    """
    import cv2

    if not (rotation or zoom or shift or shear):
        return picture
    size = picture.shape[0]
    angle, slant, *rest = generator.uniform(-1, 1, 6)
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
    """Apply all of them: ``(image_size, image_size, 3)`` uint8, in ``out`` if that is given."""
    picture = random_crop(picture, generator, recipe.image_size)
    warp = (recipe.rotation, recipe.zoom, recipe.shift, recipe.shear)
    picture = random_affine(picture, generator, *warp)
    turn = random_symmetry(generator, recipe)
    return turned(colour_jitter(picture, generator, recipe.colour_jitter), turn, out)


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

    Its area is one minus a share of Beta(alpha, alpha), cut at the border; targets are mixed by the
    area that remains. Shapes as ``mixup``. Yun et al., 2019 (CutMix).
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

    0 is the middle as it is, 1 to 3 are its flips, 4 to 7 the same of the transposed middle;
    8 to 11 are the four corners, 12 to 15 the corners mirrored left to right.
    """
    if number < 8:
        turn = Symmetry(number >= 4, number % 4 >= 2, number % 2 == 1)
        return turned(centre_crop(picture, size), turn)
    top = (picture.shape[0] - size) * (number % 4 // 2)
    left = (picture.shape[1] - size) * (number % 2)
    corner = picture[top : top + size, left : left + size]
    return turned(corner, Symmetry(left_right=number >= 12))


def _partners(number: int, generator: Generator, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    return generator.permutation(number), generator.beta(alpha, alpha, number)


def _mixed_targets(targets: np.ndarray, partners: np.ndarray, shares: np.ndarray) -> np.ndarray:
    share = shares.astype(np.float32)[:, None]
    return share * targets + (1 - share) * targets[partners]
