"""Temporary folders that go with the process, however it ends itself."""

import atexit
import shutil
import tempfile
from pathlib import Path

_FOLDERS: list[Path] = []


def temporary_folder(prefix: str) -> Path:
    """Make a new folder below ``TMPDIR``; ``remove_temporary`` removes it at the latest."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    _FOLDERS.append(folder)
    return folder


@atexit.register
def remove_temporary() -> None:
    """Remove the folders. A process that leaves out the interpreter's own end calls it."""
    while _FOLDERS:
        shutil.rmtree(_FOLDERS.pop(), ignore_errors=True)
