"""Csv files, plain or in a zip: all values as text, and no row that is cut short.

pandas reads them with the header as the first row, so that a row with too many values is an error;
where a row ends in an empty cell, Python's csv module looks whether the row is whole.
"""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from common.data.archives import open_zip, places
from common.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 1 << 18  # read at a time: a submission may have millions


def find_table(root: Path, name: str) -> Path | None:
    """Return a csv file below ``root``: itself, in a folder of its name, or as ``.csv.zip``."""
    candidates = (root / name, root / name / name, root / f"{name}.zip")
    return next((path for path in candidates if path.is_file()), None)


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """Open a csv file, plain or the only one in a zip; a line at a time is in memory.

    A byte order mark, as spreadsheets write, is no part of the text. Raises UserError for a file
    that is missing or cannot be read.
    """
    try:
        if path.suffix != ".zip":
            with open(path, newline="", encoding="utf-8-sig") as file:
                yield file
            return
        tables = [place for name, place in places(path).items() if name.endswith(".csv")]
        if len(tables) != 1:
            raise UserError(f"{path} has {len(tables)} csv files: it should have one")
        with open_zip(path) as archive, archive.open(tables[0].inside) as packed:
            yield io.TextIOWrapper(packed, encoding="utf-8-sig", newline="")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zipfile.BadZipFile, zlib.error):
        raise UserError(f"{path}: not a csv file in UTF-8") from None


def read_header(path: Path) -> list[str]:
    """Return the first row of a csv file. Raises UserError for an empty one too."""
    with opened(path) as file:
        header = next(csv.reader(file), [])
    if not header:
        raise UserError(f"{path}: the file is empty")
    return header


def read_table(path: Path, columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """Return all rows of ``read_rows`` in one frame."""
    import pandas as pd

    return pd.concat(list(read_rows(path, columns)))


def read_columns(path: Path, columns: Sequence[str]) -> Iterator[list[str]]:
    """Yield the values of ``columns`` of each row of ``read_rows``; for tables of any length."""
    for rows in read_rows(path, columns):
        yield from rows.to_numpy().tolist()


def read_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator["pd.DataFrame"]:
    """Yield the rows of a csv file in frames of at most 262,144; one without rows if it has none.

    Every cell is text, an empty one is "". The index has each row's line in the file. Blank lines
    are skipped. ``columns`` are those to keep, all by default.

    Raises UserError as ``read_header``, for a missing column, and for a row that has another
    number of values than the header, with its line.
    """
    import pandas as pd

    header = read_header(path)
    chosen = header if columns is None else list(columns)
    missing = [name for name in chosen if name not in header]
    if missing:
        raise UserError(
            f"{path}: no column {', '.join(missing)}; its columns are {', '.join(header)}: fetch "
            f"the file again"
        )
    with opened(path) as file:
        parts = pd.read_csv(
            file,
            header=None,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            chunksize=_ROWS,
        )
        try:
            for number, rows in enumerate(parts):
                rows.columns, rows.index = pd.Index(header), rows.index + 1
                rows = rows if number else rows.iloc[1:]
                if (rows.iloc[:, -1] == "").any():
                    _check_widths(path, len(header))
                    rows = rows[(rows != "").any(axis=1)]
                yield rows[chosen]
        except pd.errors.ParserError:
            _check_widths(path, len(header))
            raise UserError(f"{path}: not a csv file in UTF-8") from None


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> Path:
    """Write a small table in UTF-8; return its path."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)  # with its own line ends, or a cell's "\r" is not quoted
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def _check_widths(path: Path, width: int) -> None:
    """Raise UserError for the first row that has another number of values than the header."""
    with opened(path) as file:
        reader = csv.reader(file)
        for row in reader:
            if row and len(row) != width:
                raise UserError(
                    f"{path}: line {reader.line_num} has {len(row)} values, the header {width}: "
                    f"fetch the file again"
                )
