"""Grad-CAM: where in a picture a network sees a class, on TensorFlow and on JAX.

Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra, "Grad-CAM: Visual Explanations from Deep
Networks via Gradient-based Localization", ICCV 2017: with the feature maps A_k of the last
convolution and the logit y_c of a class, the map is ReLU(Σ_k w_k A_k), w_k the mean of ∂y_c/∂A_k
over the places.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from common.networks.inside import outputs_changed


def last_map(network: Any) -> Any | None:
    """Return the last layer with feature maps, below pooling, and dense layers on the maps.

    It may be a nested network. None without a convolution, and where a map has one place alone.
    """
    from keras import layers

    pooling = (layers.AveragePooling2D, layers.MaxPooling2D)
    above = (layers.Dense, layers.Dropout, layers.BatchNormalization, *pooling)
    for layer in reversed(network.layers if convolutions(network) else []):
        shape = layer.output.shape
        if len(shape) == 4 and not isinstance(layer, above):
            return layer if max(shape[1:3]) > 1 else None
    return None


def convolutions(layer: Any) -> list[Any]:
    """Return the layers that convolve pictures in a network or in a layer, in their order."""
    from keras import layers

    inside = getattr(layer, "layers", None)
    if inside is not None:
        return [one for each in inside for one in convolutions(each)]
    kinds = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Conv2DTranspose)
    return [layer] if isinstance(layer, kinds) else []


def grad_cam(
    network: Any, layer: Any, pictures: np.ndarray, classes: np.ndarray, also: Sequence[Any] = ()
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return where ``network`` sees ``classes`` in ``pictures``, by what ``layer`` gives.

    Args:
        network: a ``keras.Model`` from ``(batch, height, width, 3)`` to probabilities
            ``(batch, classes)``; the activation of its last layer is left out.
        layer: of ``last_map``.
        pictures: ``(n, height, width, 3)``, any number type.
        classes: their numbers, ``(n,)``.
        also: other layers.

    Returns:
        The maps, ``(n, rows, columns)`` float32 from 0, each with 1 as its highest unless nothing
        speaks for the class, and what the layers of ``also`` give of the first picture.
    """
    import keras
    from keras import ops

    def score(change: Any, pictures: Any) -> tuple[Any, tuple[Any, list[Any]]]:
        """The logits of the classes, if ``change`` is added to the maps; and what layers give."""
        given: dict[Any, Any] = {}

        def watch(one: Any) -> Callable[[Any], Any]:
            def passed_on(outputs: Any) -> Any:
                given[one] = outputs
                return outputs + change if one is layer else outputs

            return passed_on

        with outputs_changed({one: watch(one) for one in (layer, *also)}):
            logits = network(pictures, training=False)
        asked = ops.one_hot(classes, logits.shape[-1], dtype=logits.dtype)
        return ops.sum(logits * asked), (given[layer], [given[one][:1] for one in also])

    last, shape = network.layers[-1], (len(pictures), *layer.output.shape[1:])
    activation, last.activation = last.activation, keras.activations.linear
    try:
        nothing, seen = ops.zeros(shape, layer.compute_dtype), ops.cast(pictures, "float32")
        gradient, (maps, others) = _gradient(network, score, nothing, seen)
    finally:
        last.activation = activation
    maps, gradient, *others = (ops.cast(one, "float32") for one in (maps, gradient, *others))
    found = ops.relu(ops.sum(ops.mean(gradient, axis=(1, 2), keepdims=True) * maps, axis=-1))
    found = found / ops.maximum(ops.max(found, axis=(1, 2), keepdims=True), 1e-12)
    found, *others = map(ops.convert_to_numpy, (found, *others))
    return found, others


def _gradient(network: Any, score: Any, at: Any, pictures: Any) -> Any:
    """The gradient of the first of what ``score`` returns, and the second."""
    import keras

    if keras.config.backend() == "jax":
        import jax

        def with_weights(at: Any, pictures: Any, values: list[Any]) -> Any:
            with keras.StatelessScope(zip(network.variables, values, strict=True)):
                return score(at, pictures)

        # As arguments: XLA would spend minutes on weights that it takes for constants.
        values = [variable.value for variable in network.variables]
        return jax.jit(jax.grad(with_weights, has_aux=True))(at, pictures, values)
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(at)
        found, others = score(at, pictures)
    return tape.gradient(found, at), others
