"""Losses that Keras lacks: of classes, of cosines with a margin, of the pictures of a batch.

A loss takes targets ``(batch, classes)``, one-hot or mixed, and what the network makes of the
batch; it gives ``(batch,)`` float32. This module imports Keras: import it inside functions, once
the backend is chosen.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from keras import ops

Loss = Callable[[Any, Any], Any]
Triplets = tuple[Any, Any, Any]
_TINY = 1e-37  # nearly the smallest normal float32
_LEAST_SQUARE = 1e-30  # of a length: below it there is no direction
_LEAST_SINE = 1e-6  # squared: below it float32 cosines have no angle, and 1 / sine explodes


def crossentropy(smoothing: float = 0.0) -> Loss:
    """Categorical cross-entropy of probabilities ``(batch, classes)``.

    Written out because Keras cuts probabilities at 1e-7 on JAX and not on TensorFlow: what a
    network is surely wrong about would teach it nothing on a TPU. ``smoothing`` spreads a share of
    each target over all classes. Szegedy et al., 2015.
    """
    return lambda targets, probabilities: _entropy(targets, _log(probabilities), smoothing)


def focal(smoothing: float = 0.0) -> Loss:
    """Cross-entropy, each class's part times ``(1 - p) ** 2``: what is known counts for little.

    Lin et al., 2017 (focal loss, gamma 2). Keras' CategoricalFocalCrossentropy without its factor
    of 0.25.
    """

    def loss(targets: Any, probabilities: Any) -> Any:
        spread = _spread(targets, smoothing, probabilities.shape[-1])
        parts = ops.square(1 - probabilities) * _log(probabilities)
        return -ops.sum(spread * parts, axis=-1)

    return loss


def each_class(smoothing: float = 0.0) -> Loss:
    """Binary cross-entropy of each class's probability by itself, the mean over the classes."""

    def loss(targets: Any, probabilities: Any) -> Any:
        spread = _spread(targets, smoothing, probabilities.shape[-1])
        right, wrong = _log(probabilities), _log(1 - probabilities)
        return -ops.mean(spread * right + (1 - spread) * wrong, axis=-1)

    return loss


def squared_error(smoothing: float = 0.0) -> Loss:
    """The mean over the classes of the squared error of a probability (Brier, 1950)."""

    def loss(targets: Any, probabilities: Any) -> Any:
        spread = _spread(targets, smoothing, probabilities.shape[-1])
        return ops.mean(ops.square(spread - probabilities), axis=-1)

    return loss


def hinge(smoothing: float = 0.0) -> Loss:
    """How far the right class's probability is from 1 above the most probable other one's.

    Crammer and Singer, 2001, of probabilities as Keras' CategoricalHinge has it. There is no
    smoothing.
    """

    def loss(targets: Any, probabilities: Any) -> Any:
        right = ops.sum(targets * probabilities, axis=-1)
        other = ops.max((1 - targets) * probabilities, axis=-1)
        return ops.relu(1 + other - right)

    return loss


# A recipe's ``loss`` of one of N classes, from the label smoothing to the loss.
CLASS_LOSSES: Mapping[str, Callable[[float], Loss]] = {
    "crossentropy": crossentropy,
    "binary": each_class,
    "focal": focal,
    "squared": squared_error,
    "hinge": hinge,
}


def adjusted_crossentropy(labels: np.ndarray, classes: int, tau: float, smoothing: float) -> Loss:
    """``crossentropy`` of the logits plus ``tau`` times the log-frequency of each class.

    The network learns to do without what the frequencies alone say, and so favours rare classes
    when it predicts. ``labels`` ``(pictures,)`` are those that it trains on; a class that they do
    not have counts as one picture. Menon et al., 2020 (logit adjustment).
    """
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    odds = (tau * np.log(counts / counts.sum())).astype(np.float32)

    def loss(targets: Any, probabilities: Any) -> Any:
        return _entropy(targets, ops.log_softmax(_log(probabilities) + odds), smoothing)

    return loss


def _log(probabilities: Any) -> Any:
    return ops.log(ops.maximum(probabilities, _TINY))


