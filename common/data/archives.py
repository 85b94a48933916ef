"""Files of folders and archives by name, read where they are, in any number of threads.

Zips and plain tars are read as they are. What has to be unpacked first (7z, a compressed tar, an
archive in an archive) is, once (``common.data.unpacking``).
"""

import errno
import io
import lzma
import mmap
import os
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
from common.data.records import FILE, MEMBER, SLICE
from common.errors import UserError
from common.inputs import as_given, listing

MOST_BYTES = 256_000_000  # of one file; what claims more is not read into memory
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".7z")
_OTHERS = {"Thumbs.db", "desktop.ini", "__MACOSX"}  # what systems put next to pictures
_UTF8 = 0x800  # the flag of a name in UTF-8, which macOS leaves out
_ENCRYPTED = 1
_DEEPEST = 16  # folders in one another: a link to a folder above has no end
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
    """Return an archive's name without its ending; empty for what is no archive by its name."""
    end = next(filter(name.lower().endswith, SUFFIXES), "")
    return name[: -len(end)] if end else ""


def locate(path: Path) -> Path:
    """Return ``path``, or the archive of that name next to it. Raises UserError without any."""
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        return path
    found = (path.with_name(path.name + end) for end in SUFFIXES)
    archive = next(filter(Path.is_file, found), None)
    if archive is None:
        raise UserError(
            f"{as_given(path)}: no such folder or archive ({', '.join(SUFFIXES)}); "
            f"{listing(path.parent)}"
        )
    return archive


def contents(path: Path) -> Contents:
    """Return the files of a folder or an archive at any depth, but for hidden ones.

    Archives in it are looked into, unless there is a folder of the same name: what ``cat.zip`` has
    is in ``cat/``. Raises UserError for what is no archive, is damaged, or has two files of one
    name.
    """
    if path.is_dir():
        return _in_folder(path, _DEEPEST)
    stat = path.stat()
    return _in_archive(path, stat.st_mtime_ns, stat.st_size, True)


def _in_folder(folder: Path, deepest: int) -> Contents:
    found: Contents = {}
    with os.scandir(folder) as entries:
        here = sorted((one for one in entries if _counts(one.name)), key=lambda one: one.name)
    folders = {one.name for one in here if one.is_dir()}
    for one in here:
        name, stem = nfc(one.name), archive_stem(one.name)
        if one.is_dir():
            inside = _in_folder(Path(one.path), deepest - 1) if deepest else {}
            found |= {f"{name}/{inner}": place for inner, place in inside.items()}
        elif stem:
            found |= {} if stem in folders else below(nfc(stem), contents(Path(one.path)))
        elif one.is_file():
            found[name] = Place(Path(one.path), 0, one.stat().st_size, FILE)
    return found


def below(folder: str, inside: Contents) -> Contents:
    """Return the contents of an archive with ``folder`` before their names, unless all have it."""
    if all(name.startswith(f"{folder}/") for name in inside):
        return inside
    return {f"{folder}/{name}": place for name, place in inside.items()}


@lru_cache(64)
def _in_archive(path: Path, changed: int, size: int, nests: bool) -> Contents:
    """The files of an archive, and of those in it where it ``nests``."""
    from common.data.unpacking import unpack, unpack_one

    name = path.name.lower()
    if name.endswith(".zip"):
        found = _in_zip(path)
    elif name.endswith(".tar"):
        found = _in_tar(path)
    else:
        found = unpack(path)
    inner = [one for one in found if archive_stem(one)] if nests else []
    for one in inner:
        place = found.pop(one)
        copy = unpack_one(path, one, place)
        stat = copy.stat()
        inside = _in_archive(copy, stat.st_mtime_ns, stat.st_size, False)
        folder, slash, name = one.rpartition("/")
        for file, where in below(archive_stem(name), inside).items():
            add(path, found, f"{folder}{slash}{file}", where)
    return found


