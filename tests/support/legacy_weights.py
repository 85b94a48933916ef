"""Weights files as Keras 2 wrote them, and as the ``efficientnet`` package downloads them."""

from pathlib import Path
from typing import Any

import numpy as np


def randomise(network: Any) -> None:
    """Statistics and scales that differ by channel, as training leaves them."""
    generator = np.random.default_rng(0)
    for layer in network.layers:
        for weight in layer.weights:
            low, high = {"gamma": (0.8, 1.2), "moving_variance": (0.8, 1.2)}.get(
                weight.name, (-0.02, 0.02)
            )
            if weight.name not in ("kernel", "depthwise_kernel"):
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
                older = "depthwise_kernel" if "DepthwiseConv" in type(layer).__name__ else "kernel"
                name = older if weight.name == "kernel" else weight.name
                names.append(f"{layer.name}/{name}:0")
                group.create_dataset(names[-1], data=weight.numpy())
            group.attrs["weight_names"] = [name.encode() for name in names]
