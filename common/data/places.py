"""Where files are in folders and archives, and their bytes, read in any number of threads."""

import errno
import io
import lzma
import mmap
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

from common.content import nature
from common.data.names import nfc
from common.data.records import FILE, SLICE
from common.errors import UserError
from common.inputs import as_given

MOST_BYTES = 256_000_000  # of one file; what claims more is not read into memory
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".7z")
_OTHERS = {"Thumbs.db", "desktop.ini", "__MACOSX"}  # what systems put next to pictures
_LOCK = threading.Lock()
_DAMAGE = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)


class Place(NamedTuple):
    """Where a file's bytes are.

    Attributes:
        path: a file on disk.
        start: the first byte in it; of a ``MEMBER`` its number in the zip.
        bytes: how many there are, unpacked.
        kind: ``FILE``, ``SLICE`` or ``MEMBER`` (``common.data.records``).
    """

    path: Path
    start: int
    bytes: int
    kind: int


Contents = dict[str, Place]  # by path in the folder or archive, in NFC, with "/" between


def archive_stem(name: str) -> str:
    """Return an archive's name without its ending; empty for the name of any other file."""
    end = next(filter(name.lower().endswith, SUFFIXES), "")
    return name[: -len(end)] if end else ""


def counts(name: str) -> bool:
    """Return whether a file of an archive is one of the data's, and not a system's."""
    return all(map(is_data, name.split("/")))


def is_data(name: str) -> bool:
    """Return whether a file or folder is one of the data's by its own name.

    macOS adds ``._1.jpg`` to ``1.jpg``; names such as ``.`` and ``..`` are no files.
    """
    return name in (".", "..") or not (name.startswith(".") or name in _OTHERS)


def add(path: Path, found: Contents, name: str, place: Place) -> None:
    """Add a file of an archive. Raises UserError for a path outside of it, or one it has twice."""
    name = nfc(name).removeprefix("./")
    parts = name.split("/")
    if ".." in parts or name.startswith("/") or (len(parts[0]) > 1 and parts[0][1] == ":"):
        raise UserError(f"{as_given(path)}: {name} would be outside of it: make it anew")
    if name in found:
        raise UserError(f"{as_given(path)}: it has {name} twice: make it anew")
    found[name] = place


def regular(path: Path, member: tarfile.TarInfo) -> bool:
    """Return whether a member is a file that counts. Raises UserError for a link or a device."""
    if member.isdir() or not counts(member.name):
        return False
    if not member.isreg() or member.issparse():
        raise UserError(f"{as_given(path)}: {member.name} is no plain file, but a link or device")
    return True


def read(place: Place, most: int = -1) -> bytes:
    """Return a file's bytes, or its first ``most``.

    Raises ValueError with the reason when they cannot be read, and OSError.
    """
    if place.bytes > MOST_BYTES and most < 0:
        raise ValueError(f"too large: a file of {place.bytes / 1e6:.0f} MB")
    if not place.bytes:
        return b""
    if place.kind == SLICE:
        length = place.bytes if most < 0 else min(most, place.bytes)
        mapped = _mapped(place.path, place.path.stat().st_mtime_ns)
        return mapped[place.start : place.start + length]
    if place.kind == FILE:
        with open(place.path, "rb") as file:
            return file.read(most)
    try:
        with open_member(place) as file:
            return file.read(most)
    except NotImplementedError:  # Deflate64, as Windows packs what is over 2 GB
        raise ValueError(f"packed in a way of Windows in {place.path.name}: unpack it") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        reason = str(error).partition("(")[0].strip()
        raise ValueError(f"damaged in {place.path.name}: {reason}") from None


def open_member(place: Place) -> IO[bytes]:
    """Open a file of an archive for reading from its beginning."""
    if place.kind == SLICE:
        mapped = _mapped(place.path, place.path.stat().st_mtime_ns)
        return io.BytesIO(mapped[place.start : place.start + place.bytes])
    archive = opened_zip(place.path)
    return archive.open(archive.infolist()[place.start])


def opened_zip(path: Path) -> zipfile.ZipFile:
    """Return a zip, opened once. Raises UserError when it cannot be read."""
    with _LOCK:
        return _kept_zip(path, path.stat().st_mtime_ns)


@lru_cache(64)
def _kept_zip(path: Path, changed: int) -> zipfile.ZipFile:
    return open_zip(path)


@lru_cache(64)
def _mapped(path: Path, changed: int) -> mmap.mmap:
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip. Raises UserError when it cannot be read."""
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise not_read(path, error, "zip") from None


@contextmanager
def open_tar(path: Path, file: Any, mode: Literal["r:", "r|"]) -> Iterator[tarfile.TarFile]:
    """Open a tar. Raises UserError when it cannot be read, also later in the ``with`` block."""
    try:
        with tarfile.open(fileobj=file, mode=mode) as archive:
            yield archive
    except _DAMAGE as error:
        raise not_read(path, error, "tar") from None


def not_read(path: Path, error: Exception, kind: str) -> UserError:
    """Return what is wrong with an archive of a ``kind``, and what it is instead if it shows.

    Raises the ``error`` itself if the disk to which the archive is unpacked is full.
    """
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        raise error
    said = (str(error).strip().splitlines() or [type(error).__name__])[0][:100]
    if getattr(error, "errno", None) is None:  # else the disk says what is wrong
        with suppress(OSError), open(path, "rb") as file:
            what = nature(file.read(64))
            said = f"it is {what}" if what and kind not in what else said
    return UserError(f"{as_given(path)} cannot be read as a {kind}: {said}: fetch it again")
