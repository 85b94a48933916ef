"""Folders as Kaggle shows them: lists of files, single files by name, pages and archives."""

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_PAGE = 20
_LARGEST_PAGE = 200


def list_files(folder: Path, contained: bool = False) -> list[str]:
    """Names of the regular files below ``folder``, with slashes, in order.

    With ``contained``, links are not followed out of the folder: what a kernel wrote must not
    make a file of this machine part of its output.
    """
    names = []
    for parent, _, files in os.walk(folder, followlinks=not contained):
        for name in files:
            path = Path(parent, name)
            if path.is_file() and (not contained or is_within(path, folder)):
                names.append(path.relative_to(folder).as_posix())
    return sorted(names)


def find_file(folder: Path, name: str, contained: bool = False) -> Path | None:
    """The file called ``name`` below ``folder``, or None; never one outside of it."""
    path = folder / name
    if ".." in Path(name).parts or not path.is_relative_to(folder) or not path.is_file():
        return None
    return path if not contained or is_within(path, folder) else None


def find_data_file(folder: Path, name: str) -> Path | None:
    """As ``find_file``, or in a folder of its own name, or zipped: so Kaggle keeps some tables."""
    candidates = (name, f"{name}/{Path(name).name}", f"{name}.zip")
    return next((path for each in candidates if (path := find_file(folder, each))), None)


def is_within(path: Path, folder: Path) -> bool:
    """Whether ``path``, with its links followed, lies in ``folder``."""
    return path.resolve().is_relative_to(folder.resolve())


def total_bytes(folder: Path) -> int:
    """Bytes of all files below ``folder``."""
    return sum((folder / name).stat().st_size for name in list_files(folder))


def page_of(items: Sequence[T], token: str, size: int) -> tuple[list[T], str]:
    """One page of ``items`` and the token of the next one, empty at the end.

    Raises ValueError for a token that is not one of these.
    """
    start = int(token or 0)
    end = start + min(size or _PAGE, _LARGEST_PAGE)
    return list(items[start:end]), str(end) if end < len(items) else ""


def archive(folder: Path, target: Path, contained: bool = False) -> Path:
    """Zip the files below ``folder`` into ``target``, dated as the newest of them."""
    target.parent.mkdir(parents=True, exist_ok=True)
    names = list_files(folder, contained)
    partial = target.with_name(f"{target.name}.{os.urandom(4).hex()}")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED, strict_timestamps=False) as file:
        for name in names:
            file.write(folder / name, name)
    newest = max((int((folder / name).stat().st_mtime) for name in names), default=0)
    if newest:
        os.utime(partial, (newest, newest))
    os.replace(partial, target)
    return target
