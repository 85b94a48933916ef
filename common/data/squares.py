"""How a picture of any shape becomes a square."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from common.data.augment import resize

Fit = Literal["squash", "crop", "pad"]
Interpolation = Literal["bilinear", "nearest", "bicubic", "lanczos"]
Padding = Literal["black", "white", "edge", "mirror"]


@dataclass(frozen=True)
class Square:
    """A way to make squares; called with a picture ``(height, width, 3)`` uint8 and a side.

    Attributes:
        fit: ``squash`` the whole picture into the square, ``crop`` the square in its centre, or
            ``pad`` it to a square at both ends of its shorter side (by one pixel more at the
            second if their number is odd).
        interpolation: as ``common.data.augment.resize`` has it.
        padding: what ``pad`` adds: ``black``, ``white``, the pixels of the ``edge`` again, or the
            picture as in a ``mirror``.
        crop_share: of each side, what remains around the centre before all of this; 1 is all.
    """

    fit: Fit = "squash"
    interpolation: Interpolation = "bilinear"
    padding: Padding = "black"
    crop_share: float = 1.0

    @classmethod
    def of(cls, recipe: Any) -> "Square":
        """Return the Square whose fields are those of a recipe that have the same names."""
        share = getattr(recipe, "crop_share", 1.0)
        return cls(recipe.fit, recipe.interpolation, recipe.padding, share)

    def __call__(self, picture: np.ndarray, side: int) -> np.ndarray:
        """Return ``(side, side, 3)`` uint8."""
        height, width = (max(1, round(self.crop_share * length)) for length in picture.shape[:2])
        picture = _centre(picture, height, width)
        if self.fit == "squash" or height == width:
            return resize(picture, side, self.interpolation)
        if self.fit == "crop":
            shorter = min(height, width)
            return resize(_centre(picture, shorter, shorter), side, self.interpolation)
        longer = max(height, width)
        shape = max(1, round(side * height / longer)), max(1, round(side * width / longer))
        return _padded(resize(picture, shape, self.interpolation), side, self.padding)


def _centre(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]


def _padded(picture: np.ndarray, side: int, padding: Padding) -> np.ndarray:
    import cv2

    height, width = picture.shape[:2]
    top, left = (side - height) // 2, (side - width) // 2
    bottom, right = side - height - top, side - width - left
    ways = {"edge": cv2.BORDER_REPLICATE, "mirror": cv2.BORDER_REFLECT}
    colour = (255, 255, 255) if padding == "white" else (0, 0, 0)
    how = ways.get(padding, cv2.BORDER_CONSTANT)
    made = cv2.copyMakeBorder(picture, top, bottom, left, right, how, value=colour)
    return np.asarray(made)
