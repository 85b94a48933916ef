"""Which files a kernel may reach: those of the system, of Python, its inputs and its own.

Not the user's, not other kernels', not the solution; ``landlock.py`` enforces it where it can.
"""

import os
import sys
from collections.abc import Iterable
from glob import glob
from pathlib import Path

from kernels.local.landlock import version as landlock_version
from kernels.local.store import Version

GUARD = Path(__file__).with_name("guard")  # of a kernel's children, too
_GUARDS = (str(GUARD), str(Path(__file__).resolve().parents[1] / "kaggle" / "offline.py"))
# Patterns; what is not here is passed over.
_SYSTEM = (
    *("/bin", "/sbin", "/lib*", "/usr", "/etc", "/opt", "/proc", "/sys", "/var/cache/fontconfig"),
    *("/nix/store", "/gnu/store", "/snap", "/home/linuxbrew", "/run/nvidia*"),
)
_PYTHON = ("bin", "lib", "lib64", "include", "share", "etc", "ssl", "pyvenv.cfg")
_DEVICES = (
    *("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts"),
    *("nvidia*", "dri", "kfd", "accel*", "vfio"),
)
_SHARED = ("/tmp", "/var/tmp", "/dev/shm")  # only where nothing hidden is below
UNCONFINED = (
    "this system cannot keep a kernel from reading your files, the solution and the environment "
    "of other processes, because it has no Landlock (Linux 5.19 or newer has it): "
    "run no kernel here that you do not trust"
)


def unconfined() -> str:
    """What must be said of this system, once; empty where kernels are confined."""
    return "" if landlock_version() else UNCONFINED


def users_secrets() -> list[Path]:
    """Where the Kaggle client keeps the user's credentials."""
    places = (os.path.expanduser("~/.kaggle"), os.environ.get("KAGGLE_CONFIG_DIR"))
    return [Path(place) for place in places if place and not place.startswith("~")]


def allowed(
    version: Version, mounted: Iterable[Path], private: Iterable[Path]
) -> dict[str, list[str]]:
    """The paths that a kernel may read, and those that it may write as well.

    What it may read has none of ``private`` in it, except for its own folder's files.
    """
    hidden = [path.resolve() for path in private]
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    given: list[str | Path] = [
        *(path for pattern in _SYSTEM for path in glob(pattern)),
        *(os.path.join(prefix, name) for prefix in prefixes for name in _PYTHON),
        *filter(os.path.isabs, libraries),
        *mounted,
    ]
    readable = [kept for path in given for kept in _without(Path(path), hidden)]
    own = [version.working, *(version.folder / name for name in ("home", "tmp"))]
    devices = [path for name in _DEVICES for path in glob(f"/dev/{name}")]
    shared = [path for path in _SHARED if _without(Path(path), hidden) == [Path(path)]]
    return {
        "readable": [*map(str, readable), str(version.kaggle), *_GUARDS],
        "writable": [*map(str, own), *devices, *shared],
    }


def _without(path: Path, hidden: list[Path]) -> list[Path]:
    """``path``, or where something hidden is below it what else is there."""
    here = path.resolve()
    if not any(one.is_relative_to(here) for one in hidden):
        return [path]
    if here in hidden or not path.is_dir():
        return []
    try:
        children = list(path.iterdir())
    except PermissionError:  # it may be passed through and not listed
        children = []
    return [kept for child in children for kept in _without(child, hidden)]
