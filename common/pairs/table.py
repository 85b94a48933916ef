"""Pairs of pictures: read from a csv as row numbers, their scores written as another.

Polars parses and formats, in threads: there are millions of pairs. How pairs are scored is in
``common.pairs.scores``.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.pairs.layout import Layout, find_layout

COLUMNS = ("index", "image1", "image2")
_HEADER = ",".join(COLUMNS)
_INTEGER = re.compile(r"-?\d{1,18}")


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
    a picture with itself is refused: its answer is known, so a list that has one was made wrong.

    Raises UserError naming the file and the line for a missing or damaged file, other columns, an
    index that is no integer or comes twice, any other picture, a picture paired with itself, and
    where there is no pair.
    """
    import polars as pl

    names = dict.fromkeys(pictures)
    if len(names) < len(pictures):
        raise UserError(f"{path}: the list of pictures that it is read with repeats a name")
    names.update(dict.fromkeys(unreadable))
    table = _contents(path)
    _check_header(path, table)
    schema = dict(zip(COLUMNS, (pl.Int64, pl.String, pl.String), strict=True))
    numbers = pl.col(*COLUMNS[1:]).cast(pl.Enum(list(names)), strict=False).to_physical()
    try:
        scan = pl.scan_csv(table, has_header=False, skip_rows=1, schema=schema)
        frame = scan.with_columns(numbers.cast(pl.Int32)).collect(engine="streaming")
    except pl.exceptions.NoDataError:
        raise UserError(f"{path}: there is no pair below its header: download it again") from None
    except pl.exceptions.PolarsError:
        raise _first_fault(path, table, names) from None
    if any(column.null_count() for column in frame) or (frame["image1"] == frame["image2"]).any():
        raise _first_fault(path, table, names)
    if not len(frame):
        raise UserError(f"{path}: there is no pair below its header: download it again")
    index, first, second = (np.array(column) for column in frame)
    _check_index(path, index)
    for column in (first, second):
        column[column >= len(pictures)] = -1
    return Pairs(tuple(pictures), index, first, second)


def write_pair_scores(
    path: Path, columns: tuple[str, str], index: np.ndarray, scores: np.ndarray
) -> Path:
    """Write ``index`` ``(pairs,)`` and ``scores`` ``(pairs,)`` float32 under the names ``columns``.

    A score has the digits that distinguish it from every other float32. Raises UserError for a
    score that is not finite, before anything is written.
    """
    import polars as pl

    finite = np.isfinite(scores)
    if not finite.all():
        raise UserError(
            f"{path}: {np.sum(~finite)} scores are not finite, the first is that of pair "
            f"{index[finite.argmin()]}: nothing was written; look at the vectors it came from"
        )
    pl.DataFrame(dict(zip(columns, (index, scores), strict=True))).write_csv(path)
    return path


def _contents(path: Path) -> Path | bytes:
    """The csv itself, or the bytes of the one in the zip archive next to it."""
    archive = path.with_name(path.name + ".zip")
    if path.is_dir():
        raise UserError(f"{path}: it is a folder, not a file: name the file in it")
    if path.exists():
        return path
    try:
        with zipfile.ZipFile(archive) as zipped:
            return zipped.read(path.name)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file, nor {archive.name} next to it") from None
    except KeyError:
        raise UserError(f"{archive}: it has no {path.name}: download it again") from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UserError(f"{archive}: a damaged archive ({error}): download it again") from None


def _lines(table: Path | bytes) -> Iterable[str]:
    file = io.BytesIO(table) if isinstance(table, bytes) else io.FileIO(table)
    with io.TextIOWrapper(
        io.BufferedReader(file), "utf-8-sig", errors="replace", newline=""
    ) as text:
        yield from text


def _check_header(path: Path, table: Path | bytes) -> None:
    line = next(iter(_lines(table)), "")
    if line.endswith("\r"):
        raise UserError(f"{path} line 1: its lines end with a carriage return alone: mend them")
    line = line.rstrip()
    if tuple(next(csv.reader([line[:500]]), ())) != COLUMNS:
        raise UserError(f"{path} line 1: the header is {line[:80]!r}, not {_HEADER}")


def _first_fault(path: Path, table: Path | bytes, names: Collection[str]) -> UserError:
    """What is wrong with the first wrong line: read again, slowly."""
    reader, otherwise = csv.reader(_lines(table)), "not a list of pairs"
    try:
        for row in reader:
            fault = _fault(row, names) if reader.line_num > 1 else ""
            if fault:
                return UserError(f"{path} line {reader.line_num}: {fault}")
    except csv.Error as error:
        otherwise = str(error)
    return UserError(f"{path} line {reader.line_num}: {otherwise}: download it again")


def _fault(row: Sequence[str], names: Collection[str]) -> str:
    """What is wrong with a row; empty when nothing is."""
    if len(row) != len(COLUMNS):
        return f"{len(row)} values where {_HEADER} are wanted: mend the line"
    if not _INTEGER.fullmatch(row[0]):
        return f"index {row[0]!r} is not an integer: mend the line"
    unknown = [name for name in row[1:] if name not in names]
    if unknown:
        return (
            f"image {unknown[0]!r} is none of the {len(names)} pictures: use the pictures and the "
            f"pairs of one download"
        )
    return f"{row[1]} is paired with itself: remove the line" if row[1] == row[2] else ""


def _check_index(path: Path, index: np.ndarray) -> None:
    if np.all(index[1:] > index[:-1]):  # as Kaggle writes it: no need to sort
        return
    order = np.argsort(index, kind="stable")
    again = np.flatnonzero(index[order[1:]] == index[order[:-1]])
    if len(again):
        first, second = order[again[0]] + 2, order[again[0] + 1] + 2
        raise UserError(
            f"{path} lines {first} and {second}: both have index {index[order[again[0]]]}: "
            f"remove one"
        )