def _entropy(targets: Any, logs: Any, smoothing: float = 0.0) -> Any:
    return -ops.sum(_spread(targets, smoothing, logs.shape[-1]) * logs, axis=-1)


def _spread(targets: Any, smoothing: float, classes: int) -> Any:
    return (1 - smoothing) * targets + smoothing / classes


def margin_loss(name: str, scale: float = 30.0, margin: float = 0.3) -> Loss:
    """Cross-entropy of ``scale`` times the cosines, with a ``margin`` on the class that is right.

    It takes the cosines between a picture and its classes ``(batch, classes)``, as
    ``common.networks.embedding_layers.CosineClasses`` gives them. ``name`` is of MARGINS; a margin
    of 0 is a plain softmax. Targets that are mixed take their share of the margin.
    """

    def loss(targets: Any, cosines: Any) -> Any:
        targets, cosines = ops.cast(targets, "float32"), ops.cast(cosines, "float32")
        within = MARGINS[name](cosines, margin)
        logits = scale * (cosines + targets * (within - cosines))
        return _entropy(targets, ops.log_softmax(logits))

    return loss


def arcface(cosines: Any, margin: float) -> Any:
    """The cosine of the angle plus ``margin`` radians. Deng et al., 2019 (ArcFace).

    Where the sum would pass pi, and its cosine rise again, ``margin · sin(margin)`` is taken from
    the cosine instead, as the authors' code does: it never grows with the angle.
    """
    sines = ops.sqrt(ops.maximum(1.0 - ops.square(cosines), _LEAST_SINE))
    turned = cosines * math.cos(margin) - sines * math.sin(margin)
    beyond = cosines - margin * math.sin(margin)
    return ops.where(cosines > -math.cos(margin), turned, beyond)


def triplet_loss(
    distance: str = "euclidean", miner: str = "batch-hard", margin: float | None = 0.2
) -> Loss:
    """max(0, positive - negative + margin), or its soft form ln(1 + exp(positive - negative)).

    It takes embeddings ``(batch, d)`` of any float type. A row of targets that is all zeros is of a
    class of its own. The mean over the batch is the mean over the triplets that count, 0 without
    any. ``distance`` and ``miner`` are of DISTANCES and MINERS, ``margin`` is in units of the
    distance; None is the soft form. Schroff et al., 2015 (FaceNet); the soft margin is of Hermans
    et al., 2017.
    """

    def loss(targets: Any, embeddings: Any) -> Any:
        off, counts = _differences(distance, miner, targets, embeddings)
        return _by_anchor(ops.softplus(off) if margin is None else ops.relu(off + margin), counts)

    return loss


def triplets_right(distance: str = "euclidean") -> Loss:
    """Metric: the share of all triplets whose positive is nearer than their negative."""

    def triplets_right(targets: Any, embeddings: Any) -> Any:
        off, counts = _differences(distance, "batch-all", targets, embeddings)
        return _by_anchor(off < 0, counts)

    return triplets_right


def contrastive_loss(distance: str = "euclidean", margin: float = 1.0) -> Loss:
    """Half the mean over all pairs of the batch of d² (same) or max(0, margin - d)² (different).

    As ``triplet_loss``. Hadsell et al., 2006 (Dimensionality Reduction by Learning an Invariant
    Mapping).
    """

    def loss(targets: Any, embeddings: Any) -> Any:
        distances, (same, others) = DISTANCES[distance](embeddings), _same_and_others(targets)
        off = ops.where(same, distances, ops.relu(margin - distances))
        return _by_anchor(ops.square(off) / 2, others)

    return loss


def squared(embeddings: Any) -> Any:
    """Squared Euclidean distances, ``(batch, batch)`` of embeddings ``(batch, d)``.

    Sums over differences, not taken from a matrix product: equal rows are at exactly 0, and TPUs,
    whose products are bfloat16, lose nothing. A compiler needs no more memory for it than for the
    result; without one (TensorFlow on a CPU) it is ``(batch, batch, d)``.
    """
    rows = ops.cast(embeddings, "float32")
    return ops.sum(ops.square(rows[:, None] - rows[None, :]), axis=-1)


