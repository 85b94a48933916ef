"""Small csv files, plain or in a zip: all values as text, and no row that is cut short."""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.data.archives import open_zip, places
from common.errors import UserError


def find_table(root: Path, name: str) -> Path | None:
    """Return a csv file below ``root``: itself, in a folder of its name, or as ``.csv.zip``."""
    candidates = (root / name, root / name / name, root / f"{name}.zip")
    return next((path for path in candidates if path.is_file()), None)


@contextmanager
def open_table(path: Path) -> Iterator[io.TextIOBase]:
    """Open a csv file, plain or the only one in a zip; a line at a time is in memory.

    A byte order mark, as spreadsheets write, is no part of the text.
    """
    if path.suffix != ".zip":
        with open(path, newline="", encoding="utf-8-sig") as file:
            yield file
        return
    tables = [place for name, place in places(path).items() if name.endswith(".csv")]
    if len(tables) != 1:
        raise UserError(f"{path} has {len(tables)} csv files: it should have one")
    with open_zip(path) as archive, archive.open(tables[0].inside) as packed:
        yield io.TextIOWrapper(packed, encoding="utf-8-sig", newline="")


def read_columns(path: Path, columns: Sequence[str]) -> Iterator[list[str]]:
    """Yield the values of ``columns`` of each row that is not empty; for tables of any length.

    Raises UserError for a missing column and for a row with too few or too many values.
    """
    with open_table(path) as text:
        rows = csv.reader(text)
        try:
            header = next(rows, [])
            missing = [name for name in columns if name not in header]
            if missing:
                raise UserError(
                    f"{path}: no column {', '.join(missing)}; its columns are {', '.join(header)}: "
                    f"fetch the file again"
                )
            numbers = [header.index(name) for name in columns]
            for row in filter(any, rows):
                if len(row) != len(header):
                    raise UserError(
                        f"{path}: line {rows.line_num} has {len(row)} values, the header "
                        f"{len(header)}: fetch the file again"
                    )
                yield [row[number] for number in numbers]
        except (csv.Error, UnicodeDecodeError, zipfile.BadZipFile, zlib.error) as error:
            where = f"after line {rows.line_num}"
            raise UserError(f"{path}: {where}: {error}: fetch the file again") from None


def read_table(path: Path, columns: Sequence[str]) -> Any:
    """Read a small table as a ``pandas.DataFrame`` of text. Raises UserError as ``read_columns``.

    ``pandas.read_csv`` would fill up a short row in silence.
    """
    import pandas

    return pandas.DataFrame(read_columns(path, columns), columns=list(columns), dtype=str)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> Path:
    """Write a small table in UTF-8; return its path."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    return path
