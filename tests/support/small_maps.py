"""Grad-CAM of small networks on the backend of ``KERAS_BACKEND``: ``small_maps.py OUT.npz``.

The networks begin with weights that NumPy draws, so that backends can be compared.
"""

import sys
from typing import Any

import numpy as np

from common.networks.grad_cam import convolutions, grad_cam, last_map

PICTURES = np.random.default_rng(1).integers(0, 256, (4, 16, 16, 3)).astype(np.uint8)
CLASSES = np.array([0, 1, 2, 2])


def build(name: str) -> Any:
    """``pooled``, ``dense`` on the maps, or ``nested``: a network of 3 classes."""
    import keras
    from keras import layers

    def maps_of(x: Any) -> Any:
        x = layers.Conv2D(8, 3, strides=2, activation="relu")(x)
        return layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(6, 3)(x)))

    inputs = layers.Input((16, 16, 3))
    x = layers.Rescaling(1 / 255)(inputs)
    if name == "nested":
        begin = layers.Input((16, 16, 3))
        x = keras.Model(begin, maps_of(begin), name="body")(x)
    else:
        x = maps_of(x)
    if name == "dense":
        x = layers.Dense(5, activation="tanh")(x)
        x = layers.Flatten()(layers.Dropout(0.5)(layers.BatchNormalization()(x)))
    else:
        x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    generator = np.random.default_rng(0)
    for weight in model.weights:
        if "seed" not in weight.path:
            drawn = generator.normal(0, 0.5, weight.shape)
            weight.assign(np.abs(drawn) + 1 if "variance" in weight.path else drawn)
    return model


def found() -> dict[str, np.ndarray]:
    """By network the maps, and what its first convolution gives of the first picture."""
    maps = {}
    for name in ("pooled", "dense", "nested"):
        model = build(name)
        first = convolutions(model)[:1]
        maps[name], (maps[f"{name} first"],) = grad_cam(
            model, last_map(model), PICTURES, CLASSES, first
        )
    return maps


if __name__ == "__main__":
    np.savez(sys.argv[1], **found())  # type: ignore[arg-type]
