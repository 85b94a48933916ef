"""Each augmentation alone, and all of them together."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from common.data import augment
from common.data.augment import turned
from common.errors import UserError
from common.recipes.classifier import ClassifierRecipe

PICTURE = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype(np.uint8)
BATCH = np.random.default_rng(1).integers(0, 256, (6, 12, 12, 3)).astype(np.uint8)
TARGETS = np.eye(6, dtype=np.float32)
PROBABILITIES = ("horizontal_flip", "vertical_flip", "rot90_probability", "transpose_probability")
STILL = dict.fromkeys(PROBABILITIES, 0.0)


def recipe(**changes: Any) -> ClassifierRecipe:
    return ClassifierRecipe(**{"image_size": 8, "crop_margin": 4, **changes})


WARPED = recipe(rotation=180.0, zoom=0.2, shift=0.2, shear=0.3)
OPERATIONS = {
    "crop": lambda p, g: augment.random_crop(p, g, 8),
    "symmetry": lambda p, g: turned(p, augment.random_symmetry(g, recipe(horizontal_flip=0.5))),
    "colour": lambda p, g: augment.colour_jitter(p, g, 0.3),
    "affine": lambda p, g: augment.random_affine(p, g, 20.0, 0.2, 0.2, 0.3),
    "all": lambda p, g: augment.augment(p, g, recipe()),
    "all warped": lambda p, g: augment.augment(p, g, WARPED),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_same_seed_gives_the_same_picture(name: str) -> None:
    first, again = (
        [OPERATIONS[name](PICTURE, np.random.default_rng(seed)) for seed in range(40)]
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
    assert first[0].dtype == np.uint8
    assert len({picture.tobytes() for picture in first}) > 1, "the seed changes nothing"


@pytest.mark.parametrize("symmetry", list(itertools.product([False, True], repeat=3)))
def test_a_symmetry_is_a_transposition_and_then_flips(symmetry: augment.Symmetry) -> None:
    transposed, up_down, left_right = symmetry
    wanted = PICTURE.transpose(1, 0, 2) if transposed else PICTURE
    wanted = wanted[:: -1 if up_down else 1, :: -1 if left_right else 1]
    out = np.empty((2, *PICTURE.shape), np.uint8)[1]  # a place in a batch
    np.testing.assert_array_equal(turned(PICTURE, symmetry), wanted)
    assert turned(PICTURE, symmetry, out) is out
    np.testing.assert_array_equal(out, wanted)


def test_quarter_turns_are_numpys() -> None:
    for number, quarters in enumerate(augment._QUARTERS):
        np.testing.assert_array_equal(turned(PICTURE, quarters), np.rot90(PICTURE, number))


def seen(number: int, **probabilities: float) -> np.ndarray:
    """How often each of the eight symmetries (``augment.view``) comes, as shares."""
    known = [augment.view(PICTURE, view, 12).tobytes() for view in range(8)]
    how = recipe(image_size=12, crop_margin=0, **{**STILL, **probabilities})
    counts = np.zeros(8)
    for seed in range(number):
        found = augment.augment(PICTURE, np.random.default_rng(seed), how)
        counts[known.index(found.tobytes())] += 1
    return counts / number


@pytest.mark.parametrize(
    ("probabilities", "shares"),
    [
        ({"horizontal_flip": 0.5}, [0.5, 0.5, 0, 0, 0, 0, 0, 0]),
        ({"vertical_flip": 1.0}, [0, 0, 1, 0, 0, 0, 0, 0]),
        ({"transpose_probability": 0.25}, [0.75, 0, 0, 0, 0.25, 0, 0, 0]),
        ({"rot90_probability": 0.2}, [0.4, 0, 0, 0.2, 0, 0.2, 0.2, 0]),
        # Two fair flips leave four equally likely; the axes are exchanged by a quarter turn (0.4)
        # or a transposition (0.25), not by both: 0.4 * 0.75 + 0.6 * 0.25 = 0.45.
        (dict(zip(STILL, (0.5, 0.5, 0.2, 0.25), strict=True)), [0.55 / 4] * 4 + [0.45 / 4] * 4),
    ],
)
def test_turns_and_flips_come_as_often_as_the_recipe_says(
    probabilities: dict[str, float], shares: list[float]
) -> None:
    np.testing.assert_allclose(seen(1500, **probabilities), shares, atol=0.04)


@pytest.mark.parametrize(("size", "to"), [(12, 13), (331, 361), (12, 24), (13, 5)])
def test_nearest_takes_the_pixel_at_each_centre_as_tensorflow_does(size: int, to: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (size, size, 3)).astype(np.uint8)
    at = ((np.arange(to) + 0.5) * size / to).astype(int)
    found = augment.resize(picture, to, interpolation="nearest")
    np.testing.assert_array_equal(found, picture[at][:, at])
    assert not np.array_equal(found, augment.resize(picture, to))


def test_a_crop_is_a_window_of_the_picture() -> None:
    windows = {PICTURE[y : y + 8, x : x + 8].tobytes() for y in range(5) for x in range(5)}
    generator = np.random.default_rng(0)
    assert {augment.random_crop(PICTURE, generator, 8).tobytes() for _ in range(400)} == windows


def test_resize_keeps_the_mean_colour_and_enlarges_as_the_published_way_does() -> None:
    import tensorflow as tf

    for size in (5, 12, 30):
        resized = augment.resize(PICTURE, size)
        assert (resized.shape, resized.dtype) == ((size, size, 3), np.uint8)
        np.testing.assert_allclose(resized.mean((0, 1)), PICTURE.mean((0, 1)), atol=6)
    smooth = augment.resize(PICTURE, 40)
    published = tf.image.resize(smooth.astype(np.float32), (44, 44)).numpy()
    np.testing.assert_allclose(augment.resize(smooth, 44), published, atol=1.01)


@given(seed=st.integers(0, 2**32), strength=st.floats(0.01, 0.9))
@settings(max_examples=60, deadline=None)
def test_colours_change_by_the_factors_that_are_drawn(seed: int, strength: float) -> None:
    factors = np.random.default_rng(seed).uniform(1 - strength, 1 + strength, 3)
    brightness, contrast, saturation = factors
    changed = augment.colour_jitter(PICTURE, np.random.default_rng(seed), strength)
    pixels = PICTURE.astype(float)
    grey = pixels @ [[0.299], [0.587], [0.114]]
    wanted = grey + saturation * (pixels - grey)
    wanted = brightness * (grey.mean() + contrast * (wanted - grey.mean()))
    np.testing.assert_allclose(changed, wanted.clip(0, 255), atol=1.01)


MOST = {"rotation": 40.0, "zoom": 0.3, "shift": 0.2, "shear": 0.3}


@pytest.mark.parametrize("options", [MOST, *({name: most} for name, most in MOST.items())])
@pytest.mark.parametrize("seed", range(4))
def test_a_warp_is_about_the_middle_and_mirrors_what_is_beyond_the_border(
    options: dict[str, float], seed: int
) -> None:
    drawn = np.random.default_rng(seed).uniform(-1, 1, 6)  # angle, slant, zooms, shifts
    most = {**dict.fromkeys(MOST, 0.0), **options}
    turn, slant = np.deg2rad(most["rotation"]) * drawn[0], most["shear"] * drawn[1]
    turned_by = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    sheared = np.array([[1, -np.sin(slant)], [0, np.cos(slant)]])
    change = turned_by @ sheared @ np.diag(1 + most["zoom"] * drawn[2:4])
    # SciPy's matrices take (row, column), and go from a place to its source.
    back = np.linalg.inv(change)[::-1, ::-1]
    start = 31.5 - back @ (31.5 + most["shift"] * 64 * drawn[:3:-1])
    smooth = np.sin(np.arange(64) / 5)[:, None] + 0.9 * np.cos(np.arange(64) / 7)
    picture = np.repeat(128 + 60 * smooth[..., None], 3, axis=2).astype(np.uint8)
    plane = picture[..., 0].astype(float)
    wanted = ndimage.affine_transform(plane, back, start, order=1, mode="mirror")
    found = augment.random_affine(picture, np.random.default_rng(seed), **options)[..., 0]
    assert np.abs(found - wanted).mean() < 2
    assert np.abs(found - wanted).max() < 12


def test_no_strength_changes_nothing_and_draws_nothing() -> None:
    assert augment.colour_jitter(PICTURE, np.random.default_rng(0), 0.0) is PICTURE
    assert augment.random_affine(PICTURE, np.random.default_rng(0)) is PICTURE
    for name in ("rotation", "zoom", "shift", "shear"):
        found = augment.random_affine(PICTURE, np.random.default_rng(0), **{name: 1e-9})
        np.testing.assert_array_equal(found, PICTURE)
    found = augment.augment(PICTURE, np.random.default_rng(5), recipe(**STILL))
    np.testing.assert_array_equal(found, augment.random_crop(PICTURE, np.random.default_rng(5), 8))


@given(seed=st.integers(0, 2**32), alpha=st.floats(0.1, 2))
@settings(max_examples=60, deadline=None)
def test_mixup_gives_means_of_two_pictures_and_the_same_means_of_targets(
    seed: int, alpha: float
) -> None:
    mixed, targets = augment.mixup(BATCH, TARGETS, np.random.default_rng(seed), alpha)
    assert (mixed.dtype, targets.dtype) == (np.uint8, np.float32)
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    assert (np.count_nonzero(targets, axis=1) <= 2).all()
    # Targets are one-hot by row, so that they are the weights of the pictures too.
    wanted = np.tensordot(targets, BATCH.astype(float), 1)
    np.testing.assert_allclose(mixed, wanted, atol=0.51)


@given(seed=st.integers(0, 2**32), alpha=st.floats(0.1, 2))
@settings(max_examples=60, deadline=None)
def test_cutmix_puts_a_rectangle_of_another_picture_and_mixes_by_area(
    seed: int, alpha: float
) -> None:
    numbers = np.arange(6, dtype=np.uint8)[:, None, None, None] + np.zeros((6, 12, 12, 3), np.uint8)
    mixed, targets = augment.cutmix(numbers, TARGETS, np.random.default_rng(seed), alpha)
    for row in range(6):
        shares = np.bincount(mixed[row, ..., 0].ravel(), minlength=6) / 144
        np.testing.assert_allclose(targets[row], shares, atol=1e-6)
        foreign = np.argwhere(mixed[row, ..., 0] != row)
        if len(foreign):
            top, left = foreign.min(axis=0)
            bottom, right = foreign.max(axis=0) + 1
            assert len(foreign) == (bottom - top) * (right - left), "not a rectangle"


def test_the_views_are_the_flips_of_the_middle_and_the_corners() -> None:
    views = [augment.view(PICTURE, number, 8) for number in range(16)]
    assert len({picture.tobytes() for picture in views}) == 16
    middle, transposed = PICTURE[2:10, 2:10], PICTURE[2:10, 2:10].transpose(1, 0, 2)
    np.testing.assert_array_equal(views[0], middle)
    np.testing.assert_array_equal(views[1:4], [middle[:, ::-1], middle[::-1], middle[::-1, ::-1]])
    np.testing.assert_array_equal(views[4:6], [transposed, transposed[:, ::-1]])
    np.testing.assert_array_equal(views[11], PICTURE[4:, 4:])
    np.testing.assert_array_equal(views[12], PICTURE[:8, :8][:, ::-1])


def test_each_warp_has_its_probability() -> None:
    whole = {"rotation": 180.0, "zoom": 0.3, "shift": 0.3, "shear": 0.3}
    for probability, share in ((0.0, 1.0), (0.5, 0.5**2), (1.0, 0.0)):
        generators = [np.random.default_rng(seed) for seed in range(400)]
        warped = [
            augment.random_affine(PICTURE, one, shift=0.3, probability=probability)
            for one in generators
        ]
        same = np.mean([(picture == PICTURE).all() for picture in warped])
        assert same == pytest.approx(share, abs=0.07)  # of both axes: 0.065 is three deviations
    given = {**whole, "probability": 1.0}
    both = [augment.random_affine(PICTURE, np.random.default_rng(3), **o) for o in (whole, given)]
    np.testing.assert_array_equal(*both)


def test_a_probability_of_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="it is of rotation, zoom, shift, shear, and all are 0"):
        recipe(warp_probability=0.5)
    assert recipe(warp_probability=0.5, shear=0.1).warp_probability == 0.5
