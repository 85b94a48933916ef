"""Weights files as Keras 2 wrote them, and as the ``efficientnet`` package downloads them."""

from pathlib import Path
from typing import Any

import numpy as np


def older_name(layer: Any, weight: Any) -> str:
    """The name that Keras 2 gave a weight."""
    depthwise = weight.name == "kernel" and "DepthwiseConv" in type(layer).__name__
    return "depthwise_kernel" if depthwise else str(weight.name)


def randomise(network: Any) -> None:
    """Statistics and scales that differ by channel, as training leaves them."""
    generator = np.random.default_rng(0)
    for layer in network.layers:
        for weight in layer.weights:
            low, high = {
                **{"gamma": (0.8, 1.2), "moving_variance": (0.8, 1.2)},
                "depthwise_kernel": (-1, 1),  # Keras's own are too small for pixels to matter
            }.get(older_name(layer, weight), (-0.02, 0.02))
            if older_name(layer, weight) != "kernel":
                weight.assign(generator.uniform(low, high, weight.shape))


def write_legacy(network: Any, path: Path, without: str = "") -> None:
    """A group for each layer but ``without``, with the names and the order of its weights."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in network.layers]
        for layer in network.layers:
            if layer.name == without:
                continue
            group = file.create_group(layer.name)
            names = []
            for weight in layer.weights:
                names.append(f"{layer.name}/{older_name(layer, weight)}:0")
                group.create_dataset(names[-1], data=weight.numpy())
            group.attrs["weight_names"] = [name.encode() for name in names]
