"""Files of a data folder as they are there or inside zips, read without unpacking."""

import re
import threading
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from common.content import nature
from common.data.names import by_key, file_key, nfc
from common.errors import UserError
from common.inputs import as_given

_OTHERS = {"Thumbs.db", "desktop.ini"}  # what Windows puts next to pictures
_UTF8 = 0x800  # the flag of a name in UTF-8, which macOS leaves out
MOST_BYTES = 256_000_000  # of one file; what claims more is not read into memory


@dataclass(frozen=True)
class Place:
    """Where a file is: at ``path``, or in the zip there under the name ``inside``; its size."""

    path: Path
    inside: str
    bytes: int


def places(path: Path) -> dict[str, Place]:
    """Return the files of a folder (not of those in it), or of a zip at any depth, by NFC names.

    Raises UserError for what is no zip, and for one with two files of the same name.
    """
    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if _counts(file.name)]
        return {nfc(one.name): Place(one, "", one.stat().st_size) for one in files if one.is_file()}
    found: dict[str, Place] = {}
    with open_zip(path) as archive:
        for info in archive.infolist():
            inside = _inside(info)
            name = PurePosixPath(inside).name
            if inside.endswith("/") or not _counts(name):
                continue
            if name in found:
                both = f"{found[name].inside} and {info.filename}"
                raise UserError(f"{path}: {both} have the same name: rename one of them")
            found[name] = Place(path, info.filename, info.file_size)
    return found


def _counts(name: str) -> bool:
    """Whether a file is one of the data's: macOS adds ``._1.jpg`` to ``1.jpg``."""
    return not name.startswith(".") and name not in _OTHERS


def _inside(info: zipfile.ZipInfo) -> str:
    """A file's path in a zip, in NFC, with ``/`` between folders also where Windows made it."""
    name = info.filename
    if not info.flag_bits & _UTF8:
        with suppress(UnicodeError):  # else it is in another code page
            name = name.encode("cp437").decode()
    return nfc(name.replace("\\", "/"))


class PackedFiles:
    """The files of folders and zips by name, read where they are, in any number of threads.

    A name that several folders or zips have is the first one's. ``replacements`` are another folder
    or zip: its files take the place of those of the same name.
    """

    def __init__(self, paths: Sequence[Path], replacements: Path | None = None):
        self._places: dict[str, Place] = {}
        for path in reversed(paths):
            self._places |= places(path)
        self._names = sorted(self._places, key=natural)
        keys = by_key(self._places)
        for name, place in (places(replacements) if replacements else {}).items():
            known = name if name in self._places else keys.get(file_key(name), name)
            self._places[known] = place
        self._zips: dict[Path, zipfile.ZipFile] = {}
        self._lock = threading.Lock()

    def spell(self, names: Iterable[str]) -> None:
        """Name the files as ``names`` do, where only the spelling differs (``file_key``)."""
        keys, own = by_key(self._places), set(self._names)
        for name in names:
            known = keys.get(file_key(name))
            if known and name not in self._places and known in self._places:
                self._places[name] = self._places.pop(known)
                if known in own:
                    own.remove(known)
                    own.add(name)
        self._names = sorted(own, key=natural)

    def names(self) -> list[str]:
        """Return the names of the files that are there, without those of replacements alone."""
        return self._names

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def place(self, name: str) -> Place:
        """Return where a file is, or where its replacement is."""
        return self._places[name]

    def read(self, name: str) -> bytes:
        """Return a file's bytes. Raises ValueError with the reason when they cannot be read."""
        place = self.place(name)
        if place.bytes > MOST_BYTES:
            raise ValueError(f"too large: a file of {place.bytes / 1e6:.0f} MB")
        if not place.inside:
            return place.path.read_bytes()
        with self._lock:  # each zip is opened once
            if place.path not in self._zips:
                self._zips[place.path] = open_zip(place.path)
        try:
            return self._zips[place.path].read(place.inside)
        except NotImplementedError:  # Deflate64, as Windows packs what is over 2 GB
            raise ValueError(
                f"packed in a way of Windows in {place.path.name}: unpack it"
            ) from None
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            reason = str(error).partition("(")[0].strip()
            raise ValueError(f"damaged in {place.path.name}: {reason}") from None


def natural(name: str) -> tuple[list[int], str]:
    """Sort ``2.jpg`` before ``10.jpg``."""
    return [int(digits) for digits in re.findall(r"\d+", name)], name


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip. Raises UserError when it cannot be read."""
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        said = str(error)
        if isinstance(error, zipfile.BadZipFile):
            with open(path, "rb") as file:
                what = nature(file.read(64))
            said = f"it is {what}" if what and what != "a zip archive" else said
        raise UserError(
            f"{as_given(path)} cannot be read as a zip: {said}: fetch it again"
        ) from None
