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
from common.pairs.layout import Layout, Tile
from common.pairs.table import Pairs

_GATHERED = 512  # rows a side gathered together: 2 MiB of 512 numbers stay in a core's cache
_TAKEN = 1 << 16  # pairs of a full tile taken together: 0.5 MiB an array stay in the cache
_SPARSE = 1 << 16  # pairs of sparse tiles that a thread takes together
_CHECKED = 1 << 12  # rows


def pair_scores(vectors: np.ndarray, pairs: Pairs, prior: float = 0.0) -> np.ndarray:
    """The dot product of each pair's two rows of ``vectors``, ``(pairs,)`` float32.

    ``vectors`` is ``(pictures, d)`` float32 in the order of ``pairs.pictures``. They equal float64
    dot products to 1e-5 of the two norms' product. ``prior`` is the score of a pair of which a
    picture has no vector. Beside the vectors, the pairs and the result it takes some MiB a core.

    Raises UserError for a vector that is not finite or is zero, ValueError for another shape.
    """
    check_vectors(vectors, pairs.pictures)
    scores = np.empty(len(pairs), np.float32)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(part) for part in _parts(vectors, pairs, prior, scores)]:
            done.result()
    return scores


def check_vectors(vectors: np.ndarray, pictures: Sequence[str]) -> None:
    """Raises UserError naming the first picture whose vector is not finite or is zero."""
    if vectors.ndim != 2 or len(vectors) != len(pictures) or vectors.dtype != np.float32:
        raise ValueError(f"{vectors.shape} {vectors.dtype} for {len(pictures)} pictures' vectors")
    for start in range(0, len(vectors), _CHECKED):
        part = vectors[start : start + _CHECKED]
        largest = np.maximum(part.max(axis=1), -part.min(axis=1))  # NaN where there is any
        bad = ~(np.isfinite(largest) & (largest > 0))
        if bad.any():
            row = int(bad.argmax())
            what = "is zero" if largest[row] == 0 else "holds NaN or infinity"
            raise UserError(
                f"the vector of picture {pictures[start + row]} {what}: train the model again, or "
                "leave it out"
            )


def _parts(
    vectors: np.ndarray, pairs: Pairs, prior: float, scores: np.ndarray
) -> Iterator[Callable[[], None]]:
    """The work in parts that threads can take, each filling some of ``scores``."""
    layout = pairs.layout
    sparse = [np.empty(0, np.uint32)]
    for tile in layout.tiles:
        numbers = layout.pairs[tile.pairs]
        if not tile.known:
            scores[numbers] = prior
        elif tile.full:
            yield partial(_multiply, vectors, pairs, layout, tile, scores)
        else:
            sparse.append(numbers)
    numbers = np.concatenate(sparse)
    for start in range(0, len(numbers), _SPARSE):
        part = numbers[start : start + _SPARSE]
        yield partial(_gather, vectors, pairs, part, scores)


def _multiply(
    vectors: np.ndarray, pairs: Pairs, layout: Layout, tile: Tile, scores: np.ndarray
) -> None:
    """All products of two blocks, of which those of the pairs are kept."""
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
