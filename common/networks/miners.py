"""Which triplets of a batch are learnt from.

A miner takes distances ``(batch, batch)`` float32 and labels ``(batch,)``, and gives the triplets
of each anchor. An anchor alone of its label, or in a batch of one label, has none. Shapes depend on
the size of the batch alone, so that it compiles.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Triplets(NamedTuple):
    """Triplets by anchor; each field is ``(batch, …)`` with the same shape, or broadcasts to it.

    Attributes:
        positive: float32 distance from the anchor to another row of its label.
        negative: float32 distance from the anchor to a row of another label.
        counts: bool; where it is false there is no such triplet, and both distances are finite.
    """

    positive: Any
    negative: Any
    counts: Any


def batch_hard(distances: Any, labels: Any) -> Triplets:
    """The farthest positive and the nearest negative of each anchor, ``(batch, 1)``.

    Hermans et al., 2017 (In Defense of the Triplet Loss).
    """
    positive, negative = _pairs(labels)
    counts = _any(positive) & _any(negative)
    return _kept(_farthest(distances, positive), _nearest(distances, negative), counts)


def batch_all(distances: Any, labels: Any) -> Triplets:
    """Every triplet, ``(batch, batch, batch)``: anchor, positive, negative.

    The easy ones count too. Hermans et al., 2017.
    """
    positive, negative = _pairs(labels)
    counts = positive[:, :, None] & negative[:, None, :]
    return _kept(distances[:, :, None], distances[:, None, :], counts)


def semi_hard(distances: Any, labels: Any) -> Triplets:
    """Of each anchor and positive the nearest negative beyond the positive, ``(batch, batch)``.

    Where no negative is beyond it, the farthest negative: a network that sends all pictures to one
    place is wrong everywhere, and would else have nothing to learn from. Schroff et al., 2015
    (FaceNet).
    """
    from keras import ops

    positive, negative = _pairs(labels)
    beyond = negative[:, None, :] & (distances[:, None, :] > distances[:, :, None])
    nearest = _nearest(distances[:, None, :], beyond)[:, :, 0]
    chosen = ops.where(_any(beyond)[:, :, 0], nearest, _farthest(distances, negative))
    return _kept(distances, chosen, positive & _any(negative))


MINERS: Mapping[str, Callable[[Any, Any], Triplets]] = {
    "batch-hard": batch_hard,
    "batch-all": batch_all,
    "semi-hard": semi_hard,
}


def others(labels: Any) -> Any:
    """``(batch, batch)`` bool: false on the diagonal, where a row meets itself."""
    from keras import ops

    places = ops.arange(ops.shape(labels)[0])
    return places[:, None] != places[None, :]


def _pairs(labels: Any) -> tuple[Any, Any]:
    """Positives and negatives of each anchor, ``(batch, batch)`` bool."""
    same = labels[:, None] == labels[None, :]
    return same & others(labels), ~same


def _any(mask: Any) -> Any:
    from keras import ops

    return ops.any(mask, axis=-1, keepdims=True)


def _farthest(distances: Any, mask: Any) -> Any:
    from keras import ops

    return ops.max(ops.where(mask, distances, -float("inf")), axis=-1, keepdims=True)


def _nearest(distances: Any, mask: Any) -> Any:
    from keras import ops

    return ops.min(ops.where(mask, distances, float("inf")), axis=-1, keepdims=True)


def _kept(positive: Any, negative: Any, counts: Any) -> Triplets:
    """Zeros where nothing counts, so that no infinity comes into a gradient."""
    from keras import ops

    return Triplets(ops.where(counts, positive, 0.0), ops.where(counts, negative, 0.0), counts)