def euclidean(embeddings: Any) -> Any:
    """Euclidean distances, ``(batch, batch)``; the gradient between equal rows is 0, not NaN."""
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
    vectors = ops.cast(vectors, "float32")
    squares = ops.sum(ops.square(vectors), axis=axis, keepdims=True)
    long = squares > _LEAST_SQUARE
    return vectors * ops.where(long, ops.rsqrt(ops.where(long, squares, 1.0)), 0.0)


def batch_hard(distances: Any, positive: Any, negative: Any) -> Triplets:
    """The farthest positive and the nearest negative of each anchor, ``(batch, 1)``.

    Hermans et al., 2017 (In Defense of the Triplet Loss).
    """
    counts = _any(positive) & _any(negative)
    return -_nearest(-distances, positive), _nearest(distances, negative), counts


def batch_all(distances: Any, positive: Any, negative: Any) -> Triplets:
    """Every triplet, the easy ones too, ``(batch, batch, batch)``. Hermans et al., 2017."""
    counts = positive[:, :, None] & negative[:, None, :]
    return distances[:, :, None], distances[:, None, :], counts


def semi_hard(distances: Any, positive: Any, negative: Any) -> Triplets:
    """Of each anchor and positive the nearest negative beyond the positive, ``(batch, batch)``.

    Where no negative is beyond it, the farthest negative: a network that sends all pictures to one
    place is wrong everywhere, and would else have nothing to learn from. Schroff et al., 2015
    (FaceNet).
    """
    beyond = negative[:, None, :] & (distances[:, None, :] > distances[:, :, None])
    nearest = _nearest(distances[:, None, :], beyond)[:, :, 0]
    chosen = ops.where(_any(beyond)[:, :, 0], nearest, -_nearest(-distances, negative))
    return distances, chosen, positive & _any(negative)


MARGINS: Mapping[str, Callable[[Any, float], Any]] = {
    "arcface": arcface,
    "cosface": lambda cosines, margin: cosines - margin,  # Wang et al., 2018 (CosFace)
}
DISTANCES: Mapping[str, Callable[[Any], Any]] = {
    "euclidean": euclidean,
    "squared": squared,
    "cosine": cosine,
}
# Of distances ``(batch, batch)`` float32 and which of them are from an anchor to a positive and to
# a negative, bool: distances to the triplets' positives and negatives, and which triplets there
# are. Shapes depend on the size of the batch alone, so that it compiles.
MINERS: Mapping[str, Callable[[Any, Any, Any], Triplets]] = {
    "batch-hard": batch_hard,
    "batch-all": batch_all,
    "semi-hard": semi_hard,
}


def _same_and_others(targets: Any) -> tuple[Any, Any]:
    """Which two rows are of one class, and which are two, ``(batch, batch)`` bool each."""
    places = ops.cast(ops.arange(ops.shape(targets)[0]), "int32")
    classes = ops.cast(ops.argmax(targets, axis=-1), "int32")
    labels = ops.where(ops.max(targets, axis=-1) > 0, classes, -1 - places)
    return labels[:, None] == labels[None, :], places[:, None] != places[None, :]


def _differences(distance: str, miner: str, targets: Any, embeddings: Any) -> tuple[Any, Any]:
    """Of triplets, positive minus negative distance, and which of them there are."""
    same, others = _same_and_others(targets)
    positive, negative, counts = MINERS[miner](
        DISTANCES[distance](embeddings), same & others, ~same
    )
    # Zeros where there is none, so that no infinity comes into a gradient.
    return ops.where(counts, positive, 0.0) - ops.where(counts, negative, 0.0), counts


def _by_anchor(values: Any, counts: Any) -> Any:
    """``(batch,)`` float32: each anchor's part of the mean of ``values`` where ``counts``."""
    kept = ops.where(counts, ops.cast(values, "float32"), 0.0)
    number = ops.sum(ops.cast(counts, "float32"))
    total = ops.sum(kept, axis=tuple(range(1, len(kept.shape))))
    return total * (ops.cast(ops.shape(total)[0], "float32") / ops.maximum(number, 1.0))


def _any(mask: Any) -> Any:
    return ops.any(mask, axis=-1, keepdims=True)


def _nearest(distances: Any, mask: Any) -> Any:
    return ops.min(ops.where(mask, distances, float("inf")), axis=-1, keepdims=True)
