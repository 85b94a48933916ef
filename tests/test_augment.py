"""Each augmentation alone, eagerly and inside ``tf.data``."""

import os

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common import augment
from common.classifier import ClassifierRecipe
from competitions.petals_to_metal import efficientnetb7

PICTURE = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype(np.uint8)
RECIPE = ClassifierRecipe(image_size=8, crop_margin=4)
OPERATIONS = {
    "crop": lambda p, s: augment.random_crop(p, s, 8),
    "rot90": lambda p, s: augment.random_rot90(p, s, 0.2),
    "left_right": augment.random_flip_left_right,
    "up_down": augment.random_flip_up_down,
    "transpose": lambda p, s: augment.random_transpose(p, s, 0.25),
    "all": lambda p, s: augment.augment(p, s, RECIPE),
}
RESULTS = {  # what an operation may give, in order of its branches
    "rot90": [np.rot90(PICTURE, k) for k in range(4)],
    "left_right": [PICTURE, PICTURE[:, ::-1]],
    "up_down": [PICTURE, PICTURE[::-1]],
    "transpose": [PICTURE, PICTURE.transpose(1, 0, 2)],
}
SHARES = {
    "rot90": [0.4, 0.2, 0.2, 0.2],
    "left_right": [0.5, 0.5],
    "up_down": [0.5, 0.5],
    "transpose": [0.75, 0.25],
}
SEEDS = np.stack([np.arange(600), np.full(600, 7)], axis=1).astype(np.int32)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_same_seed_gives_the_same_picture_eagerly_and_in_tf_data(name: str) -> None:
    import tensorflow as tf

    seeds = SEEDS[:40]
    eager = [OPERATIONS[name](PICTURE, seed).numpy() for seed in seeds]
    dataset = tf.data.Dataset.from_tensor_slices(seeds).map(lambda s: OPERATIONS[name](PICTURE, s))
    piped = list(dataset.as_numpy_iterator())
    np.testing.assert_array_equal(eager, piped)
    assert piped[0].dtype == np.uint8
    assert len({picture.tobytes() for picture in piped}) > 1, "the seed changes nothing"


@pytest.mark.parametrize("name", RESULTS)
def test_an_operation_gives_only_its_pictures_in_its_shares(name: str) -> None:
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(SEEDS).map(lambda s: OPERATIONS[name](PICTURE, s))
    seen = np.zeros(len(RESULTS[name]))
    for picture in dataset.as_numpy_iterator():
        matches = [np.array_equal(picture, result) for result in RESULTS[name]]
        assert sum(matches) == 1
        seen += matches
    np.testing.assert_allclose(seen / len(SEEDS), SHARES[name], atol=0.06)


def test_a_crop_is_a_window_of_the_picture() -> None:
    windows = {
        PICTURE[top : top + 8, left : left + 8].tobytes() for top in range(5) for left in range(5)
    }
    crops = {augment.random_crop(PICTURE, seed, 8).numpy().tobytes() for seed in SEEDS[:200]}
    assert crops <= windows
    assert len(crops) > 15


def test_the_centre_crop_takes_the_middle_of_every_picture_of_a_batch() -> None:
    batch = augment.centre_crop(np.stack([PICTURE, PICTURE[::-1]]), 8).numpy()
    np.testing.assert_array_equal(batch, [PICTURE[2:10, 2:10], PICTURE[::-1][2:10, 2:10]])


@pytest.mark.parametrize("size", [5, 12, 30])
def test_resize_keeps_type_and_mean_colour(size: int) -> None:
    resized = augment.resize(PICTURE, size).numpy()
    assert resized.shape == (size, size, 3)
    assert resized.dtype == np.uint8
    np.testing.assert_allclose(resized.mean((0, 1)), PICTURE.mean((0, 1)), atol=6)


@pytest.mark.parametrize(("mode", "family"), [("torch", "densenet"), ("tf", "xception")])
def test_preprocessing_is_what_keras_applications_do(mode: str, family: str) -> None:
    import keras

    wanted = getattr(keras.applications, family).preprocess_input(PICTURE[None].astype("float32"))
    ours = augment.preprocess(PICTURE[None], mode).numpy()
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, wanted, atol=1e-5)


def test_preprocessing_for_noisy_student_is_what_its_package_does() -> None:
    from efficientnet.tfkeras import preprocess_input

    wanted = preprocess_input(PICTURE[None].astype("float32"))
    ours = augment.preprocess(PICTURE[None], efficientnetb7.RECIPE.preprocessing).numpy()
    np.testing.assert_allclose(ours, wanted, atol=1e-5)
