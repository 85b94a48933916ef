"""A csv file as text, by columns: what a solution and a submission are read from."""

import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_ROWS = 500_000  # at a time: a row of Python's own lists takes ten times the memory of a column's


class TableError(ValueError):
    """The file is no table; the message says why, after the file's name."""


@dataclass(frozen=True)
class Table:
    """The rows up to the first that has another number of cells than the header.

    Attributes:
        path: of the file.
        header: the first row; empty in an empty file.
        columns: a series of text ``(rows,)`` for each name of the header. Blank lines are no rows.
        uneven: how many cells the row after the last of them has; None where there is none.
    """

    path: Path
    header: tuple[str, ...]
    columns: tuple["pl.Series", ...]
    uneven: int | None

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def column(self, name: str) -> "pl.Series":
        """The cells of a column, ``(rows,)``."""
        return self.columns[self.header.index(name)]

    def line(self, row: int) -> int:
        """The line of the file in which a row ends. Read again: only a message asks for it."""
        with open(self.path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            next(itertools.islice(filter(None, reader), row + 1, None))
            return reader.line_num


def read_table(path: Path) -> Table:
    """Read a csv file. Raises TableError."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = filter(None, csv.reader(file))
            header = tuple(next(rows, []))
            return Table(path, header, *_collect(len(header), rows))
    except FileNotFoundError:
        raise TableError("is not there") from None
    except OSError:
        raise TableError("cannot be opened as a file") from None
    except (UnicodeDecodeError, csv.Error):
        raise TableError("cannot be read as a csv file in UTF-8") from None


def _collect(width: int, rows: Iterator[list[str]]) -> tuple[tuple["pl.Series", ...], int | None]:
    """The columns of the rows that are ``width`` cells, and how many the next one has."""
    import polars as pl

    parts = [[pl.Series([], dtype=pl.String)] for _ in range(width)]
    uneven = None
    while uneven is None and (batch := list(itertools.islice(rows, _ROWS))):
        if set(map(len, batch)) != {width}:
            wrong = next(n for n, row in enumerate(batch) if len(row) != width)
            uneven, batch = len(batch[wrong]), batch[:wrong]
        for part, cells in zip(parts, zip(*batch, strict=True), strict=False):
            part.append(pl.Series(cells, dtype=pl.String))
    return tuple(pl.concat(part) for part in parts), uneven
