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

BLOCK = 1024  # pictures, at most; a product of two blocks takes 4 MiB
_BITS = 10  # of a picture's position in its block
_FULL = 1 / 64  # a product's entry costs about 1/80 of gathering two rows of 512 numbers
_PARTNERS = 64  # pairs a picture that are looked at to find groups
_GATHERED = 512  # rows a side gathered together: 2 MiB of 512 numbers stay in a core's cache
_SORTED = 1 << 18  # pairs sorted together: 0.5 to 2 MiB an array stay in the cache
_TAKEN = 1 << 16  # pairs of a full tile taken together: 0.5 MiB an array stay in the cache
_SPARSE = 1 << 16  # pairs of sparse tiles that a thread takes together


Runs = tuple[slice, ...]


class Tile(NamedTuple):
    """The pairs of two blocks: the blocks' positions, columns never before rows, and the pairs."""

    rows: slice
    columns: slice
    pairs: Runs  # of ``PairScorer.order``

    @property
    def full(self) -> bool:
        """Whether a product of matrices is the cheaper way."""
        height, width = (part.stop - part.start for part in self[:2])
        return sum(run.stop - run.start for run in self.pairs) > _FULL * height * width


class PairScorer:
    """Scores pairs by vectors of any kind, such as unit embeddings or class probabilities."""

    def __init__(self, pictures: int, first: np.ndarray, second: np.ndarray):
        """Find the order in which to score pairs ``(pairs,)`` of rows, once for all channels.

        -1 is a picture that has no vector.
        """
        self.first, self.second = first, second
        groups = find_groups(pictures, first, second)
        self.pictures = np.argsort(groups, kind="stable")  # those that are paired are adjacent
        edges = _block_edges(np.bincount(groups))
        none = len(edges) - 1  # the number of blocks, and of the one without vectors
        blocks = np.repeat(np.arange(none), np.diff(edges))
        codes = np.empty(pictures + 1, np.int32)  # of each picture, and of -1: block and position
        codes[self.pictures] = blocks << _BITS | np.arange(pictures) - edges[blocks]
        codes[-1] = none << _BITS
        # The pairs' numbers by tile, chunk by chunk, and their places in a product of two blocks.
        self.order, self.entries = (np.empty(len(first), np.uint32) for _ in range(2))
        self.tiles = []
        for key, runs in self._sort(codes, none + 1):
            sides = divmod(key, none + 1)
            if none not in sides:
                rows, columns = (slice(*edges[side : side + 2].tolist()) for side in sides)
                self.tiles.append(Tile(rows, columns, runs))

    def _sort(self, codes: np.ndarray, blocks: int) -> Iterator[tuple[int, Runs]]:
        """Sort each chunk of pairs by tile, in threads; yield each tile and where its pairs are.

        ``codes`` are each picture's block and its position there; a tile is a number below
        ``blocks`` squared.
        """
        kind = np.uint16 if blocks <= 256 else np.uint32  # numpy sorts uint16 by radix
        inside = (1 << _BITS) - 1

        def sort(start: int) -> tuple[np.ndarray, np.ndarray]:
            part = slice(start, start + _SORTED)
            one, other = codes[self.first[part]], codes[self.second[part]]
            low, high = np.minimum(one, other), np.maximum(one, other)
            keys = ((low >> _BITS) * blocks + (high >> _BITS)).astype(kind)
            order = np.argsort(keys, kind="stable")
            self.order[part] = order + start
            self.entries[part] = ((low & inside) << _BITS | high & inside)[order]
            return np.unique(keys[order], return_counts=True)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(sort, range(0, len(self.first), _SORTED)))
        if not found:
            return
        keys, sizes = (np.concatenate(each) for each in zip(*found, strict=True))
        ends = np.cumsum(sizes)
        runs = np.stack([ends - sizes, ends], axis=1)
        by_tile = np.argsort(keys, kind="stable")
        tiles, firsts = np.unique(keys[by_tile], return_index=True)
        for tile, rows in zip(tiles.tolist(), np.split(by_tile, firsts[1:]), strict=True):
            yield tile, tuple(slice(*run) for run in runs[rows].tolist())

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Return the dot product of each pair's two rows of ``vectors``, ``(pairs,)`` float32.

        ``vectors`` is ``(pictures, d)`` float32. The scores equal float64 dot products to 1e-5 of
        the two norms' product. A pair of which a picture has no vector has 0.
        """
        from threadpoolctl import threadpool_limits

        vectors = np.ascontiguousarray(vectors, np.float32)
        scores = np.zeros(len(self.first), np.float32)
        # Threads of BLAS within ours would wait for one another, each with a core to itself.
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
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
                sparse += [self.order[run] for run in tile.pairs]
        numbers = np.concatenate(sparse)
        for start in range(0, len(numbers), _SPARSE):
            yield partial(self._gather, vectors, numbers[start : start + _SPARSE], scores)

    def _multiply(self, vectors: np.ndarray, tile: Tile, scores: np.ndarray) -> None:
        """All products of two blocks, of which those of the pairs are kept."""
        rows, columns = self.pictures[tile.rows], self.pictures[tile.columns]
        products = np.empty((len(rows), 1 << _BITS), np.float32)
        np.matmul(vectors[rows], vectors[columns].T, out=products[:, : len(columns)])
        for run in tile.pairs:
            for start in range(run.start, run.stop, _TAKEN):
                part = slice(start, min(start + _TAKEN, run.stop))
                numbers = self.order[part].astype(np.intp)  # as numpy takes them: converted once
                scores[numbers] = products.ravel().take(self.entries[part])

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
