"""Files of a data folder as they lie there or inside zips, read without unpacking."""

import csv
import io
import re
import threading
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from common.errors import UserError

MOST_BYTES = 256_000_000  # of one file; what claims more is not read into memory


@dataclass(frozen=True)
class Place:
    """Where a file is: itself, or inside a zip under the name ``inside``; and its bytes."""

    path: Path
    inside: str
    bytes: int


def places(path: Path) -> dict[str, Place]:
    """The files of a folder (not of those in it) or of a zip at any depth, by their own names.

    Raises UserError for what is no zip, and for one with two files of the same name.
    """
    if path.is_dir():
        files = (file for file in path.iterdir() if not file.name.startswith("."))
        return {file.name: Place(file, "", file.stat().st_size) for file in files if file.is_file()}
    found: dict[str, Place] = {}
    for info in _open_zip(path).infolist():
        inside = PurePosixPath(info.filename)
        if info.is_dir() or inside.name.startswith("."):
            continue
        if inside.name in found:
            both = f"{found[inside.name].inside} and {info.filename}"
            raise UserError(f"{path}: {both} have the same name: rename one of them")
        found[inside.name] = Place(path, info.filename, info.file_size)
    return found


class Reader:
    """Reads files where they are, in any number of threads; each zip is opened once."""

    def __init__(self) -> None:
        self._zips: dict[Path, zipfile.ZipFile] = {}
        self._lock = threading.Lock()

    def read(self, place: Place) -> bytes:
        """A file's bytes. Raises ValueError with the reason when they cannot be read."""
        if place.bytes > MOST_BYTES:
            raise ValueError(f"too large: a file of {place.bytes / 1e6:.0f} MB")
        if not place.inside:
            return place.path.read_bytes()
        with self._lock:
            if place.path not in self._zips:
                self._zips[place.path] = _open_zip(place.path)
        try:
            return self._zips[place.path].read(place.inside)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            said = str(error).partition("(")[0].strip()
            raise ValueError(f"damaged in {place.path.name}: {said}") from None


def find_table(root: Path, name: str) -> Path | None:
    """A csv file below ``root``: itself, in a folder of its name, or as ``.csv.zip``."""
    candidates = (root / name, root / name / name, root / f"{name}.zip")
    return next((path for path in candidates if path.is_file()), None)


@contextmanager
def open_table(path: Path) -> Iterator[io.TextIOBase]:
    """The text of a csv file, plain or the only one in a zip; a line at a time is in memory.

    A byte order mark, as spreadsheets write, is no part of it.
    """
    if path.suffix != ".zip":
        with open(path, newline="", encoding="utf-8-sig") as file:
            yield file
        return
    tables = [place for name, place in places(path).items() if name.endswith(".csv")]
    if len(tables) != 1:
        raise UserError(f"{path} holds {len(tables)} csv files: it should hold one")
    with _open_zip(path) as archive, archive.open(tables[0].inside) as packed:
        yield io.TextIOWrapper(packed, encoding="utf-8-sig", newline="")


def read_columns(path: Path, columns: Sequence[str]) -> Iterator[list[str]]:
    """The values of ``columns`` of each row that holds any, a row at a time.

    Raises UserError for a missing column and for a row that is not whole, with its line.
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
            at = [header.index(name) for name in columns]
            for row in filter(any, rows):
                if len(row) != len(header):
                    raise UserError(
                        f"{path}: line {rows.line_num} has {len(row)} values, the header "
                        f"{len(header)}: fetch the file again"
                    )
                yield [row[place] for place in at]
        except (csv.Error, UnicodeDecodeError, zipfile.BadZipFile, zlib.error) as error:
            where = f"after line {rows.line_num}"
            raise UserError(f"{path}: {where}: {error}: fetch the file again") from None


def natural(name: str) -> tuple[list[int], str]:
    """Sorts ``2.jpg`` before ``10.jpg``."""
    return [int(digits) for digits in re.findall(r"\d+", name)], name


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{path} cannot be read as a zip: {error}: fetch it again") from None
