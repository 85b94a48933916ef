"""Figures: what they show fits into them."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from common.metrics.figures import confusion, operating_curves, picture_grid


@pytest.mark.parametrize("names", [("a", "b", "c"), ("blight", "W" * 60, "rust" * 20)])
def test_long_names_of_classes_fit_into_the_confusions(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    confusion(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]), names, tmp_path / "figure.png")
    dark = cv2.imread(str(tmp_path / "figure.png")).min(axis=2) < 250
    assert dark.any()
    border = np.concatenate([dark[:3].ravel(), dark[-3:].ravel(), dark[:, :3].ravel()])
    assert not border.any()
    assert not dark[:, -3:].any()


@pytest.mark.parametrize("threshold", [0.35, 2.0])  # the latter calls nothing so
def test_operating_curves_of_two_parts_have_two_colours(threshold: float, tmp_path: Path) -> None:
    truth, scores = np.array([0, 1, 0, 1], bool), np.array([0.1, 0.3, 0.4, 0.9])
    parts = {"validation": (truth, scores), "test": (truth, scores[::-1])}
    operating_curves(parts, "yes", threshold, tmp_path / "roc.png")
    pixels = cv2.imread(str(tmp_path / "roc.png"))[..., ::-1].reshape(-1, 3)
    for colour in ((0x34, 0x65, 0xA4), (0xE0, 0x7B, 0x00)):
        assert (pixels == colour).all(axis=1).sum() > 300


def test_pictures_of_a_grid_are_whole_and_keep_their_shape(tmp_path: Path) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    shapes = [(40, 80, 3), (80, 40, 3), (60, 60, 3)]
    given = [np.full(one, colour, np.uint8) for one, colour in zip(shapes, colours, strict=True)]
    picture_grid([*given, *given, *given], ["rose\nsure"] * 9, tmp_path / "grid.png")
    pixels = cv2.imread(str(tmp_path / "grid.png"))[..., ::-1]
    for shape, colour in zip(shapes, colours, strict=True):
        found = (pixels == colour).all(axis=2)
        for one in np.array_split(found[:, :600], 2):  # two rows, three of the first one's six
            high, wide = np.count_nonzero(one.any(axis=1)), np.count_nonzero(one.any(axis=0))
            assert wide / high == pytest.approx(shape[1] / shape[0], rel=0.03)
            assert max(wide, high) > 180
    dark = (pixels.max(axis=2) < 100).any(axis=1)
    assert dark.any(), "no titles"