def _in_zip(path: Path) -> Contents:
    found: Contents = {}
    for number, info in enumerate(_opened_zip(path).infolist()):
        name = _inside(info)
        if name.endswith("/") or not counts(name):
            continue
        if info.flag_bits & _ENCRYPTED:
            raise UserError(f"{as_given(path)}: {name} needs a password: unpack it")
        add(path, found, name, Place(path, number, info.file_size, MEMBER))
    return found


def _in_tar(path: Path) -> Contents:
    found: Contents = {}
    size = path.stat().st_size
    with open(path, "rb") as file, open_tar(path, file, "r:") as archive:
        for member in archive:
            if regular(path, member):
                if member.offset_data + member.size > size:
                    raise UserError(f"{as_given(path)} is cut short: fetch it again")
                place = Place(path, member.offset_data, member.size, SLICE)
                add(path, found, member.name, place)
    return found


def add(path: Path, found: Contents, name: str, place: Place) -> None:
    """Add a file of an archive. Raises UserError for one that leaves it, or is there already."""
    name = nfc(name).removeprefix("./")
    parts = name.split("/")
    if ".." in parts or name.startswith("/") or (len(parts[0]) > 1 and parts[0][1] == ":"):
        raise UserError(f"{as_given(path)}: {name} would be outside of it: make it anew")
    if name in found:
        raise UserError(f"{as_given(path)}: it has {name} twice: make it anew")
    found[name] = place


def counts(name: str) -> bool:
    """Return whether a file of an archive is one of the data's, and not a system's."""
    return all(map(_counts, name.split("/")))


def _counts(name: str) -> bool:
    """macOS adds ``._1.jpg`` to ``1.jpg``; names such as ``.`` and ``..`` are no files."""
    return name in (".", "..") or not (name.startswith(".") or name in _OTHERS)


def regular(path: Path, member: tarfile.TarInfo) -> bool:
    """Return whether a member is a file that counts. Raises UserError for a link or a device."""
    if member.isdir() or not counts(member.name):
        return False
    if not member.isreg() or member.issparse():
        raise UserError(f"{as_given(path)}: {member.name} is no plain file, but a link or device")
    return True


def _inside(info: zipfile.ZipInfo) -> str:
    """A file's path in a zip, with ``/`` between folders also where Windows made it."""
    name = info.filename
    if not info.flag_bits & _UTF8:
        with suppress(UnicodeError):  # else it is in another code page
            name = name.encode("cp437").decode()
    return nfc(name.replace("\\", "/"))


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


def in_words(path: Path, start: int, kind: int) -> str:
    """Return where a place is, for a message: a file, or an archive and the name in it."""
    from common.data.unpacking import origin

    archive, inside = origin(path)
    if kind == FILE:
        return f"{as_given(path)}"
    names = (name for name, one in contents(archive).items() if one[:2] == (path, start))
    return f"{as_given(archive)}: {next(names, inside or start)}"


def open_member(place: Place) -> IO[bytes]:
    """Open a file of an archive for reading from its beginning."""
    if place.kind == SLICE:
        mapped = _mapped(place.path, place.path.stat().st_mtime_ns)
        return io.BytesIO(mapped[place.start : place.start + place.bytes])
    archive = _opened_zip(place.path)
    return archive.open(archive.infolist()[place.start])


def _opened_zip(path: Path) -> zipfile.ZipFile:
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
    """Open a tar. Raises UserError when it, or what the block reads of it, cannot be read."""
    try:
        with tarfile.open(fileobj=file, mode=mode) as archive:
            yield archive
    except _DAMAGE as error:
        raise not_read(path, error, "tar") from None


def not_read(path: Path, error: Exception, kind: str) -> UserError:
    """Return what is wrong with an archive of a ``kind``, with what it is instead if that tells.

    Raises the error where it is that of a full disk, to which something is unpacked.
    """
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        raise error
    said = (str(error).strip().splitlines() or [type(error).__name__])[0][:100]
    if getattr(error, "errno", None) is None:  # else the disk says what is wrong
        with suppress(OSError), open(path, "rb") as file:
            what = nature(file.read(64))
            said = f"it is {what}" if what and kind not in what else said
    return UserError(f"{as_given(path)} cannot be read as a {kind}: {said}: fetch it again")
