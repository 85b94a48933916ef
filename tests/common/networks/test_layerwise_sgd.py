"""SGD by layer: factors, a momentum that changes while a step stays compiled, Koch's weights."""

import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.errors import UserError
from common.networks.twin import begin_as_koch, build_twin
from common.recipes.one_shot import OneShotRecipe
from common.tasks.verification import Verification
from common.training.model import compile_model, restore, set_momentum, variables_of

SMALL: dict[str, Any] = {
    "image_size": 65, "miniature": True, "head_layers": "flatten, dense 16 sigmoid",
    "batchnorm": False, "optimizer": "sgd", "l2": 0.0,
}  # fmt: skip


def compiled(**settings: Any) -> tuple[Any, OneShotRecipe]:
    """One dense layer upon another, with the optimizer of a recipe, at the rate 0.1."""
    import keras

    recipe = OneShotRecipe(**{**SMALL, **settings})
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(2, use_bias=False), keras.layers.Dense(1, use_bias=False)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    compile_model(model, recipe, "mse", [])
    model.optimizer.build(model.trainable_variables)
    model.optimizer.learning_rate.assign(0.1)
    return model, recipe


def learn(model: Any) -> list[np.ndarray]:
    """How far a step moves both kernels."""
    before = model.get_weights()
    model.train_on_batch(np.eye(3, dtype=np.float32), np.array([[1.0], [2.0], [-1.0]]))
    return [after - old for old, after in zip(before, model.get_weights(), strict=True)]


def test_a_layer_moves_at_the_rate_times_its_factor() -> None:
    plain, _ = compiled()
    own, _ = compiled(lr_factors="0.5, 0")
    first, second = learn(plain)
    assert np.abs(second).max() > 0
    half, none = learn(own)
    np.testing.assert_allclose(half, first / 2, rtol=1e-5)
    assert np.abs(none).max() == 0
    last, _ = compiled(lr_factors="2")  # of all layers
    for twice, once in zip(learn(last), (first, second), strict=True):
        np.testing.assert_allclose(twice, 2 * once, rtol=1e-5)


def test_momentum_rises_from_epoch_to_epoch_without_another_compilation() -> None:
    model, recipe = compiled(momentum=0.8, momentum_start=0.5, momentum_epochs=3, lr_factors="0, 1")
    assert [recipe.momentum_at(epoch) for epoch in range(5)] == pytest.approx(
        [0.5, 0.6, 0.7, 0.8, 0.8]
    )
    still, _ = compiled(lr_factors="0, 1")  # plain descent from the same place
    moved = np.zeros((2, 1))
    for epoch in range(4):
        set_momentum(model, recipe, epoch)
        still.set_weights(model.get_weights())
        _, gradient = learn(still)
        moved = recipe.momentum_at(epoch) * moved + gradient
        np.testing.assert_allclose(learn(model)[1], moved, rtol=1e-4, atol=1e-7)


def test_a_checkpoint_has_the_momentum_and_goes_on_alike() -> None:
    model, recipe = compiled(momentum=0.9)
    set_momentum(model, recipe, 1)
    learn(model)
    kept = variables_of(model)
    again, _ = compiled(momentum=0.9)
    restore(again, kept)
    for one, other in zip(learn(model), learn(again), strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_begin_as_koch_draws_them() -> None:
    import keras

    keras.utils.set_random_seed(0)
    recipe = OneShotRecipe(**SMALL)
    twin = build_twin(Verification().output_layer(), None, recipe)
    begin_as_koch(twin)
    first, *_, dense = (layer for layer in twin.get_layer("branch").layers if layer.weights)
    for layer, deviation in ((first, 0.01), (dense, 0.2)):
        kernel, bias = map(np.asarray, layer.get_weights())
        assert kernel.std() == pytest.approx(deviation, rel=0.1)
        assert abs(kernel.mean()) < deviation / 5
        assert bias.mean() == pytest.approx(0.5, abs=0.02)
        assert 0 < bias.std() < 0.02


WRONG = {
    "momentum=0 and lr_factors=1, too": {"optimizer": "adam", "momentum": 0.9},
    "write numbers from 0 to 1000 with commas": {"lr_factors": "1, x"},
    "lr_factors=-1": {"lr_factors": "-1"},
    "it must be from 0 to 1": {"momentum": 1.5},
    "setting folds=3: one-shot trials are of validation's characters": {"folds": 3},
    "setting refit=True: one-shot": {"refit": True},
}


@pytest.mark.parametrize("said", WRONG)
def test_a_wrong_setting_is_one_line(said: str) -> None:
    with pytest.raises(UserError, match=said):
        OneShotRecipe(**{**SMALL, **WRONG[said]})
