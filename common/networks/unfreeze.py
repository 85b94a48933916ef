"""Layers of a frozen backbone that are trained all the same, as text: ``mixed9+20..mixed9+22``.

A layer is said by a named one and how many come after it, in the order of ``keras.applications``'
network: Keras numbers the others (``conv2d_93``) in the order in which a session makes them. Keras
is imported late: recipes read the text.
"""

import re
from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from common.recipe import nearest

PREPROCESSING = "preprocessing"  # the layer in front of each network, which is ours
FIRST = "input"  # stands for the first layer, whatever its name
_PLACE = re.compile(r"([^\s+]+)(?:\s*\+\s*(\d{1,5}))?", re.ASCII)


@dataclass(frozen=True)
class Place:
    """The ``after``-th layer behind the one that is called ``name``; 0 is that one."""

    name: str
    after: int = 0


@dataclass(frozen=True)
class Span:
    """All layers from ``first`` to ``last``, both of them; None is the network's end."""

    first: Place
    last: Place | None


def parse_unfreeze(text: str) -> tuple[Span, ...]:
    """Return what ``text`` lists: ``LAYER``, ``LAYER+N``, ``A..B`` or ``LAYER..``, with commas.

    Raises UserError for anything else.
    """
    spans = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        begin, end = (_PLACE.fullmatch(place.strip()) for place in (first, last.strip() or first))
        if not begin or not end:
            raise UserError(
                f"setting unfreeze={text}: {part.strip()!r} is none of LAYER, LAYER+N, "
                f"LAYER..LAYER and LAYER.. (to the end)"
            )
        whole = dots and not last.strip()
        spans.append(Span(_place(begin), None if whole else _place(end)))
    return tuple(spans)


def _place(found: re.Match[str]) -> Place:
    return Place(found[1], int(found[2] or 0))


def unfreeze(backbone: Any, text: str) -> None:
    """Let the layers that ``text`` names learn, of a backbone that is frozen.

    Their BatchNormalization is as in a network that is not frozen: in training it normalises by the
    batch, and its moving statistics follow. All other layers stay exactly as they are. Raises
    UserError as ``unfrozen``.
    """
    layers = backbone_layers(backbone)
    chosen = unfrozen(layers, text, backbone.name)
    backbone.trainable = True  # one that is not, as a network within it, lists no weights to train
    for number, layer in enumerate(layers):
        layer.trainable = number in chosen


def backbone_layers(backbone: Any) -> list[Any]:
    """The layers of ``build_backbone``'s network as ``keras.applications`` has them, in its order.

    They begin with the input; preprocessing is left out. So is the padding of an EfficientNet,
    which its package has within the convolutions.
    """
    import keras

    layers: list[Any] = backbone.layers
    if isinstance(layers[-1], keras.Model):
        padding = keras.layers.ZeroPadding2D
        return [layer for layer in layers[-1].layers if not isinstance(layer, padding)]
    return [layer for layer in layers if layer.name != PREPROCESSING]


def unfrozen(layers: list[Any], text: str, network: str) -> set[int]:
    """Return the numbers of the ``layers`` of a ``network`` that ``text`` names, from 0.

    Raises UserError for a layer that there is not (naming the nearest), and where none has weights.
    """
    setting, names = f"setting unfreeze={text}", _names(layers)

    def number(place: Place) -> int:
        if place.name not in names:
            hint = _where_counted(place.name, layers) or nearest(place.name, names)
            raise UserError(f"{setting}: {network} has no layer {place.name!r}: {hint}")
        found = names[place.name] + place.after
        if found >= len(layers):
            behind = len(layers) - 1 - names[place.name]
            raise UserError(f"{setting}: {network} has {behind} layers behind {place.name}")
        return found

    chosen: set[int] = set()
    for span in parse_unfreeze(text):
        first, last = number(span.first), len(layers) - 1
        if span.last and (last := number(span.last)) < first:
            raise UserError(f"{setting}: {span.last.name} comes before {span.first.name}")
        chosen |= {*range(first, last + 1)}
    if not any(layers[one].weights for one in chosen):
        raise UserError(f"{setting}: nothing would be learned: these layers have no weights")
    return chosen


def _names(layers: list[Any]) -> dict[str, int]:
    """The layers that have names of their own, by name: their numbers."""
    own = {layer.name: n for n, layer in enumerate(layers) if n and not _is_counted(layer)}
    return {FIRST: 0, **own}


def _is_counted(layer: Any) -> bool:
    """Whether Keras has named a layer after its class, ``max_pooling2d_3``."""
    return _kind(layer.name) == type(layer).__name__.lower()


def _kind(name: str) -> str:
    return re.sub(r"_\d+$", "", name).replace("_", "")


def _where_counted(name: str, layers: list[Any]) -> str:
    """What to write for a counted name of a session that has made no other network; else empty."""

    def count(name: str) -> int:
        return int((re.findall(r"_(\d+)$", name) or ["0"])[0])

    alike = [one for one in layers if _is_counted(one) and _kind(one.name) == _kind(name)]
    in_order = sorted(alike, key=lambda layer: count(layer.name))
    if count(name) >= len(in_order):
        return ""
    number = layers.index(in_order[count(name)])
    named = {at: before for before, at in _names(layers).items() if at <= number}
    place = f"{named[max(named)]}+{number - max(named)}"
    return f"Keras counts anew in each session; in a new one this is {place}"
