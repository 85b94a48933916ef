"""The layers between a backbone and a task's last layer, as text: ``average, dense 512``.

Keras is imported late: recipes read the text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from common.recipe import nearest

POOLS = ("average", "max", "flatten")
_KINDS = (*POOLS, "dense", "dropout", "batchnorm")
_ACTIVATIONS = ("relu", "linear", "swish", "gelu", "tanh", "sigmoid", "elu", "selu")
_MOST = 65_536  # units


@dataclass(frozen=True)
class HeadLayer:
    """One layer.

    Attributes:
        kind: ``average`` or ``max`` of each channel over the picture, ``flatten``, ``dense`` (of a
            map: at each of its positions), ``dropout`` or ``batchnorm``.
        units, activation: of ``dense``; the activation by its Keras name.
        rate: of ``dropout``.
    """

    kind: str
    units: int = 0
    activation: str = "relu"
    rate: float = 0.0


def parse_head(text: str) -> tuple[HeadLayer, ...]:
    """Return the layers that ``text`` lists, in order.

    Raises UserError for what is no layer, and for layers that do not make rows of a map once.
    """
    setting = f"setting head_layers={text}"
    layers = tuple(_parsed(words, setting) for words in text.split(","))
    pools = [layer.kind for layer in layers if layer.kind in POOLS]
    if not pools:
        raise UserError(f"{setting}: it ends in a map: add average, max or flatten")
    for later in pools[1:]:
        if later != "flatten":  # which leaves rows as they are
            raise UserError(f"{setting}: {later} takes a map, and {pools[0]} has made rows of it")
    return layers


def add_head(features: Any, layers: Sequence[HeadLayer]) -> Any:
    """Return what ``layers`` make of a Keras tensor ``(batch, height, width, channels)``."""
    for layer in layers:
        features = _built(layer)(features)
    return features


def _built(layer: HeadLayer) -> Any:
    from keras import layers

    match layer.kind:
        case "average":
            return layers.GlobalAveragePooling2D()
        case "max":
            return layers.GlobalMaxPooling2D()
        case "flatten":
            return layers.Flatten()
        case "dense":
            return layers.Dense(layer.units, activation=layer.activation)
        case "dropout":
            return layers.Dropout(layer.rate)
    return layers.BatchNormalization()


def _parsed(words: str, setting: str) -> HeadLayer:
    """One layer. Raises UserError."""
    kind, *values = words.split() or [""]
    if kind not in _KINDS:
        raise UserError(f"{setting}: there is no layer {kind!r}: {nearest(kind, _KINDS)}")
    if kind == "dense" and len(values) in (1, 2):
        units, activation = (*values, HeadLayer.activation)[:2]
        if not (units.isascii() and units.isdigit() and 1 <= int(units) <= _MOST):
            raise UserError(f"{setting}: the units of dense are a number from 1 to {_MOST:,}")
        if activation not in _ACTIVATIONS:
            known = nearest(activation, _ACTIVATIONS)
            raise UserError(f"{setting}: there is no activation {activation!r}: {known}")
        return HeadLayer(kind, units=int(units), activation=activation)
    if kind == "dropout" and len(values) == 1:
        try:
            rate = float(values[0])
        except ValueError:
            rate = -1.0
        if not 0 <= rate < 1:
            raise UserError(f"{setting}: the rate of dropout is a number from 0 to below 1")
        return HeadLayer(kind, rate=rate)
    if values or kind in ("dense", "dropout"):
        form = {"dense": "dense 256, or dense 256 tanh", "dropout": "dropout 0.2"}.get(kind, kind)
        raise UserError(f"{setting}: write {form}, for example, not {' '.join(words.split())!r}")
    return HeadLayer(kind)
