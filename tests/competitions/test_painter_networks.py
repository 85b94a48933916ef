"""The networks of Painter by Numbers, and what of the published settings runs on Kaggle."""

import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.accelerator import REPLICAS
from common.errors import UserError
from common.recipe import override
from competitions.painter_by_numbers import classes, margin, submodel, triplets


def test_the_winners_batch_and_rate_run_on_the_first_accelerator() -> None:
    replicas = REPLICAS[classes.KERNEL.accelerators[0]]
    assert classes.KERNEL.recipe.batch_size * replicas == 96
    assert classes.KERNEL.recipe.learning_rate(0, replicas) == pytest.approx(7.4e-5)
    alone = override(classes.KERNEL.recipe, {"batch_size": "96", "lr_max": "7.4e-5"})
    assert (alone.batch_size, alone.learning_rate(0, 1)) == (96, 7.4e-5)


def test_all_of_the_winners_layers_begin_with_he_and_are_held_by_l2() -> None:
    import keras

    keras.utils.set_random_seed(0)
    small = {"miniature": True, "image_size": 64, "l2": 0.25}
    model = classes.build_model(None, override(classes.KERNEL.recipe, small), 500)
    kinds = (keras.layers.Conv2D, keras.layers.Dense)
    kernels = [np.asarray(layer.kernel) for layer in model.layers if isinstance(layer, kinds)]
    assert [kernel.shape[-1] for kernel in kernels][-2:] == [256, 500]
    wanted = sum(0.25 * float(np.square(kernel).sum()) for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(wanted, rel=1e-4)
    for kernel in kernels[1:]:  # the first one is too small to measure
        fan_in = kernel.size / kernel.shape[-1]
        assert float(kernel.std()) == pytest.approx((2 / fan_in) ** 0.5, rel=0.1)


@pytest.mark.parametrize("script", [triplets, submodel], ids=["triplets", "submodel"])
def test_what_the_publication_varied_of_the_small_network_is_a_field_each(script: Any) -> None:
    import keras

    small = {"miniature": True, "image_size": 32, "embedding": 8}

    def built(**changes: object) -> Any:
        return script.KERNEL.network(override(script.KERNEL.recipe, {**small, **changes}))

    def layers(model: Any, kind: type) -> list[Any]:
        return [layer for layer in model.layers if isinstance(layer, kind)]

    plain = built()
    wide = built(kernel_size=5, batchnorm="yes", dropout=0.3, dense_dropout=0.4)
    assert {layer.kernel_size for layer in layers(plain, keras.layers.Conv2D)} == {(3, 3)}
    assert {layer.kernel_size for layer in layers(wide, keras.layers.Conv2D)} == {(5, 5)}
    assert not layers(plain, keras.layers.BatchNormalization)
    assert len(layers(wide, keras.layers.BatchNormalization)) == 4
    rates = [[layer.rate for layer in layers(m, keras.layers.Dropout)] for m in (plain, wide)]
    assert rates == [[0.1] * 4 + [0.2], [0.3] * 4 + [0.4]]


def test_the_published_network_ends_in_a_relu() -> None:
    import keras

    keras.utils.set_random_seed(0)
    pictures = np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3)).astype(np.float32)
    small = {"miniature": True, "image_size": 32, "embedding": 16}
    assert triplets.KERNEL.recipe.final_relu
    assert submodel.KERNEL.recipe.final_relu
    for relu in (True, False):
        recipe = override(triplets.KERNEL.recipe, {**small, "final_relu": relu})
        rows = np.asarray(triplets.KERNEL.network(recipe)(pictures))
        assert (rows.min() >= 0) == relu
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_the_small_networks_fields_are_held() -> None:
    for name, value, said in (("kernel_size", 0, "from 1 to 15"), ("dropout", 1, "from 0 to 0.99")):
        with pytest.raises(UserError, match=f"{name}={value}.*: it must be {said}"):
            override(triplets.KERNEL.recipe, {name: value})


def test_the_margins_pooling_is_chosen() -> None:
    import keras

    def pooled(pooling: str) -> tuple[int, np.ndarray]:
        keras.utils.set_random_seed(0)
        small = {"miniature": True, "image_size": 32, "embedding": 8, "pooling": pooling}
        model = margin.build_model(None, override(margin.KERNEL.recipe, small), 5)
        dense = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
        tell = keras.Model(
            model.input, [dense.input, model.layers[model.layers.index(dense) - 2].output]
        )
        pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.float32)
        found, maps = (np.asarray(part) for part in tell(pictures))
        return model.count_params(), found - maps.mean(axis=(1, 2))

    (more, beyond), (fewer, none) = pooled("gem"), pooled("average")
    assert more == fewer + 1  # its exponent
    np.testing.assert_allclose(none, 0, atol=1e-6)
    assert (beyond > 1e-3).mean() > 0.5  # nearer to the maximum
