"""Losses and metrics of embeddings, from a distance and a miner by their names.

Each is a Keras loss or metric of targets ``(batch, classes)`` one-hot and embeddings ``(batch, d)``
of any float type, and gives ``(batch,)`` float32, a value for each anchor. They are scaled so that
their mean over the batch is the mean over the triplets (or pairs) that count; it is 0 where none
does. A row of ``targets`` that is all zeros is of a class of its own.
"""

import math
from collections.abc import Callable
from typing import Any

from common.errors import UserError
from common.networks.distances import DISTANCES
from common.networks.losses import Loss
from common.networks.miners import MINERS, batch_all, batch_hard, others
from common.recipe import by_name, nearest

SOFT = "soft"


def triplet_loss(
    distance: str = "euclidean", miner: str = "batch-hard", margin: float | str | None = 0.2
) -> Loss:
    """max(0, positive - negative + margin), or its soft form ln(1 + exp(positive - negative)).

    Args:
        distance: a name of ``common.networks.distances.DISTANCES``.
        miner: a name of ``common.networks.miners.MINERS``.
        margin: in units of the distance, as a number or as text; ``soft`` or None is the soft form.

    Raises UserError for an unknown name and for a margin that is not a number from 0.
    Schroff et al., 2015 (FaceNet); the soft margin is of Hermans et al., 2017.
    """
    measure = by_name("distance", distance, DISTANCES)
    mine = by_name("miner", miner, MINERS)
    hinge = _hinge(margin)

    def loss(targets: Any, embeddings: Any) -> Any:
        found = mine(measure(embeddings), labels_of(targets))
        return _by_anchor(hinge(found.positive - found.negative), found.counts)

    return loss


def contrastive_loss(distance: str = "euclidean", margin: float | str = 1.0) -> Loss:
    """Half the mean over all pairs of the batch of d² (same) or max(0, margin - d)² (different).

    Arguments and errors as those of ``triplet_loss``, but that it has no soft form. Hadsell et al.,
    2006 (Dimensionality Reduction by Learning an Invariant Mapping).
    """
    measure, limit = by_name("distance", distance, DISTANCES), _number(margin, ())

    def loss(targets: Any, embeddings: Any) -> Any:
        from keras import ops

        distances, labels = measure(embeddings), labels_of(targets)
        same = labels[:, None] == labels[None, :]
        off = ops.where(same, distances, ops.relu(limit - distances))
        return _by_anchor(ops.square(off) / 2, others(labels))

    return loss


def anchors_right(distance: str = "euclidean") -> Loss:
    """Metric: the share of anchors whose farthest positive is nearer than their nearest negative.

    Raises UserError for an unknown distance.
    """
    measure = by_name("distance", distance, DISTANCES)

    def anchors_right(targets: Any, embeddings: Any) -> Any:
        found = batch_hard(measure(embeddings), labels_of(targets))
        return _by_anchor(found.positive < found.negative, found.counts)

    return anchors_right


def triplets_right(distance: str = "euclidean") -> Loss:
    """Metric: the share of all triplets whose positive is nearer than their negative.

    Raises UserError for an unknown distance.
    """
    measure = by_name("distance", distance, DISTANCES)

    def triplets_right(targets: Any, embeddings: Any) -> Any:
        found = batch_all(measure(embeddings), labels_of(targets))
        return _by_anchor(found.positive < found.negative, found.counts)

    return triplets_right


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


def _hinge(margin: float | str | None) -> Callable[[Any], Any]:
    soft = margin is None or margin == SOFT
    wide = 0.0 if margin is None or soft else _number(margin, (SOFT,))

    def hinge(difference: Any) -> Any:
        from keras import ops

        return ops.softplus(difference) if soft else ops.relu(difference + wide)

    return hinge


def _number(margin: float | str, words: tuple[str, ...]) -> float:
    try:
        number = float(margin)
    except ValueError:
        hint = f", {nearest(str(margin), words)}" if words else ""
        raise UserError(f"margin {margin!r} is not a number{hint}") from None
    if not 0 <= number < math.inf:
        raise UserError(f"margin {margin}: it must be a number from 0")
    return number
