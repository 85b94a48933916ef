"""Archives that cannot be read in any order, unpacked once into a temporary folder.

All files of one archive become one file on disk, one after the other: names of an archive name
nothing there. The folder goes with the process.
"""

import bz2
import gzip
import lzma
import shutil
import threading
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

from common.data import places
from common.data.places import Contents, Place
from common.data.records import MEMBER, SLICE
from common.errors import UserError
from common.inputs import as_given
from common.progress import report
from common.temporary import temporary_folder

MOST_BYTES = 500_000_000_000  # of all files of an archive
_SPARE = 500_000_000  # bytes of the disk that stay free
_BLOCK = 1 << 20
_SECONDS = 10.0  # between two lines of progress
_ORIGINS: dict[Path, tuple[Path, str]] = {}  # what was unpacked → its archive, and a name in it
_NUMBERS = iter(range(1 << 30))
_LOCK = threading.Lock()


def origin(path: Path) -> tuple[Path, str]:
    """Return the archive that an unpacked file is from, and its name in it; else the path."""
    inside = ""
    while path in _ORIGINS:
        path, name = _ORIGINS[path]
        inside = name or inside
    return path, inside


def unpack(path: Path) -> Contents:
    """Unpack a 7z or a compressed tar; return its files.

    Raises UserError for an archive that is damaged or of another kind, for a file in it that is a
    link or would be outside of it, and if its files need more than the disk has free.
    """
    kind = _unpack_7z if path.name.lower().endswith(".7z") else _unpack_tar
    with _writer(path) as writer:
        kind(path, writer)
    return writer.found


def unpack_one(path: Path, name: str, place: Place) -> Path:
    """Copy an archive that is in the archive ``path`` to a file of its own; return that."""
    with _writer(path, Path(name).name) as writer:
        writer.begin(name, place.bytes)
        try:
            for block in _blocks(place):
                writer.write(block)
        except (NotImplementedError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise places.not_read(path, error, "zip") from None
    _ORIGINS[writer.path] = (path, name)
    return writer.path


def _blocks(place: Place) -> Iterator[bytes]:
    if place.kind == MEMBER:
        with places.open_member(place) as file:
            yield from iter(lambda: file.read(_BLOCK), b"")
        return
    with open(place.path, "rb") as file:
        file.seek(place.start)
        for left in range(place.bytes, 0, -_BLOCK):
            yield file.read(min(_BLOCK, left))


class _Writer:
    """Writes files one after the other, in bounds of memory, disk and what they claim."""

    def __init__(self, archive: Path, path: Path, file: IO[bytes]):
        self.archive, self.path, self._file = archive, path, file
        self.found: Contents = {}
        self._end = self._left = 0
        self._free = min(MOST_BYTES, shutil.disk_usage(path.parent).free - _SPARE)
        self._said = time.monotonic()

    def check_room(self, needed: int) -> None:
        """Raise UserError where ``needed`` bytes are more than there is room for."""
        if needed > self._free:
            raise UserError(
                f"{as_given(self.archive)} unpacks to {needed / 1e9:.1f} GB, and there is room for "
                f"{max(0, self._free) / 1e9:.1f} GB in {self.path.parent}: set TMPDIR to a larger "
                f"disk"
            )

    def begin(self, name: str, size: int) -> None:
        """Begin a file of ``size`` bytes. Raises UserError where the one before has fewer."""
        self.end()
        self.check_room(self._end + size)
        places.add(self.archive, self.found, name, Place(self.path, self._end, size, SLICE))
        self._end, self._left = self._end + size, size

    def write(self, block: bytes) -> int:
        """Write a block of the file. Raises UserError for more than its archive says."""
        self._left -= len(block)
        if self._left < 0:
            name = next(reversed(self.found))
            raise UserError(f"{as_given(self.archive)}: {name} is larger than it says")
        if time.monotonic() > self._said + _SECONDS:
            report("unpacking", archive=self.archive.name, gb=round(self._end / 1e9, 2))
            self._said = time.monotonic()
        return self._file.write(block)

    def end(self) -> None:
        if self._left:
            raise UserError(f"{as_given(self.archive)} is cut short: fetch it again")

    def copy(self, file: IO[bytes]) -> None:
        for block in iter(lambda: file.read(_BLOCK), b""):
            self.write(block)


@contextmanager
def _writer(archive: Path, name: str = "files") -> Iterator[_Writer]:
    report("unpacking", archive=archive.name)
    with _LOCK:
        path = _folder() / f"{next(_NUMBERS)}-{name}"
    with open(path, "wb") as file:
        writer = _Writer(archive, path, file)
        yield writer
        writer.end()
    _ORIGINS[path] = (archive, "")


@cache
def _folder() -> Path:
    return temporary_folder("unpacked-")


def _unpack_tar(path: Path, writer: _Writer) -> None:
    opened: Any = {"gz": gzip.open, "xz": lzma.open}.get(path.name.lower()[-2:], bz2.open)
    with opened(path) as file, places.open_tar(path, file, "r|") as archive:
        for member in archive:
            if places.regular(path, member):
                writer.begin(member.name, member.size)
                content = archive.extractfile(member)
                assert content is not None
                writer.copy(content)
        while file.read(_BLOCK):  # to its end, where the sum of its bytes is
            pass


def _unpack_7z(path: Path, writer: _Writer) -> None:
    try:
        import py7zr
    except ImportError:
        raise UserError(
            f"{as_given(path)}: this needs the package py7zr: install it, or unpack the file"
        ) from None
    try:
        # Of a file that is open py7zr unpacks one part after the other, and not side by side.
        with open(path, "rb") as file, py7zr.SevenZipFile(file) as archive:
            sizes = _sizes_7z(path, archive.list())
            writer.check_room(sum(sizes.values()))
            archive.extract(_folder(), targets=list(sizes), factory=_factory_7z(writer, sizes))
    except UserError:
        raise
    except py7zr.PasswordRequired:
        raise UserError(f"{as_given(path)} needs a password: unpack it") from None
    except Exception as error:  # of a damaged file py7zr raises nearly everything
        raise places.not_read(path, error, "7z") from None


def _sizes_7z(path: Path, infos: Iterable[Any]) -> dict[str, int]:
    """The bytes of each file that counts, by its name in the 7z. Raises UserError as ``unpack``."""
    sizes: dict[str, int] = {}
    checked: Contents = {}
    for info in infos:
        if info.is_directory or not places.counts(info.filename):
            continue
        if info.is_symlink:
            raise UserError(f"{as_given(path)}: {info.filename} is a link: make it anew")
        places.add(path, checked, info.filename, Place(path, 0, 0, SLICE))
        sizes[info.filename] = info.uncompressed
    return sizes


def _factory_7z(writer: _Writer, sizes: dict[str, int]) -> Any:
    """What py7zr asks for a file to write to, for each member: all of them are the writer's."""
    from py7zr.io import Py7zIO, WriterFactory

    class Output(Py7zIO):
        def write(self, s: bytes | bytearray) -> int:
            return writer.write(bytes(s))

        def read(self, size: int | None = None) -> bytes:
            return b""

        def seek(self, offset: int, whence: int = 0) -> int:
            return 0

        def flush(self) -> None:
            pass

        def size(self) -> int:
            return 0

    class Factory(WriterFactory):
        def create(self, filename: str) -> Py7zIO:
            name = Path(filename).relative_to(_folder()).as_posix()
            writer.begin(name, sizes[name])
            return Output()

    return Factory()
