"""Distances between all rows of a batch, float32 whatever the network computes in.

They are sums over differences, not taken from a matrix product: equal rows are at exactly 0, and
TPUs, whose products are bfloat16, lose nothing. A compiler needs no more memory for it than for
the result; without one (TensorFlow on a CPU) it is ``(batch, batch, d)``.
"""

from collections.abc import Callable, Mapping
from typing import Any

_LEAST = 1e-30  # of a squared length: below it there is no direction


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


DISTANCES: Mapping[str, Callable[[Any], Any]] = {
    "euclidean": euclidean,
    "squared": squared,
    "cosine": cosine,
}
