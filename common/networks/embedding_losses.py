"""Losses that compare the pictures of a batch, by a distance and a miner.

Each is a Keras loss or metric of targets ``(batch, classes)`` one-hot and embeddings ``(batch, d)``
of any float type, and gives ``(batch,)`` float32, a value for each anchor. They are scaled so that
their mean over the batch is the mean over the triplets (or pairs) that count; it is 0 where none
does. A row of ``targets`` that is all zeros is of a class of its own. Shapes depend on the size of
the batch alone, so that it compiles.

Distances between all rows are sums over differences, not taken from a matrix product: equal rows
are at exactly 0, and TPUs, whose products are bfloat16, lose nothing. A compiler needs no more
memory for it than for the result; without one (TensorFlow on a CPU) it is ``(batch, batch, d)``.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from common.errors import UserError
from common.networks.losses import Loss
from common.recipe import by_name

_LEAST = 1e-30  # of a squared length: below it there is no direction


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


def triplet_loss(
    distance: str = "euclidean", miner: str = "batch-hard", margin: float | None = 0.2
) -> Loss:
    """max(0, positive - negative + margin), or its soft form ln(1 + exp(positive - negative)).

    ``distance`` and ``miner`` are names of DISTANCES and MINERS, ``margin`` is in units of the
    distance; None is the soft form. Raises UserError for an unknown name and a margin below 0.
    Schroff et al., 2015 (FaceNet); the soft margin is of Hermans et al., 2017.
    """
    measure = by_name("distance", distance, DISTANCES)
    mine = by_name("miner", miner, MINERS)
    _check_margin(margin or 0.0)

    def loss(targets: Any, embeddings: Any) -> Any:
        from keras import ops

        found = mine(measure(embeddings), labels_of(targets))
        off = found.positive - found.negative
        values = ops.softplus(off) if margin is None else ops.relu(off + margin)
        return _by_anchor(values, found.counts)

    return loss


def contrastive_loss(distance: str = "euclidean", margin: float = 1.0) -> Loss:
    """Half the mean over all pairs of the batch of d² (same) or max(0, margin - d)² (different).

    Errors as those of ``triplet_loss``. Hadsell et al., 2006 (Dimensionality Reduction by Learning
    an Invariant Mapping).
    """
    measure = by_name("distance", distance, DISTANCES)
    _check_margin(margin)

    def loss(targets: Any, embeddings: Any) -> Any:
        from keras import ops

        distances, labels = measure(embeddings), labels_of(targets)
        same = labels[:, None] == labels[None, :]
        off = ops.where(same, distances, ops.relu(margin - distances))
        return _by_anchor(ops.square(off) / 2, _others(labels))

    return loss


def triplets_right(distance: str = "euclidean") -> Loss:
    """Metric: the share of all triplets whose positive is nearer than their negative."""
    measure = by_name("distance", distance, DISTANCES)

    def triplets_right(targets: Any, embeddings: Any) -> Any:
        found = batch_all(measure(embeddings), labels_of(targets))
        return _by_anchor(found.positive < found.negative, found.counts)

    return triplets_right


def squared(embeddings: Any) -> Any:
    """Squared Euclidean distances, ``(batch, batch)`` of embeddings ``(batch, d)``."""
    from keras import ops

    rows = ops.cast(embeddings, "float32")
    return ops.sum(ops.square(rows[:, None] - rows[None, :]), axis=-1)


def euclidean(embeddings: Any) -> Any:
    """Euclidean distances, ``(batch, batch)``; the gradient between equal rows is 0, not NaN."""
    from keras import ops

    squares = squared(embeddings)
    apart = squares > 0
    return ops.where(apart, ops.sqrt(ops.where(apart, squares, 1.0)), 0.0)


def cosine(embeddings: Any) -> Any:
    """One minus the cosine, ``(batch, batch)`` from 0 to 2; 1/2 from a row of zeros to others."""
    return squared(unit_length(embeddings)) / 2


def unit_length(vectors: Any, axis: int = -1) -> Any:
    """``vectors`` divided by their lengths along ``axis``, float32; zeros stay zeros.

    The gradient at zeros is 0 (that of Keras's ``ops.normalize`` is NaN).
    """
    from keras import ops

    vectors = ops.cast(vectors, "float32")
    squares = ops.sum(ops.square(vectors), axis=axis, keepdims=True)
    long = squares > _LEAST
    return vectors * ops.where(long, ops.rsqrt(ops.where(long, squares, 1.0)), 0.0)


def batch_hard(distances: Any, labels: Any) -> Triplets:
    """The farthest positive and the nearest negative of each anchor, ``(batch, 1)``.

    Hermans et al., 2017 (In Defense of the Triplet Loss).
    """
    positive, negative = _pairs(labels)
    counts = _any(positive) & _any(negative)
    return _finite(_farthest(distances, positive), _nearest(distances, negative), counts)


def batch_all(distances: Any, labels: Any) -> Triplets:
    """Every triplet, ``(batch, batch, batch)``: anchor, positive, negative.

    The easy ones count too. Hermans et al., 2017.
    """
    positive, negative = _pairs(labels)
    counts = positive[:, :, None] & negative[:, None, :]
    return _finite(distances[:, :, None], distances[:, None, :], counts)


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
    return _finite(distances, chosen, positive & _any(negative))


DISTANCES: Mapping[str, Callable[[Any], Any]] = {
    "euclidean": euclidean,
    "squared": squared,
    "cosine": cosine,
}
# Distances ``(batch, batch)`` float32 and labels ``(batch,)`` → the triplets of each anchor. An
# anchor alone of its label, or in a batch of one label, has none.
MINERS: Mapping[str, Callable[[Any, Any], Triplets]] = {
    "batch-hard": batch_hard,
    "batch-all": batch_all,
    "semi-hard": semi_hard,
}


def labels_of(targets: Any) -> Any:
    """Class numbers ``(batch,)`` int32 of one-hot rows; below 0 and unlike all, of zeros."""
    from keras import ops

    classes = ops.cast(ops.argmax(targets, axis=-1), "int32")
    alone = -1 - ops.cast(ops.arange(ops.shape(targets)[0]), "int32")
    return ops.where(ops.max(targets, axis=-1) > 0, classes, alone)


def _by_anchor(values: Any, counts: Any) -> Any:
    """``(batch,)`` float32: each anchor's part of the mean of ``values`` where ``counts``."""
    from keras import ops

    kept = ops.where(counts, ops.cast(values, "float32"), 0.0)
    number = ops.sum(ops.cast(counts, "float32"))
    total = ops.sum(kept, axis=tuple(range(1, len(kept.shape))))
    return total * (ops.cast(ops.shape(total)[0], "float32") / ops.maximum(number, 1.0))


def _check_margin(margin: float) -> None:
    if not 0 <= margin < float("inf"):
        raise UserError(f"margin {margin}: it must be a number from 0")


def _others(labels: Any) -> Any:
    """``(batch, batch)`` bool: false on the diagonal, where a row meets itself."""
    from keras import ops

    places = ops.arange(ops.shape(labels)[0])
    return places[:, None] != places[None, :]


def _pairs(labels: Any) -> tuple[Any, Any]:
    """Positives and negatives of each anchor, ``(batch, batch)`` bool."""
    same = labels[:, None] == labels[None, :]
    return same & _others(labels), ~same


def _any(mask: Any) -> Any:
    from keras import ops

    return ops.any(mask, axis=-1, keepdims=True)


def _farthest(distances: Any, mask: Any) -> Any:
    from keras import ops

    return ops.max(ops.where(mask, distances, -float("inf")), axis=-1, keepdims=True)


def _nearest(distances: Any, mask: Any) -> Any:
    from keras import ops

    return ops.min(ops.where(mask, distances, float("inf")), axis=-1, keepdims=True)


def _finite(positive: Any, negative: Any, counts: Any) -> Triplets:
    """Zeros where nothing counts, so that no infinity comes into a gradient."""
    from keras import ops

    return Triplets(ops.where(counts, positive, 0.0), ops.where(counts, negative, 0.0), counts)
