"""Scores of pairs: the dot product of two pictures' vectors, for any structure of the pairs.

The vectors are of any kind: unit embeddings, class probabilities. A full tile of
``common.pairs.layout`` is one product of matrices, other pairs gather their rows.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from common.errors import UserError
from common.pairs.layout import Tile
from common.pairs.table import Pairs

_GATHERED = 512  # rows a side gathered together: 2 MiB of 512 numbers stay in a core's cache
_TAKEN = 1 << 16  # pairs of a full tile taken together: 0.5 MiB an array stay in the cache
_SPARSE = 1 << 16  # pairs of sparse tiles that a thread takes together


def pair_scores(vectors: np.ndarray, pairs: Pairs) -> np.ndarray:
    """Return the dot product of each pair's two rows of ``vectors``, ``(pairs,)`` float32.

    ``vectors`` is ``(pictures, d)`` float32 in the order of ``pairs.pictures``. They equal float64
    dot products to 1e-5 of the two norms' product. A pair of which a picture has no vector has 0.

    Raises UserError for a vector that is not finite or is zero, ValueError for another shape.
    """
    _check_vectors(vectors, pairs.pictures)
    scores = np.zeros(len(pairs), np.float32)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(part) for part in _parts(vectors, pairs, scores)]:
            done.result()
    return scores


def _check_vectors(vectors: np.ndarray, pictures: Sequence[str]) -> None:
    if vectors.ndim != 2 or len(vectors) != len(pictures) or vectors.dtype != np.float32:
        raise ValueError(f"{vectors.shape} {vectors.dtype} for {len(pictures)} pictures' vectors")
    largest = np.maximum(vectors.max(axis=1), -vectors.min(axis=1))  # NaN where there is any
    bad = np.flatnonzero(~(np.isfinite(largest) & (largest > 0)))
    if len(bad):
        what = "is zero" if largest[bad[0]] == 0 else "has NaN or infinity"
        raise UserError(
            f"the vector of picture {pictures[bad[0]]} {what}: train the model again, or run "
            f"without it"
        )


def _parts(vectors: np.ndarray, pairs: Pairs, scores: np.ndarray) -> Iterator[Callable[[], None]]:
    """The work in parts that threads can take, each filling some of ``scores``."""
    layout = pairs.layout
    sparse = [np.empty(0, np.uint32)]
    for tile in layout.tiles:
        if tile.known and tile.full:
            yield partial(_multiply, vectors, pairs, tile, scores)
        elif tile.known:
            sparse.append(layout.pairs[tile.pairs])
    numbers = np.concatenate(sparse)
    for start in range(0, len(numbers), _SPARSE):
        yield partial(_gather, vectors, pairs, numbers[start : start + _SPARSE], scores)


def _multiply(vectors: np.ndarray, pairs: Pairs, tile: Tile, scores: np.ndarray) -> None:
    """All products of two blocks, of which those of the pairs are kept."""
    layout = pairs.layout
    rows, columns = layout.pictures[tile.rows], layout.pictures[tile.columns]
    products = (vectors[rows] @ vectors[columns].T).ravel()
    for start in range(tile.pairs.start, tile.pairs.stop, _TAKEN):
        part = slice(start, min(start + _TAKEN, tile.pairs.stop))
        numbers = layout.pairs[part].astype(np.intp)  # as numpy takes them: converted once
        sides = (layout.positions.take(side.take(numbers)) for side in (pairs.first, pairs.second))
        first, second = sides
        low = np.minimum(first, second) - tile.rows.start
        high = np.maximum(first, second) - tile.columns.start
        scores[numbers] = products.take(low * len(columns) + high)


def _gather(vectors: np.ndarray, pairs: Pairs, numbers: np.ndarray, scores: np.ndarray) -> None:
    """One dot product a pair."""
    for start in range(0, len(numbers), _GATHERED):
        part = numbers[start : start + _GATHERED]
        first, second = vectors[pairs.first[part]], vectors[pairs.second[part]]
        scores[part] = np.einsum("ij,ij->i", first, second)
