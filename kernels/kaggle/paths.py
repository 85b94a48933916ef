"""File names that come from elsewhere, kept inside the folder they belong to."""

import zipfile
from pathlib import Path, PurePosixPath

from common.errors import UserError


def inside(folder: Path, name: str) -> Path:
    """The path of output ``name`` in ``folder``. Raises UserError when it leads out of it."""
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or ":" in pure.parts[0]:
        raise UserError(f"refused the file name {name!r}: it points outside {folder}")
    return folder.joinpath(*pure.parts)


def unzip(archive: Path, folder: Path) -> None:
    """Extract a zip file. Raises UserError when a member's name leads out of ``folder``."""
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            inside(folder, name)
        opened.extractall(folder)
