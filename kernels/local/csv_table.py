"""A csv file as text, by columns: what a solution and a submission are read from."""

import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl

_ROWS = 500_000  # at a time: a row of Python's own lists takes ten times the memory of a column's


class TableError(ValueError):
    """The file is no table; the message says why, after the file's name."""


@dataclass(frozen=True)
class Table:
    """The rows up to the first that has another number of cells than the header.

    Attributes:
        header: the first row; empty in an empty file.
        columns: a series of text ``(rows,)`` for each name of the header.
        lines: the line of each row in the file, ``(rows,)`` int64. Blank lines are no rows.
        uneven: line and number of cells of the row that does not fit; None where all do.
    """

    header: tuple[str, ...]
    columns: tuple["pl.Series", ...]
    lines: np.ndarray
    uneven: tuple[int, int] | None

    def column(self, name: str) -> "pl.Series":
        """The cells of a column, ``(rows,)``."""
        return self.columns[self.header.index(name)]


def read_table(path: Path) -> Table:
    """Read a csv file. Raises TableError."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            rows = ((reader.line_num, row) for row in reader if row)
            header = tuple(next(rows, (0, []))[1])
            return _collect(header, rows)
    except FileNotFoundError:
        raise TableError("is not there") from None
    except OSError:
        raise TableError("cannot be opened as a file") from None
    except (UnicodeDecodeError, csv.Error):
        raise TableError("cannot be read as a csv file in UTF-8") from None


def _collect(header: tuple[str, ...], rows: Iterator[tuple[int, list[str]]]) -> Table:
    import polars as pl

    parts = [[pl.Series([], dtype=pl.String)] for _ in header]
    lines, uneven = [np.empty(0, np.int64)], None
    while uneven is None and (batch := list(itertools.islice(rows, _ROWS))):
        wrong = next((n for n, (_, row) in enumerate(batch) if len(row) != len(header)), None)
        if wrong is not None:
            uneven = (batch[wrong][0], len(batch[wrong][1]))
            batch = batch[:wrong]
        lines.append(np.array([line for line, _ in batch], np.int64))
        for part, cells in zip(parts, zip(*(row for _, row in batch), strict=True), strict=False):
            part.append(pl.Series(cells, dtype=pl.String))
    columns = tuple(pl.concat(part) for part in parts)
    return Table(header, columns, np.concatenate(lines), uneven)
