"""Pairs of pictures: read from a csv as row numbers, their scores written as another.

Both ways go by pieces, so that memory is bounded by the numbers themselves, 16 bytes a pair.
Polars parses and formats, in threads. How pairs are scored is in ``common.pairs.scores``.
"""

import csv
import io
import os
import re
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, NoReturn, TypeVar

import numpy as np

from common.errors import UserError
from common.pairs.layout import Layout, find_layout

COLUMNS = ("index", "image1", "image2")
_PIECE = 16 << 20  # bytes parsed at a time
_SHORTEST = len("0,a,b\n")  # bytes that a pair takes at least
_ROWS = 1 << 20  # rows written at a time
_INTEGER = re.compile(r"-?\d{1,18}")

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Pairs:
    """Pairs of pictures, as rows of a list of pictures.

    Attributes:
        pictures: the names, in the order of the vectors.
        index: ``(pairs,)`` int64, a pair's number in the file it came from.
        first: ``(pairs,)`` int32 rows of ``pictures``; -1 is a picture that has no vector.
        second: as ``first``.
    """

    pictures: Sequence[str]
    index: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    @cached_property
    def layout(self) -> Layout:
        """The order in which to score them, found once for all channels."""
        return find_layout(len(self.pictures), self.first, self.second)


def read_pairs(path: Path, pictures: Sequence[str], unreadable: Collection[str] = ()) -> Pairs:
    """Read ``index,image1,image2``; the names become rows of ``pictures``.

    Where there is no ``path``, ``path`` with ``.zip`` appended is read: Kaggle keeps the csv files
    of its older competitions zipped. ``unreadable`` names pictures that have no vector. A pair of
    a picture with itself is refused: its answer is known, so a list that holds one was made wrong.

    Raises UserError naming the file and the line for a missing or damaged file, other columns, an
    index that is no integer or comes twice, any other picture, a picture paired with itself, and
    where there is no pair.
    """
    parser = _Parser(path, pictures, unreadable)
    with _opened(path) as (file, size), ThreadPoolExecutor(os.cpu_count()) as pool:
        _check_header(path, file.readline())
        parts = _in_order(pool, parser.rows, _pieces(file))
        index, first, second = _joined(parts, size // _SHORTEST)
    if not len(index):
        raise UserError(f"{path}: there is no pair below its header: download it again")
    _check_index(path, index)
    for column in (first, second):
        column[column >= len(pictures)] = -1
    return Pairs(tuple(pictures), index, first, second)


def write_pair_scores(
    path: Path, columns: tuple[str, str], index: np.ndarray, scores: np.ndarray
) -> Path:
    """Write ``index`` ``(pairs,)`` and ``scores`` ``(pairs,)`` float32 under the names ``columns``.

    A score has the digits that tell it from every other float32. Raises UserError for a score
    that is not finite, before anything is written.
    """
    import polars as pl

    if len(index) != len(scores):
        raise ValueError(f"{len(index)} indices but {len(scores)} scores")
    finite = np.isfinite(scores)
    if not finite.all():
        raise UserError(
            f"{path}: {np.sum(~finite)} scores are not finite, the first is that of pair "
            f"{index[finite.argmin()]}: nothing was written; look at the vectors it came from"
        )
    with open(path, "wb") as file:
        for start in range(0, max(1, len(index)), _ROWS):
            part = slice(start, start + _ROWS)
            frame = pl.DataFrame(dict(zip(columns, (index[part], scores[part]), strict=True)))
            frame.write_csv(file, include_header=start == 0)
    return path


class _Parser:
    """Turns lines of the csv into row numbers."""

    def __init__(self, path: Path, pictures: Sequence[str], unreadable: Collection[str]):
        import polars as pl

        self.path, self.names = path, dict.fromkeys(pictures)
        if len(self.names) < len(pictures):
            raise UserError(f"{path}: the list of pictures that it is read with repeats a name")
        self.names.update(dict.fromkeys(unreadable))
        self.numbers = pl.Enum(list(self.names))

    def rows(self, piece: tuple[int, bytes]) -> tuple[np.ndarray, ...]:
        """The columns of a piece, ``(line it begins at, bytes)``; unreadable pictures are last."""
        import polars as pl

        schema = dict(zip(COLUMNS, (pl.Int64, pl.String, pl.String), strict=True))
        numbered = pl.col(*COLUMNS[1:]).cast(self.numbers, strict=False).to_physical()
        try:
            frame = pl.read_csv(piece[1], has_header=False, schema=schema)
            frame = frame.with_columns(numbered)
        except pl.exceptions.PolarsError as error:
            self.refuse(*piece, str(error).partition("\n")[0])
        index, first, second = frame
        if any(column.null_count() for column in frame) or (first == second).any():
            self.refuse(*piece, "not a list of pairs")
        return index.to_numpy(), first.to_numpy(), second.to_numpy()

    def refuse(self, line: int, lines: bytes, otherwise: str) -> NoReturn:
        """Raises UserError for the first line at fault: read again, slowly."""
        number = line
        text = lines.decode("utf-8", errors="replace")
        if "\r" in text.replace("\r\n", "\n"):
            otherwise = "a line ends with a carriage return alone"
        try:
            for number, row in enumerate(csv.reader(io.StringIO(text, newline="")), start=line):
                fault = self.fault(row)
                if fault:
                    raise UserError(f"{self.path} line {number}: {fault}")
        except csv.Error as error:
            otherwise = str(error)
        raise UserError(f"{self.path} lines {line} to {number}: {otherwise}: download it again")

    def fault(self, row: Sequence[str]) -> str:
        """What is wrong with a row; empty when nothing is."""
        if len(row) != len(COLUMNS):
            return f"{len(row)} values where {','.join(COLUMNS)} are wanted: mend the line"
        if not _INTEGER.fullmatch(row[0]):
            return f"index {row[0]!r} is not an integer: mend the line"
        unknown = [name for name in row[1:] if name not in self.names]
        if unknown:
            return (
                f"image {unknown[0]!r} is none of the {len(self.names)} pictures: use the "
                "pictures and the pairs of one download"
            )
        return f"{row[1]} is paired with itself: leave the line out" if row[1] == row[2] else ""


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """The csv, or the one in the zip archive beside it, and how many bytes it has."""
    archive = path.with_name(path.name + ".zip")
    try:
        if path.exists() or not archive.exists():
            with open(path, "rb") as file:
                yield file, os.fstat(file.fileno()).st_size
        else:
            with zipfile.ZipFile(archive) as zipped, zipped.open(path.name) as file:
                yield file, zipped.getinfo(path.name).file_size
    except FileNotFoundError:
        raise UserError(f"{path}: no such file, nor {archive.name} beside it") from None
    except IsADirectoryError:
        raise UserError(f"{path}: it is a folder, not a file: name the file in it") from None
    except KeyError:
        raise UserError(f"{archive}: it holds no {path.name}: download it again") from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UserError(f"{archive}: a damaged archive ({error}): download it again") from None


def _check_header(path: Path, line: bytes) -> None:
    found = line.decode("utf-8-sig", errors="replace").strip()
    if not found:
        raise UserError(f"{path}: it does not begin with the header {','.join(COLUMNS)}")
    if "\r" in found:
        raise UserError(f"{path} line 1: its lines end with a carriage return alone: mend them")
    if tuple(next(csv.reader([found[:500]]))) != COLUMNS:
        raise UserError(f"{path} line 1: the header is {found[:80]}, not {','.join(COLUMNS)}")


def _pieces(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Whole lines, about ``_PIECE`` bytes of them, each time with the number of the first."""
    line = 2
    while piece := file.read(_PIECE):
        piece += file.readline()
        yield line, piece
        line += piece.count(b"\n")


def _in_order(
    pool: ThreadPoolExecutor, call: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """``pool.map`` that takes no more items than the machine has cores before yielding."""
    waiting: deque[Future[Any]] = deque()
    for item in items:
        waiting.append(pool.submit(call, item))
        if len(waiting) > (os.cpu_count() or 1):
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _joined(parts: Iterable[Sequence[np.ndarray]], most: int) -> list[np.ndarray]:
    """The three columns of all parts, which have no more than ``most`` rows together.

    Room that stays empty is never touched, so it takes no memory; growing or joining would take
    twice what is there.
    """
    columns = [np.empty(most, kind) for kind in (np.int64, np.int32, np.int32)]
    end = 0
    for part in parts:
        start, end = end, end + len(part[0])
        for column, values in zip(columns, part, strict=True):
            column[start:end] = values
    return [column[:end] for column in columns]


def _check_index(path: Path, index: np.ndarray) -> None:
    if np.all(index[1:] > index[:-1]):  # as Kaggle writes it: no need to sort
        return
    order = np.argsort(index, kind="stable")
    again = np.flatnonzero(index[order[1:]] == index[order[:-1]])
    if len(again):
        first, second = order[again[0]] + 2, order[again[0] + 1] + 2
        raise UserError(
            f"{path} lines {first} and {second}: both have index {index[order[again[0]]]}: "
            "leave one out"
        )
