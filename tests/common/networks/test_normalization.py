"""A fused BatchNormalization gives what Keras' own gives: outputs, gradients, moving statistics."""

from typing import Any

import numpy as np
import pytest

from common.networks.normalization import fuse_normalization

pytestmark = pytest.mark.slow
PICTURES = np.random.default_rng(0).normal(3, 2, (5, 4, 3, 6)).astype(np.float32)


def trained(shape: tuple[int, ...], fused: bool, **options: Any) -> list[np.ndarray]:
    """Outputs, gradients and weights of a layer after one step, and its outputs afterwards."""
    import keras
    import tensorflow as tf

    layer = keras.layers.BatchNormalization(momentum=0.7, epsilon=1e-3, **options)
    layer.build((None, *shape[1:]))
    generator = np.random.default_rng(1)
    layer.set_weights([generator.uniform(0.5, 2, w.shape) for w in layer.weights])
    plain = layer.call
    if fused:
        fuse_normalization(layer)
        assert layer.call is not plain
    inputs = tf.constant(PICTURES.reshape(shape))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
        loss = tf.reduce_sum(tf.sin(outputs))
    sources = [inputs, *(variable.value for variable in layer.trainable_variables)]
    after = layer(inputs, training=False)
    found = [outputs, *tape.gradient(loss, sources), *layer.get_weights(), after]
    return [np.asarray(value) for value in found]


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((5, 4, 3, 6), {}),
        ((5, 4, 3, 6), {"scale": False}),
        ((5, 4, 3, 6), {"center": False}),
        ((5, 4, 3, 6), {"axis": 1}),
        ((60, 6), {}),
    ],
)
def test_fused_is_as_plain(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    plain, fused = (trained(shape, which, **options) for which in (False, True))
    for mine, theirs in zip(fused, plain, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_a_frozen_layer_keeps_its_statistics() -> None:
    import keras

    layer = keras.layers.BatchNormalization()
    layer.build(PICTURES.shape)
    fuse_normalization(layer)
    layer.trainable = False
    before = layer.get_weights()
    layer(PICTURES, training=True)
    for mine, theirs in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)
