"""A csv file as text, by columns: what a solution and a submission are read from."""

import csv
from array import array
from dataclasses import dataclass
from pathlib import Path

import pandas as pd


class TableError(ValueError):
    """The file is no table; the message says why, after the file's name."""


@dataclass(frozen=True)
class Table:
    """The rows up to the first that has another number of cells than the header.

    Attributes:
        header: the first row; empty in an empty file.
        columns: text ``(rows,)`` by the names of the header. Blank lines are no rows.
        lines: the line of the file in which each row ends, and the uneven row after them.
        uneven: how many cells the row after the last of them has; None where there is none.
    """

    header: tuple[str, ...]
    columns: dict[str, pd.Series]
    lines: array
    uneven: int | None

    def __len__(self) -> int:
        return len(self.lines) - (self.uneven is not None)


def read_table(path: Path) -> Table:
    """Read a csv file. Raises TableError.

    pandas' own reader fills short rows and cuts long ones in silence.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = tuple(next(filter(None, reader), []))
            columns: list[list[str]] = [[] for _ in header]
            lines, uneven = array("q"), None
            for row in filter(None, reader):
                lines.append(reader.line_num)
                if len(row) != len(header):
                    uneven = len(row)
                    break
                for column, cell in zip(columns, row, strict=True):
                    column.append(cell)
    except FileNotFoundError:
        raise TableError("is not there") from None
    except OSError:
        raise TableError("cannot be opened as a file") from None
    except (UnicodeDecodeError, csv.Error):
        raise TableError("cannot be read as a csv file in UTF-8") from None
    series = [pd.Series(column, dtype=object) for column in columns]
    return Table(header, dict(zip(header, series, strict=True)), lines, uneven)
