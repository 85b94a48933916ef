"""The shared code inside a kernel: where Kaggle mounts things, and the hash of what was found.

What finds it is in the pushed script itself (``kernels/bundle/pushed.py``).
"""

import hashlib
import os
from pathlib import Path

PACKAGES = ("common", "competitions")


def input_root() -> Path:
    """``/kaggle/input``, or where kagglehub's own variable says that inputs are mounted."""
    return Path(os.environ.get("KAGGLE_CACHE_MOUNT_FOLDER", "/kaggle/input"))


def source_hash(root: Path) -> str:
    """``files_hash`` of the Python files of the shared packages in ``root``."""
    paths = [path for package in PACKAGES for path in (root / package).rglob("*.py")]
    return files_hash({path.relative_to(root).as_posix(): path.read_bytes() for path in paths})


def files_hash(files: dict[str, bytes]) -> str:
    """SHA-256 over names and contents, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + files[name] + b"\0")
    return digest.hexdigest()
