"""Pairs of pictures, read as ``Pictures`` are: both of a pair, one after the other."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from common.data.augment import resize
from common.data.pictures import Pictures
from common.data.records import Records
from common.data.squares import Square
from common.errors import UserError


class PairPictures(Pictures):
    """Pairs as ``(2, size, size, 3)`` uint8, by number; threads may read at the same time.

    As ``Pictures``, which its first pictures are; ``original`` and ``content`` are of these alone.

    Attributes:
        single: every picture once, however many pairs it is in.
        rows: ``(pairs, 2)``, the rows of ``single`` that a pair has.
    """

    rows_of: ClassVar[tuple[int, ...]] = (2,)

    def __init__(
        self, records: Records, size: int, cache: str = "none", square: Square | None = None
    ):
        first, _ = halves(records)
        super().__init__(first, size, "none", square)
        single, self.rows = distinct(records)
        self.records, self.single = records, Pictures(single, size, cache, square)

    def __getitem__(self, row: int) -> np.ndarray:
        """Return both pictures of a pair. Raises UserError when one cannot be decoded."""
        try:
            return np.stack([self.single[one] for one in self.rows[row]])
        except UserError as error:
            self.fault = error
            raise

    def whole(self, row: int, size: int) -> np.ndarray:
        """As Pictures', ``(2, size, size, 3)``."""
        return np.stack([self.single.whole(one, size) for one in self.rows[row]])

    def shown(self, row: int) -> np.ndarray:
        """Return both pictures in their own sizes, side by side, for people."""
        return side_by_side([self.single.original(one) for one in self.rows[row]])

    def check_headers(self, seconds: float) -> int:
        """As Pictures'; of how many pairs, were all pictures in as many."""
        return len(self) * self.single.check_headers(seconds) // max(1, len(self.single))

    def decode_all(self, seconds: float = math.inf) -> int:
        """As Pictures'; of how many pairs, were all pictures in as many."""
        return len(self) * self.single.decode_all(seconds) // max(1, len(self.single))


def open_records(
    records: Records, size: int, cache: str = "none", square: Square | None = None
) -> Pictures:
    """Return the pictures of records, or the pairs where they are pairs."""
    kind = Pictures if records.seconds is None else PairPictures
    return kind(records, size, cache, square)


def halves(records: Records) -> tuple[Records, Records]:
    """Return the first and the second pictures of pairs, each as records of single pictures."""
    assert records.seconds is not None
    first = replace(records, seconds=None)
    return first, replace(first, places=records.seconds)


def distinct(records: Records) -> tuple[Records, np.ndarray]:
    """Return the single pictures of pairs, each once, and the two rows of each, ``(pairs, 2)``."""
    first, second = halves(records)
    places = np.concatenate([first.places, second.places])
    _, firsts, rows = np.unique(places, axis=0, return_index=True, return_inverse=True)
    single = first.take(firsts % len(first))
    return replace(single, places=places[firsts]), rows.reshape(2, -1).T


def rows_of_pairs(pairs: Records, pictures: Records) -> np.ndarray:
    """Return which rows of ``pictures`` the two of each pair are, ``(pairs, 2)`` int64.

    Pictures are the same that lie at the same place. Raises KeyError for one that is not there.
    """
    known = {place: row for row, place in enumerate(_places(pictures))}
    found = [[known[place] for place in _places(half)] for half in halves(pairs)]
    return np.array(found, np.int64).reshape(2, -1).T


def _places(records: Records) -> list[tuple[Path, int]]:
    """Where each picture lies: its file, and where it begins there."""
    return [(records.files[number], start) for number, start, *_ in records.places.tolist()]


def side_by_side(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Return pictures ``(height, width, 3)`` in a row, as high as the first: uint8."""
    height = len(pictures[0])
    widths = [max(1, round(height * one.shape[1] / len(one))) for one in pictures]
    shapes = [(height, width) for width in widths]
    return np.concatenate([resize(*one) for one in zip(pictures, shapes, strict=True)], axis=1)
