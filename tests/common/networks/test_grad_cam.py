"""Grad-CAM: what is written down in the paper, by NumPy, and the same on both backends."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.networks.grad_cam import convolutions, grad_cam, last_map
from support import small_maps, warm
from support.small_maps import CLASSES, PICTURES, build


@pytest.fixture(scope="module")
def found() -> dict[str, np.ndarray]:
    """What ``small_maps.py`` finds, on TensorFlow."""
    return small_maps.found()


def by_the_formula(maps: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """The maps of the paper, each with 1 as its highest."""
    weights = gradient.mean(axis=(1, 2), keepdims=True)
    summed = np.maximum((weights * maps).sum(axis=-1), 0)
    return summed / np.maximum(summed.max(axis=(1, 2), keepdims=True), 1e-12)


def what_a_layer_gives(model: Any, layer: Any) -> np.ndarray:
    import keras

    below = keras.Model(model.input, layer.output)
    return np.asarray(below(PICTURES.astype(np.float32)), np.float64)


def test_below_average_pooling_the_weights_are_those_of_the_last_layer(found: dict) -> None:
    model = build("pooled")
    maps = what_a_layer_gives(model, model.layers[-4])
    kernel = np.asarray(model.layers[-1].kernel, np.float64)
    gradient = np.broadcast_to(kernel.T[CLASSES][:, None, None] / maps[0, ..., 0].size, maps.shape)
    np.testing.assert_allclose(found["pooled"], by_the_formula(maps, gradient), atol=1e-5)
    assert found["pooled"].max() == pytest.approx(1)
    assert found["pooled"].std() > 0.1


def test_below_dense_layers_on_the_maps_it_is_the_gradient_by_small_changes(found: dict) -> None:
    model = build("dense")
    layer = last_map(model)
    assert layer.name.startswith("activation")  # not the dense layer, nor what is after it
    maps, names = what_a_layer_gives(model, layer), [one.name for one in model.layers]
    head = model.layers[names.index(layer.name) + 1 :]
    dense, norm, last = ([np.asarray(w, np.float64) for w in head[n].weights] for n in (0, 1, -1))

    def logit(values: np.ndarray) -> np.ndarray:
        x = np.tanh(values @ dense[0] + dense[1])
        gamma, beta, mean, variance = norm
        x = (x - mean) / np.sqrt(variance + head[1].epsilon) * gamma + beta
        rows = x.reshape(len(x), -1) @ last[0] + last[1]
        return np.asarray(rows[np.arange(len(x)), CLASSES])

    gradient, step = np.zeros(maps.shape), 1e-5
    for place in np.ndindex(maps.shape[1:]):
        change = np.zeros(maps.shape[1:])
        change[place] = step
        gradient[:, *place] = (logit(maps + change) - logit(maps - change)) / (2 * step)
    np.testing.assert_allclose(found["dense"], by_the_formula(maps, gradient), atol=1e-4)
    assert found["dense"].std() > 0.1


def test_a_nested_network_has_the_maps_of_the_same_layers_in_a_row(found: dict) -> None:
    np.testing.assert_allclose(found["nested"], found["pooled"], atol=1e-5)
    np.testing.assert_allclose(found["nested first"], found["pooled first"], atol=1e-5)
    model = build("pooled")
    first = what_a_layer_gives(model, convolutions(model)[0])[:1]
    np.testing.assert_allclose(found["pooled first"], first, atol=1e-4)
    assert [type(one).__name__ for one in convolutions(build("nested"))] == ["Conv2D"] * 2


def test_both_backends_have_the_same_maps(found: dict, tmp_path: Path) -> None:
    script = str(Path(small_maps.__file__))
    warm.run_on_jax({"maps": warm.case(tmp_path, script, "maps.npz")})
    on_jax = dict(np.load(tmp_path / "maps.npz"))
    assert set(on_jax) == set(found)
    for name, maps in found.items():
        np.testing.assert_allclose(on_jax[name], maps, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("name", ["pooled", "nested"])
def test_the_network_is_as_before(name: str) -> None:
    model = build(name)
    before = np.asarray(model(PICTURES.astype(np.float32)))
    layer = last_map(model)
    grad_cam(model, layer, PICTURES, CLASSES, convolutions(model))
    np.testing.assert_array_equal(np.asarray(model(PICTURES.astype(np.float32))), before)
    assert before.sum(axis=1) == pytest.approx(1)
    assert not any("call" in vars(one) for one in (layer, *convolutions(model)))
    # A picture that nothing speaks for has an empty map.
    model.layers[-1].kernel.assign(np.zeros_like(model.layers[-1].kernel))
    assert not grad_cam(model, layer, PICTURES, CLASSES)[0].any()


def test_what_has_no_map_has_none_and_branches_have_their_sum() -> None:
    import keras
    from keras import layers

    inputs = layers.Input((8, 8, 3))
    rows = layers.Dense(4)(layers.Flatten()(inputs))
    assert last_map(keras.Model(inputs, rows)) is None
    place = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 8)(inputs))  # one place alone
    assert last_map(keras.Model(inputs, layers.Dense(2)(place))) is None
    left, right = (layers.Conv2D(4, size, padding="same")(inputs) for size in (1, 3))
    both = layers.Concatenate(name="both")([left, layers.BatchNormalization()(right)])
    pooled = layers.GlobalMaxPooling2D()(layers.MaxPooling2D()(both))
    assert last_map(keras.Model(inputs, layers.Dense(2)(pooled))).name == "both"
    # Dense layers within the backbone, as ConvNeXt has them, are not the head.
    block = layers.Add()([both, layers.Dense(8)(layers.DepthwiseConv2D(3, padding="same")(both))])
    end = layers.LayerNormalization(name="end")(block)
    pooled = layers.GlobalAveragePooling2D()(end)
    assert last_map(keras.Model(inputs, layers.Dense(2)(pooled))).name == "end"
