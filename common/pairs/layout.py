"""In which order pairs are scored: tile by tile of the matrix of all pairs of pictures.

Pictures that are paired with each other are put next to each other and cut into blocks; the pairs
of two blocks are a tile. Where pairs are all those within groups, the tiles of a group are full
and all others are empty. Full enough, a tile costs less as a product of two matrices, of which
most entries may go unused, than as one dot product a pair.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

BLOCK = 1024  # pictures; a product of two blocks takes 4 MiB
_FULL = 1 / 64  # a product's entry costs about 1/80 of gathering two rows of 512 numbers
_CHUNK = 1 << 20  # pairs looked at together
_ROUNDS = 3
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
    def size(self) -> int:
        """How many pairs it has."""
        return self.pairs.stop - self.pairs.start

    @property
    def known(self) -> bool:
        """Whether both pictures of its pairs have vectors."""
        return self.columns.start < self.columns.stop

    @property
    def full(self) -> bool:
        """Whether a product of matrices is the cheaper way."""
        height, width = (part.stop - part.start for part in (self.rows, self.columns))
        return self.size > _FULL * height * width


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
    """The layout of pairs ``(pairs,)`` of rows 0 to ``pictures - 1``; -1 is no picture."""
    labels = find_groups(pictures, first, second)
    order = np.argsort(labels, kind="stable")
    positions = np.empty(pictures, np.int32)
    positions[order] = np.arange(pictures, dtype=np.int32)
    edges = _edges(np.unique(labels, return_counts=True)[1])
    blocks = np.searchsorted(edges, positions, side="right") - 1
    keys, sizes = _keys(np.append(blocks, len(edges) - 1), first, second)
    ends = np.cumsum(sizes)
    tiles = tuple(_tile(key, edges, ends) for key in np.flatnonzero(sizes).tolist())
    return Layout(order, positions, _by_tile(keys, sizes), tiles)


def find_groups(pictures: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A label ``(pictures,)`` for each picture: the same only for those that pairs connect.

    The least row among a picture and its partners labels it, which is the whole answer where
    groups are complete; a few more rounds join most of those that are not, and where pictures
    have many partners, some of them are enough. What stays apart costs time in scoring, not truth.
    """
    if len(first) > _PARTNERS * pictures:
        sample = np.random.default_rng(0).integers(0, len(first), _PARTNERS * pictures)
        first, second = first[sample], second[sample]
    labels = np.arange(pictures + 1, dtype=np.int32)  # the last is that of -1: joined to none
    for _ in range(_ROUNDS):
        before = labels.copy()
        for a, b in _chunks(first, second):
            np.minimum.at(labels, a, before[b])
            np.minimum.at(labels, b, before[a])
        labels[-1] = pictures
        labels = labels[labels]
        if all(_joined(labels, a, b) for a, b in _chunks(first, second)):
            break
    return labels[:-1]


def _joined(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> bool:
    apart = labels[first] != labels[second]
    return not np.any(apart & (first >= 0) & (second >= 0))


def _chunks(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, len(first), _CHUNK):
        part = slice(start, start + _CHUNK)
        yield first[part], second[part]


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


def _keys(
    blocks: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The tile of each pair, as a number, and how many pairs each has."""
    side = int(blocks[-1]) + 1
    kind = np.uint16 if side <= 256 else np.uint32  # numpy sorts uint16 by radix
    blocks = blocks.astype(kind)
    keys = np.empty(len(first), kind)
    sizes = np.zeros(side * side, np.int64)
    for number, (a, b) in enumerate(_chunks(first, second)):
        one, other = blocks[a], blocks[b]
        part = np.minimum(one, other) * side + np.maximum(one, other)
        keys[number * _CHUNK : number * _CHUNK + len(part)] = part
        sizes += np.bincount(part, minlength=len(sizes))
    return keys, sizes


def _by_tile(keys: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The numbers of the pairs ``(pairs,)`` uint32 sorted by key, in little memory."""
    pairs = np.empty(len(keys), np.uint32)
    filled = np.cumsum(sizes) - sizes
    for start in range(0, len(keys), _CHUNK):
        part = keys[start : start + _CHUNK]
        counts = np.bincount(part, minlength=len(sizes))
        filled += counts
        places = np.repeat(filled - np.cumsum(counts), counts) + np.arange(len(part))
        pairs[places] = np.argsort(part, kind="stable") + start
    return pairs


def _tile(key: int, edges: np.ndarray, ends: np.ndarray) -> Tile:
    starts = [*edges.tolist(), int(edges[-1])]  # after the last block, one with no picture
    rows, columns = (slice(*starts[block : block + 2]) for block in divmod(key, len(edges)))
    return Tile(rows, columns, slice(int(ends[key - 1]) if key else 0, int(ends[key])))
