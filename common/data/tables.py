"""Csv files, plain or in an archive: all values as text, and no row that is cut short.

pandas reads them with the header as the first row, so that a row with too many values is an error;
where a row ends in an empty cell, Python's csv module looks whether the row is whole. What programs
write besides is read, too: UTF-16, a byte order mark, semicolons or tabs between the values, spaces
around the header's names, a column of row numbers without a name, lines without values.
"""

import codecs
import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, TextIO

from common.content import nature
from common.data.archives import contents
from common.data.places import SUFFIXES, archive_stem, open_member
from common.errors import UserError
from common.inputs import as_given
from common.text import some

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 1 << 18  # read at a time: a submission may have millions
_NAMED = 12  # columns in a message
_SEPARATORS = ",;\t"  # the first that is in the header
_NUMBERED = re.compile(r"(Unnamed: \d+)?")  # the header of a column of row numbers


class _Head(NamedTuple):
    names: list[str]  # as they are in the file
    separator: str
    above: int  # lines without values above it

    @property
    def stripped(self) -> list[str]:
        return [name.strip() for name in self.names]


def find_table(root: Path, name: str) -> Path | None:
    """Return a file below ``root``: itself, in a folder of its name, or packed (``.csv.zip``)."""
    packed = (root / f"{name}{end}" for end in SUFFIXES)
    candidates = (root / name, root / name / name, *packed)
    return next((path for path in candidates if path.is_file()), None)


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """Open a csv file, plain or the only one in an archive; of a zip a line at a time is in memory.

    A byte order mark, as spreadsheets write, is no part of the text. Raises UserError for a file
    that is missing or cannot be read.
    """
    try:
        with opened_bytes(path) as file:
            start = file.read(64)
            file.seek(0)
            wide = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            encoding = "utf-16" if wide else "utf-8-sig"
            yield io.TextIOWrapper(file, encoding=encoding, newline="")
    except FileNotFoundError:
        raise UserError(f"{as_given(path)}: no such file") from None
    except (OSError, EOFError, UnicodeError, csv.Error, zipfile.BadZipFile, zlib.error):
        raise _no_csv(path) from None


def _no_csv(path: Path) -> UserError:
    """What is no table, or another list, and what it is where its beginning tells."""
    if path.is_dir():
        return UserError(f"{as_given(path)}: a folder, not a file: fetch the file again")
    what, kind = "", "text" if path.suffix.lower() == ".txt" else "a csv file"
    with suppress(OSError), open(path, "rb") as file:
        what = "" if archive_stem(path.name) else nature(file.read(64))
    return UserError(f"{as_given(path)}: not {kind} in UTF-8{f', but {what}' if what else ''}")


@contextmanager
def opened_bytes(path: Path, ending: str = "csv") -> Iterator[IO[bytes]]:
    """Open a file, or the only one of that ending in an archive. Raises UserError, and OSError."""
    if not archive_stem(path.name):
        with open(path, "rb") as file:
            yield file
        return
    found = [one for name, one in contents(path).items() if name.lower().endswith(f".{ending}")]
    if len(found) != 1:
        raise UserError(f"{path} has {len(found)} {ending} files: it should have one")
    with open_member(found[0]) as packed:
        yield packed


def read_header(path: Path, exact: bool = False) -> list[str]:
    """Return the names of a csv file's columns, but for those that number its rows.

    ``exact`` returns the first row as it is, which no other program would read in another way.
    Raises UserError for an empty file too.
    """
    head = _head(path)
    if exact:
        return [head.separator.join(head.names)] if head.separator != "," else head.names
    named = [name for name in head.stripped if not _NUMBERED.fullmatch(name)]
    return named or head.stripped


def _head(path: Path) -> _Head:
    with opened(path) as file:
        for above, line in enumerate(file):
            if line.strip():
                separator = next((one for one in _SEPARATORS if one in line), ",")
                return _Head(next(csv.reader([line], delimiter=separator)), separator, above)
    raise UserError(f"{as_given(path)}: the file is empty")


def read_table(path: Path, columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """Return all rows of ``read_rows`` in one frame, which has the file's path in its ``attrs``."""
    import pandas as pd

    table = pd.concat(list(read_rows(path, columns)))
    table.attrs["path"] = str(as_given(path))
    return table


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

    head, named = _head(path), read_header(path)
    chosen = named if columns is None else list(columns)
    check_columns(path, chosen)
    with opened(path) as file:
        parts = pd.read_csv(
            file,
            header=None,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            chunksize=_ROWS,
            sep=head.separator,
            skiprows=head.above,
        )
        try:
            for number, rows in enumerate(parts):
                rows.columns, rows.index = pd.Index(head.stripped), rows.index + head.above + 1
                yield _with_values(path, rows if number else rows.iloc[1:], head)[chosen]
        except pd.errors.ParserError:
            _check_widths(path, head)
            raise _no_csv(path) from None


def _with_values(path: Path, rows: "pd.DataFrame", head: _Head) -> "pd.DataFrame":
    """The rows that have a value; around a header with spaces, without theirs."""
    alone = len(head.names) == 1
    if alone or (rows.iloc[:, -1] == "").any():
        _check_widths(path, head)
        rows = rows[rows.apply(lambda column: column.str.strip() != "").any(axis=1)]
    if head.stripped != head.names:
        rows = rows.apply(lambda column: column.str.strip())
    return rows


def check_columns(path: Path, wanted: Sequence[str], todo: str = "fetch the file again") -> None:
    """Raise UserError, with what is ``todo``, when a column is missing, or there twice."""
    header = _head(path).stripped
    twice = next((name for name in wanted if header.count(name) > 1), "")
    if twice:
        raise UserError(f"{as_given(path)}: its header has {twice} twice: rename one of them")
    missing = [name for name in wanted if name not in header]
    if missing:
        with opened_bytes(path) as file:
            what = nature(file.read(64))
        if what:
            has, todo = f"it is {what}", "fetch the file again"
        else:
            has = f"its columns are {some(header, _NAMED)}"
        raise UserError(f"{as_given(path)}: no column {some(missing, _NAMED)}; {has}: {todo}")


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> Path:
    """Write a small table in UTF-8; return its path."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)  # with its own line ends, or a cell's "\r" is not quoted
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def _check_widths(path: Path, head: _Head) -> None:
    """Raise UserError for the first row that has another number of values than the header."""
    with opened(path) as file:
        reader = csv.reader(file, delimiter=head.separator)
        for row in reader:
            if len(row) != len(head.names) and any(map(str.strip, row)):
                raise UserError(
                    f"{as_given(path)}: line {reader.line_num} has {len(row)} values, the header "
                    f"{len(head.names)}: fetch the file again"
                )
