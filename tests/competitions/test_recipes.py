"""The published settings of the competitions' models, and their networks."""

import dataclasses
import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.accelerator import REPLICAS
from common.errors import UserError
from common.recipe import override
from common.training.model import check_full_size, parameter_counts
from competitions.painter_by_numbers import classes, margin, submodel, triplets
from competitions.petals_to_metal import densenet201, efficientnetb7, xception

pytestmark = pytest.mark.slow
PUBLISHED = {
    "image_size": 331, "crop_margin": 30, "batch_size": 16, "epochs": 25, "refit": True,
    "refit_fresh": True, "interpolation": "nearest", "evaluation": "whole",
    "preprocessing": "1/255", "horizontal_flip": 0.5, "vertical_flip": 0.5,
    "pictures_per_epoch": 12_753 // 128 * 128,
}  # fmt: skip
OURS = {
    "schedule": "cosine", "tta": 8, "evaluation": "centre", "preprocessing": "backbone",
    "pictures_per_epoch": None,
}  # fmt: skip
VARIED = {
    "kernel_size": 5, "batchnorm": "yes", "dropout": 0.3, "dense_dropout": 0.4, "final_relu": "no"
}  # fmt: skip
SMALL = {"miniature": True, "image_size": 32, "embedding": 16}


def fields(recipe: Any, names: Any) -> dict[str, Any]:
    return {name: getattr(recipe, name) for name in names}


def layers(model: Any, *names: str) -> list[Any]:
    return [layer for layer in model.layers if type(layer).__name__ in names]


def noise(number: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (number, 32, 32, 3)).astype(np.float32)


def built(script: Any, **settings: object) -> Any:
    """The script's small network, always with the same weights."""
    import keras

    keras.utils.set_random_seed(0)
    return script.KERNEL.network(script.KERNEL.resolve(settings={**SMALL, **settings}))


@pytest.mark.parametrize(
    ("script", "total", "trainable", "optimizer"),
    [
        (xception, 21_974_160, 1_107_560, "rmsprop"),
        (densenet201, 18_521_768, 18_292_712, "adam"),
        (efficientnetb7, 64_364_024, 64_053_304, "adam"),
    ],
    ids=["xception", "densenet", "b7"],
)
def test_petals_published_settings_and_where_ours_differ(
    script: Any, total: int, trainable: int, optimizer: str
) -> None:
    kernel = script.KERNEL
    recipe, ours = kernel.recipe, kernel.resolve(best=True)
    assert (recipe.total_parameters, recipe.trainable_parameters) == (total, trainable)
    assert fields(recipe, PUBLISHED) == PUBLISHED
    rates = [recipe.learning_rate(epoch, 8) for epoch in (0, 5, 24)]
    assert rates == pytest.approx([1e-5, 4e-4, 1.562e-5], rel=1e-3)
    assert (recipe.freeze_backbone, recipe.optimizer) == (script is xception, optimizer)
    assert fields(ours, OURS) == OURS
    small = kernel.resolve(small=True, settings={"epochs": "2"})
    assert (small.miniature, small.weights, small.epochs) == (True, None, 2)
    settings = {"freeze_backbone": True, "backbone": "EfficientNetB0", "image_size": 32}
    model = kernel.network(kernel.resolve(settings=settings))
    assert model.output_shape == (None, 104)
    assert model.layers[-1].compute_dtype == "float32"
    trained = {weight.path.split("/")[0].split("_")[0] for weight in model.trainable_weights}
    assert trained <= {"dense", "batch"}


def test_another_backbone_is_one_setting_and_a_wrong_count_is_refused() -> None:
    kernel = densenet201.KERNEL
    settings: dict = {"backbone": "MobileNet", "image_size": "64"}
    model = densenet201.build_model(None, override(kernel.recipe, settings))
    assert (model.input_shape, model.output_shape) == ((None, 64, 64, 3), (None, 104))
    assert "conv_pw_13" in [layer.name for layer in model.layers]
    settings |= {"total_parameters": 0, "trainable_parameters": 0}  # of another: not stated
    small = dataclasses.replace(kernel, recipe=override(kernel.recipe, settings))
    assert check_full_size(small) == parameter_counts(model)
    wrong = override(kernel.recipe, {**settings, "total_parameters": 21_974_161})
    with pytest.raises(UserError, match=r"at full size has [0-9,]+ total_parameters, not 21,974"):
        check_full_size(dataclasses.replace(kernel, recipe=wrong))


def test_the_winners_batch_and_rate_run_on_the_first_accelerator() -> None:
    recipe, replicas = classes.KERNEL.recipe, REPLICAS[classes.KERNEL.accelerators[0]]
    assert recipe.batch_size * replicas == 96
    assert recipe.learning_rate(0, replicas) == pytest.approx(7.4e-5)


def test_all_of_the_winners_layers_begin_with_he_and_have_l2() -> None:
    model = built(classes, image_size=64, l2=0.25)
    kernels = [np.asarray(layer.kernel) for layer in layers(model, "Conv2D", "Dense")]
    assert [kernel.shape[-1] for kernel in kernels][-2:] == [256, 1584]
    wanted = sum(0.25 * float(np.square(kernel).sum()) for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(wanted, rel=1e-4)
    for kernel in kernels[1:]:  # the first one is too small to measure
        fan_in = kernel.size / kernel.shape[-1]
        assert float(kernel.std()) == pytest.approx((2 / fan_in) ** 0.5, rel=0.1)


@pytest.mark.parametrize("script", [triplets, submodel], ids=["triplets", "submodel"])
def test_what_the_publication_varied_of_the_small_network_is_a_field_each(script: Any) -> None:
    for model, size, normalized, rates, relu in (
        (built(script), 3, 0, [0.1] * 4 + [0.2], True),
        (built(script, **VARIED), 5, 4, [0.3] * 4 + [0.4], False),
    ):
        assert {layer.kernel_size for layer in layers(model, "Conv2D")} == {(size, size)}
        assert len(layers(model, "BatchNormalization")) == normalized
        assert [layer.rate for layer in layers(model, "Dropout")] == rates
        rows = np.asarray(model(noise(9)))
        assert (rows.min() >= 0) == relu
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_the_margins_pooling_is_chosen() -> None:
    import keras

    off, parameters = {}, {}
    for pooling in ("gem", "average"):
        model = built(margin, pooling=pooling)
        (dense,) = layers(model, "Dense")
        maps = model.layers[model.layers.index(dense) - 2].output
        found, maps = keras.Model(model.input, [dense.input, maps])(noise(3))
        off[pooling] = np.asarray(found) - np.asarray(maps).mean(axis=(1, 2))
        parameters[pooling] = model.count_params()
    assert parameters["gem"] == parameters["average"] + 1  # its exponent
    np.testing.assert_allclose(off["average"], 0, atol=1e-6)
    assert (off["gem"] > 1e-3).mean() > 0.5  # nearer to the maximum
