"""Scores of pairs: the dot product of two pictures' vectors, for any structure of the pairs.

Pictures that are paired with each other are put next to each other and cut into blocks; the pairs
of two blocks are a tile. Where pairs are all those within groups, the tiles of a group are full
and all others are empty. Full enough, a tile costs less as a product of two matrices, of which
most entries may go unused, than as one dot product a pair, for which rows are gathered.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np

BLOCK = 1024  # pictures; a product of two blocks takes 4 MiB
_FULL = 1 / 64  # a product's entry costs about 1/80 of gathering two rows of 512 numbers
_PARTNERS = 64  # pairs a picture that are looked at to find groups
_GATHERED = 512  # rows a side gathered together: 2 MiB of 512 numbers stay in a core's cache
_TAKEN = 1 << 16  # pairs of a full tile taken together: 0.5 MiB an array stay in the cache
_SPARSE = 1 << 16  # pairs of sparse tiles that a thread takes together


class Tile(NamedTuple):
    """The pairs of two blocks: the blocks' positions, columns never before rows, and the pairs."""

    rows: slice
    columns: slice
    pairs: slice

    @property
    def full(self) -> bool:
        """Whether a product of matrices is the cheaper way."""
        height, width, number = (part.stop - part.start for part in self)
        return number > _FULL * height * width


class PairScorer:
    """Scores pairs by vectors of any kind, such as unit embeddings or class probabilities."""

    def __init__(self, pictures: int, first: np.ndarray, second: np.ndarray):
        """Find the order in which to score pairs ``(pairs,)`` of rows, once for all channels.

        -1 is a picture that has no vector.
        """
        self.first, self.second = first, second
        groups = find_groups(pictures, first, second)
        self.pictures = np.argsort(groups, kind="stable")  # those that are paired are adjacent
        self.positions = np.empty(pictures, np.int32)  # of each picture in ``pictures``
        self.positions[self.pictures] = np.arange(pictures, dtype=np.int32)
        edges = _block_edges(np.bincount(groups))
        none = len(edges) - 1  # the number of blocks, and of the one without vectors
        kind = np.uint16 if none < 256 else np.uint32  # numpy sorts uint16 by radix
        blocks = np.searchsorted(edges, self.positions, side="right") - 1
        blocks = np.append(blocks, none).astype(kind)
        one, other = blocks[first], blocks[second]
        keys = np.minimum(one, other) * kind(none + 1) + np.maximum(one, other)
        self.order = np.argsort(keys, kind="stable").astype(np.uint32)  # tile by tile
        sizes = np.bincount(keys)
        ends = np.cumsum(sizes)
        self.tiles = []
        for key in np.flatnonzero(sizes).tolist():
            sides = divmod(key, none + 1)
            if none not in sides:
                rows, columns = (slice(*edges[side : side + 2].tolist()) for side in sides)
                pairs = slice(int(ends[key] - sizes[key]), int(ends[key]))
                self.tiles.append(Tile(rows, columns, pairs))

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Return the dot product of each pair's two rows of ``vectors``, ``(pairs,)`` float32.

        ``vectors`` is ``(pictures, d)`` float32. The scores equal float64 dot products to 1e-5 of
        the two norms' product. A pair of which a picture has no vector has 0.
        """
        vectors = np.ascontiguousarray(vectors, np.float32)
        scores = np.zeros(len(self.first), np.float32)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for done in [pool.submit(part) for part in self._parts(vectors, scores)]:
                done.result()
        return scores

    def _parts(self, vectors: np.ndarray, scores: np.ndarray) -> Iterator[Callable[[], None]]:
        """The work in parts that threads can take, each filling some of ``scores``."""
        sparse = [np.empty(0, np.uint32)]
        for tile in self.tiles:
            if tile.full:
                yield partial(self._multiply, vectors, tile, scores)
            else:
                sparse.append(self.order[tile.pairs])
        numbers = np.concatenate(sparse)
        for start in range(0, len(numbers), _SPARSE):
            yield partial(self._gather, vectors, numbers[start : start + _SPARSE], scores)

    def _multiply(self, vectors: np.ndarray, tile: Tile, scores: np.ndarray) -> None:
        """All products of two blocks, of which those of the pairs are kept."""
        rows, columns = self.pictures[tile.rows], self.pictures[tile.columns]
        products = (vectors[rows] @ vectors[columns].T).ravel()
        for start in range(tile.pairs.start, tile.pairs.stop, _TAKEN):
            part = slice(start, min(start + _TAKEN, tile.pairs.stop))
            numbers = self.order[part].astype(np.intp)  # as numpy takes them: converted once
            first, second = (
                self.positions.take(side.take(numbers)) for side in (self.first, self.second)
            )
            low = np.minimum(first, second) - tile.rows.start
            high = np.maximum(first, second) - tile.columns.start
            scores[numbers] = products.take(low * len(columns) + high)

    def _gather(self, vectors: np.ndarray, numbers: np.ndarray, scores: np.ndarray) -> None:
        """One dot product a pair."""
        for start in range(0, len(numbers), _GATHERED):
            part = numbers[start : start + _GATHERED]
            first, second = vectors[self.first[part]], vectors[self.second[part]]
            scores[part] = np.einsum("ij,ij->i", first, second)


def find_groups(pictures: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return a number ``(pictures,)`` for each picture: the same for those that pairs connect.

    Where pictures have many partners, some of them are enough. A picture that stays apart costs
    time in scoring, and changes no score.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if len(first) > _PARTNERS * pictures:
        sample = np.random.default_rng(0).integers(0, len(first), _PARTNERS * pictures)
        first, second = first[sample], second[sample]
    known = (first >= 0) & (second >= 0)
    ends = (first[known], second[known])
    graph = coo_array((np.ones(len(ends[0])), ends), shape=(pictures, pictures))
    return np.asarray(connected_components(graph, directed=False)[1])


def _block_edges(sizes: np.ndarray) -> np.ndarray:
    """Where blocks begin, and the end: large groups cut evenly, small ones together."""
    edges, position, filled = [0], 0, 0
    for size in sizes.tolist():
        if filled and filled + size > BLOCK:
            edges.append(position)
            filled = 0
        pieces = -(-size // BLOCK)
        edges += [position + size * piece // pieces for piece in range(1, pieces)]
        position, filled = position + size, filled + size
    return np.array([*edges, position])
