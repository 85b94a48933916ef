"""Pictures of any shape become squares in the way that a recipe names."""

from typing import Any, get_args

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.data import squares
from common.data.squares import Square

STRIPE = np.repeat(np.arange(1, 41, dtype=np.uint8) * 5, 3).reshape(1, 40, 3).repeat(20, axis=0)


def test_squash_shows_everything_and_crop_the_centre() -> None:
    assert Square("squash", "nearest")(STRIPE, 20)[7, :, 0].tolist() == [*range(10, 201, 10)]
    assert np.array_equal(Square("crop")(STRIPE, 20), STRIPE[:, 10:30])
    tall = np.rot90(STRIPE)
    assert np.array_equal(Square("crop")(tall, 20), tall[10:30])


def test_a_share_of_each_side_is_cut_around_the_centre_first() -> None:
    assert np.array_equal(Square("crop", crop_share=0.5)(STRIPE, 10), STRIPE[5:15, 15:25])
    assert np.array_equal(Square("pad", crop_share=0.5)(STRIPE, 20)[5:15], STRIPE[5:15, 10:30])
    squashed = Square("squash", "nearest", crop_share=0.5)(STRIPE, 10)
    assert squashed[3, :, 0].tolist() == [*range(60, 151, 10)]
    assert np.array_equal(Square(crop_share=0.05)(STRIPE[:3, :3], 5), np.full((5, 5, 3), 10))


@pytest.mark.parametrize(
    ("padding", "left", "right"),
    [
        ("black", [0, 0], [0, 0]),
        ("white", [255, 255], [255, 255]),
        ("edge", [5, 5], [200, 200]),
        ("mirror", [10, 5], [200, 195]),
    ],
)
def test_padding_keeps_the_shape_and_fills_both_sides(
    padding: Any, left: list[int], right: list[int]
) -> None:
    tall = np.vstack([STRIPE] * 3)
    for turns in (0, 1):
        found = Square("pad", padding=padding)(np.rot90(tall, turns), 60)
        found = np.rot90(found, -turns)
        assert np.array_equal(found[:, 10:50], tall)
        assert found[30, 8:10, 0].tolist() == left
        assert found[30, 50:52, 0].tolist() == right


def test_a_circle_stays_one_unless_it_is_squashed() -> None:
    wide = np.zeros((300, 500, 3), np.uint8)
    cv2.circle(wide, (250, 150), 100, (255, 255, 255), -1)
    for fit, high, across in (("crop", 101, 101), ("pad", 61, 61), ("squash", 101, 61)):
        for way in get_args(squares.Interpolation):
            inside = Square(fit, way)(wide, 150)[..., 0] > 127
            assert inside.any(axis=1).sum() == pytest.approx(high, abs=2)
            assert inside.any(axis=0).sum() == pytest.approx(across, abs=2)


@pytest.mark.parametrize("way", ["bilinear", "bicubic", "lanczos"])
def test_fine_patterns_become_their_mean_and_not_others(way: Any) -> None:
    stripes = np.zeros((400, 800, 3), np.uint8)
    stripes[:, ::2] = 255
    small = Square("crop", way)(stripes, 90).astype(int)[:, 4:-4]
    assert np.abs(small - 128).max() < 15


@given(
    *(st.integers(1, 60) for _ in range(3)),
    *(st.sampled_from(get_args(kind)) for kind in (squares.Fit, squares.Interpolation)),
    st.sampled_from(get_args(squares.Padding)),
)
def test_any_shape_becomes_a_square(
    height: int, width: int, side: int, fit: Any, way: Any, padding: Any
) -> None:
    made = Square(fit, way, padding)(np.full((height, width, 3), 77, np.uint8), side)
    assert (made.shape, made.dtype) == ((side, side, 3), np.uint8)
    assert set(np.unique(made).tolist()) <= {77, 0, 255}
    assert 77 in made
