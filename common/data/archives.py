"""The files of folders and archives, by name.

Zips and plain tars are read as they are. What has to be unpacked first (7z, a compressed tar, an
archive in an archive) is, once (``common.data.unpacking``).
"""

import os
import stat
import zipfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from common.data.names import nfc
from common.data.places import (
    SUFFIXES,
    Contents,
    Place,
    add,
    archive_stem,
    counts,
    is_data,
    open_tar,
    opened_zip,
    regular,
)
from common.data.records import FILE, MEMBER, SLICE
from common.data.unpacking import origin, unpack, unpack_one
from common.errors import UserError
from common.inputs import as_given, listing

_UTF8 = 0x800  # the flag of a name in UTF-8, which macOS leaves out
_ENCRYPTED = 1
_DEEPEST = 16  # folders in one another: a link to a folder above has no end


def locate(path: Path) -> Path:
    """Return ``path``, or the archive of that name next to it.

    Raises UserError without any, and for an empty folder or a file that is no archive.
    """
    named = path.is_file() and archive_stem(path.name)
    if named or (path.is_dir() and any(path.iterdir())):
        return path
    found = (path.with_name(path.name + end) for end in SUFFIXES)
    archive = next(filter(Path.is_file, found), None)
    if archive is None:
        kinds = ", ".join(SUFFIXES)
        fault = f"no such folder or archive ({kinds})"
        if path.is_dir():
            fault = "the folder is empty, and there is no archive of its name"
        elif path.is_file():
            fault = f"this file is no archive ({kinds}): name the folder of the pictures"
        raise UserError(f"{as_given(path)}: {fault}; {listing(path.parent)}")
    return archive


def contents(path: Path) -> Contents:
    """Return the files of a folder or an archive at any depth, but for hidden ones.

    Archives in it are looked into, unless there is a folder of the same name: what ``cat.zip`` has
    is in ``cat/``. Links to what is not there are no files. Raises UserError for what is no
    archive, is damaged, or has two files of one name.
    """
    if path.is_dir():
        return _in_folder(path, _DEEPEST)
    file = path.stat()
    return _in_archive(path, file.st_mtime_ns, file.st_size, True)


def _in_folder(folder: Path, deepest: int) -> Contents:
    found: Contents = {}
    with os.scandir(folder) as entries:
        here = sorted((one for one in entries if _is_there(one)), key=lambda one: one.name)
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


def _is_there(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry of a folder is one of the data's, and no link to what is not there."""
    return is_data(entry.name) and not (entry.is_symlink() and not os.path.exists(entry.path))


def below(folder: str, inside: Contents) -> Contents:
    """Return the contents of an archive with ``folder`` before their names, unless all have it."""
    if all(name.startswith(f"{folder}/") for name in inside):
        return inside
    return {f"{folder}/{name}": place for name, place in inside.items()}


@lru_cache(64)
def _in_archive(path: Path, changed: int, size: int, nests: bool) -> Contents:
    """The files of an archive, and of those in it where it ``nests``."""
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
        file = copy.stat()
        inside = _in_archive(copy, file.st_mtime_ns, file.st_size, False)
        folder, slash, name = one.rpartition("/")
        for own, where in below(archive_stem(name), inside).items():
            add(path, found, f"{folder}{slash}{own}", where)
    return found


def _in_zip(path: Path) -> Contents:
    found: Contents = {}
    for number, info in enumerate(opened_zip(path).infolist()):
        name = _inside(info)
        if name.endswith("/") or not counts(name):
            continue
        if stat.S_ISLNK(info.external_attr >> 16):
            raise UserError(f"{as_given(path)}: {name} is a link: make it anew")
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


def _inside(info: zipfile.ZipInfo) -> str:
    """A file's path in a zip, with ``/`` between folders also where Windows made it."""
    name = info.filename
    if not info.flag_bits & _UTF8:
        with suppress(UnicodeError):  # else it is in another code page
            name = name.encode("cp437").decode()
    return nfc(name.replace("\\", "/"))


def in_words(path: Path, start: int, kind: int) -> str:
    """Return where a place is, for a message: a file, or an archive and the name in it."""
    archive, inside = origin(path)
    if kind == FILE:
        return f"{as_given(path)}"
    names = (name for name, one in contents(archive).items() if one[:2] == (path, start))
    return f"{as_given(archive)}: {next(names, inside or start)}"
