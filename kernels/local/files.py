"""Folders as Kaggle shows them: lists of files, single files by name, archives.

``contained`` is for folders of the state, such as what a kernel wrote: a link that leads out of
one, or the folder itself if it is one, is not followed, or it would make a file of this machine
part of it. Such a folder is named without links on the way.
"""

import errno
import os
import zipfile
from io import FileIO
from pathlib import Path


def list_files(folder: Path, contained: bool = False) -> list[str]:
    """Names of the regular files below ``folder``, with slashes, in order."""
    names = []
    for parent, _, files in os.walk(folder, followlinks=not contained):
        for name in files:
            path = Path(parent, name)
            if path.is_file() and (not contained or path.resolve().is_relative_to(folder)):
                names.append(path.relative_to(folder).as_posix())
    return sorted(names)


def find_file(folder: Path, name: str, contained: bool = False) -> Path | None:
    """The file called ``name`` below ``folder``, or None; never one outside of it."""
    path = folder / name
    if not os.path.isfile(path):  # which raises nothing, whatever the name is
        return None
    if ".." in Path(name).parts or not path.is_relative_to(folder):
        return None
    return path if not contained or path.resolve().is_relative_to(folder) else None


def find_data_file(folder: Path, name: str) -> Path | None:
    """Like ``find_file``, or in a folder of its own name, or zipped: Kaggle keeps tables so."""
    candidates = (name, f"{name}/{Path(name).name}", f"{name}.zip")
    return next((path for each in candidates if (path := find_file(folder, each))), None)


def is_within(path: Path, folder: Path) -> bool:
    """Whether ``path``, with its links followed, is in ``folder``."""
    return path.resolve().is_relative_to(folder.resolve())


def append_line(file: FileIO, line: str) -> None:
    """Append a line to a file that is open for it, whole or not at all.

    Raises OSError, such as on a full disk.
    """
    size, data = os.fstat(file.fileno()).st_size, f"{line}\n".encode()
    try:
        if file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), file.name)
    except OSError:
        file.truncate(size)
        raise


def archive(folder: Path, target: Path, contained: bool = False) -> Path:
    """Zip the files below ``folder`` into ``target``, dated like the newest of them."""
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
