"""In which order pairs are scored: tile by tile of the matrix of all pairs of pictures.

Pictures that are paired with each other are put next to each other and cut into blocks; the pairs
of two blocks are a tile. Where pairs are all those within groups, the tiles of a group are full
and all others are empty. Full enough, a tile costs less as a product of two matrices, of which
most entries may go unused, than as one dot product a pair.
"""

from dataclasses import dataclass

import numpy as np

BLOCK = 1024  # pictures; a product of two blocks takes 4 MiB
_FULL = 1 / 64  # a product's entry costs about 1/80 of gathering two rows of 512 numbers
_PARTNERS = 64  # pairs a picture that are looked at to find groups


@dataclass(frozen=True)
class Tile:
    """The pairs of two blocks.

    Attributes:
        rows: the positions of the one block.
        columns: the positions of the other, never before ``rows``; empty when a picture of each
            of these pairs has no vector.
        pairs: the part of ``Layout.pairs`` that they are.
    """

    rows: slice
    columns: slice
    pairs: slice

    @property
    def known(self) -> bool:
        """Whether both pictures of its pairs have vectors."""
        return self.columns.start < self.columns.stop

    @property
    def full(self) -> bool:
        """Whether a product of matrices is the cheaper way."""
        height, width, number = (s.stop - s.start for s in (self.rows, self.columns, self.pairs))
        return number > _FULL * height * width


@dataclass(frozen=True)
class Layout:
    """Pairs sorted by tile.

    Attributes:
        pictures: ``(pictures,)`` row numbers, those in pairs with each other adjacent.
        positions: ``(pictures,)`` int32, where each picture is in ``pictures``.
        pairs: ``(pairs,)`` uint32 numbers of the pairs, tile by tile.
        tiles: those that have pairs.
    """

    pictures: np.ndarray
    positions: np.ndarray
    pairs: np.ndarray
    tiles: tuple[Tile, ...]


def find_layout(pictures: int, first: np.ndarray, second: np.ndarray) -> Layout:
    """Return the layout of pairs ``(pairs,)`` of rows 0 to ``pictures - 1``; -1 is no picture."""
    groups = find_groups(pictures, first, second)
    order = np.argsort(groups, kind="stable")
    positions = np.empty(pictures, np.int32)
    positions[order] = np.arange(pictures, dtype=np.int32)
    edges = _edges(np.bincount(groups))
    number = len(edges)  # of blocks, and one of the pictures without a vector
    kind = np.uint16 if number <= 256 else np.uint32  # numpy sorts uint16 by radix
    blocks = np.append(np.searchsorted(edges, positions, side="right") - 1, number - 1).astype(kind)
    one, other = blocks[first], blocks[second]
    keys = np.minimum(one, other) * kind(number) + np.maximum(one, other)
    sizes = np.bincount(keys, minlength=number * number)
    starts, ends = [*edges.tolist(), int(edges[-1])], np.cumsum(sizes)
    tiles = []
    for key in np.flatnonzero(sizes).tolist():
        rows, columns = (slice(*starts[block : block + 2]) for block in divmod(key, number))
        end = int(ends[key])
        tiles.append(Tile(rows, columns, slice(end - int(sizes[key]), end)))
    pairs = np.argsort(keys, kind="stable").astype(np.uint32)
    return Layout(order, positions, pairs, tuple(tiles))


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


def _edges(sizes: np.ndarray) -> np.ndarray:
    """Where blocks begin, and the end: large groups cut evenly, small ones together."""
    edges, position, filled = [0], 0, 0
    for size in sizes.tolist():
        if filled and filled + size > BLOCK:
            edges.append(position)
            filled = 0
        pieces = -(-size // BLOCK)
        edges += [position + size * piece // pieces for piece in range(1, pieces)]
        position, filled = position + size, filled + size
    return np.array([*edges, position] if position else edges)
