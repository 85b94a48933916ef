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
from competitions.painter_by_numbers import classes, margin, submodel, triplets
from competitions.petals_to_metal import densenet201, efficientnetb7, xception

pytestmark = pytest.mark.slow
PETALS = (
    (xception, (21_974_160, 1_107_560)),
    (densenet201, (18_521_768, 18_292_712)),
    (efficientnetb7, (64_364_024, 64_053_304)),
)
SMALL = {"miniature": True, "image_size": 32, "embedding": 16}


def layers(model: Any, *names: str) -> list[Any]:
    return [layer for layer in model.layers if type(layer).__name__ in names]


def noise(number: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (number, 32, 32, 3)).astype(np.float32)


@pytest.mark.parametrize(("script", "parameters"), PETALS, ids=["xception", "densenet", "b7"])
def test_petals_published_settings_and_where_ours_differ(script: Any, parameters: tuple) -> None:
    kernel = script.KERNEL
    recipe, ours = kernel.recipe, kernel.resolve(best=True)
    assert (recipe.total_parameters, recipe.trainable_parameters) == parameters
    assert (recipe.image_size, recipe.crop_margin, recipe.batch_size) == (331, 30, 16)
    assert (recipe.epochs, recipe.refit, recipe.refit_fresh) == (25, True, True)
    assert (recipe.interpolation, recipe.evaluation) == ("nearest", "whole")
    assert recipe.preprocessing == "1/255"
    assert (recipe.horizontal_flip, recipe.vertical_flip) == (0.5, 0.5)
    # Of training and of the refit, on eight replicas.
    assert recipe.pictures_per_epoch == 12_753 // 128 * 128 == 99 * 128
    rates = [recipe.learning_rate(epoch, 8) for epoch in (0, 5, 24)]
    assert rates == pytest.approx([1e-5, 4e-4, 1.562e-5], rel=1e-3)
    assert recipe.freeze_backbone == (script is xception)
    assert recipe.optimizer == ("rmsprop" if script is xception else "adam")
    assert (ours.schedule, ours.tta, ours.evaluation) == ("cosine", 8, "centre")
    assert (ours.preprocessing, ours.pictures_per_epoch) == ("backbone", None)
    small = kernel.resolve(small=True, settings={"epochs": "2"})
    assert (small.miniature, small.weights, small.epochs) == (True, None, 2)
    settings = {"freeze_backbone": True, "backbone": "EfficientNetB0", "image_size": 32}
    model = kernel.network(kernel.resolve(settings=settings))
    assert model.output_shape == (None, 104)
    assert model.layers[-1].compute_dtype == "float32"
    trained = {weight.path.split("/")[0].split("_")[0] for weight in model.trainable_weights}
    assert trained <= {"dense", "batch"}


def test_another_backbone_is_one_setting_and_a_wrong_count_is_refused() -> None:
    from common.networks.full_size import check_full_size, parameter_counts

    kernel = densenet201.KERNEL
    settings = {"backbone": "MobileNet", "image_size": "64"}
    model = densenet201.build_model(None, override(kernel.recipe, settings))
    assert (model.input_shape, model.output_shape) == ((None, 64, 64, 3), (None, 104))
    assert "conv_pw_13" in [layer.name for layer in model.layers]
    assert check_full_size(kernel, "MobileNet") == parameter_counts(model)
    wrong = override(kernel.recipe, {**settings, "total_parameters": 21_974_161})
    with pytest.raises(UserError, match=r"at full size has [0-9,]+ total_parameters, not 21,974"):
        check_full_size(dataclasses.replace(kernel, recipe=wrong))


def test_the_winners_batch_and_rate_run_on_the_first_accelerator() -> None:
    recipe, replicas = classes.KERNEL.recipe, REPLICAS[classes.KERNEL.accelerators[0]]
    assert recipe.batch_size * replicas == 96
    assert recipe.learning_rate(0, replicas) == pytest.approx(7.4e-5)
    alone = override(recipe, {"batch_size": "96", "lr_max": "7.4e-5"})
    assert (alone.batch_size, alone.learning_rate(0, 1)) == (96, 7.4e-5)


def test_all_of_the_winners_layers_begin_with_he_and_have_l2() -> None:
    import keras

    keras.utils.set_random_seed(0)
    small = {"miniature": True, "image_size": 64, "l2": 0.25}
    model = classes.build_model(None, override(classes.KERNEL.recipe, small), 500)
    kernels = [np.asarray(layer.kernel) for layer in layers(model, "Conv2D", "Dense")]
    assert [kernel.shape[-1] for kernel in kernels][-2:] == [256, 500]
    wanted = sum(0.25 * float(np.square(kernel).sum()) for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(wanted, rel=1e-4)
    for kernel in kernels[1:]:  # the first one is too small to measure
        fan_in = kernel.size / kernel.shape[-1]
        assert float(kernel.std()) == pytest.approx((2 / fan_in) ** 0.5, rel=0.1)


@pytest.mark.parametrize("script", [triplets, submodel], ids=["triplets", "submodel"])
def test_what_the_publication_varied_of_the_small_network_is_a_field_each(script: Any) -> None:
    import keras

    def built(**changes: object) -> Any:
        keras.utils.set_random_seed(0)
        return script.KERNEL.network(override(script.KERNEL.recipe, {**SMALL, **changes}))

    plain = built()
    wide = built(kernel_size=5, batchnorm="yes", dropout=0.3, dense_dropout=0.4, final_relu=False)
    assert {layer.kernel_size for layer in layers(plain, "Conv2D")} == {(3, 3)}
    assert {layer.kernel_size for layer in layers(wide, "Conv2D")} == {(5, 5)}
    assert not layers(plain, "BatchNormalization")
    assert len(layers(wide, "BatchNormalization")) == 4
    rates = [[layer.rate for layer in layers(model, "Dropout")] for model in (plain, wide)]
    assert rates == [[0.1] * 4 + [0.2], [0.3] * 4 + [0.4]]
    for model, relu in ((plain, True), (wide, False)):
        rows = np.asarray(model(noise(9)))
        assert (rows.min() >= 0) == relu
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("kernel_size", 0, "from 1 to 15"), ("dropout", 1, "from 0 to 0.9")],
)
def test_a_field_of_the_small_network_has_a_range(field: str, value: int, said: str) -> None:
    with pytest.raises(UserError, match=f"{field}={value}.*: it must be {said}"):
        override(triplets.KERNEL.recipe, {field: value})


def test_the_margins_pooling_is_chosen() -> None:
    import keras

    def pooled(pooling: str) -> tuple[int, np.ndarray]:
        keras.utils.set_random_seed(0)
        recipe = override(margin.KERNEL.recipe, {**SMALL, "pooling": pooling})
        model = margin.build_model(None, recipe, 5)
        (dense,) = layers(model, "Dense")
        maps = model.layers[model.layers.index(dense) - 2].output
        found, maps = keras.Model(model.input, [dense.input, maps])(noise(3))
        return model.count_params(), np.asarray(found) - np.asarray(maps).mean(axis=(1, 2))

    (more, beyond), (fewer, none) = pooled("gem"), pooled("average")
    assert more == fewer + 1  # its exponent
    np.testing.assert_allclose(none, 0, atol=1e-6)
    assert (beyond > 1e-3).mean() > 0.5  # nearer to the maximum
