"""Stands in a rehearsal's scripts before the shared code is looked for, without this line."""

# What this machine holds, to be compared with what is believed of Kaggle. Of the environment one
# variable that is no secret, and no other.
import json
import os
import sys
from importlib import metadata
from pathlib import Path


def surroundings(packages: tuple[str, ...]) -> str:
    """Name folders and versions in one line of JSON."""
    root = Path(os.environ.get("KAGGLE_CACHE_MOUNT_FOLDER", "/kaggle/input")).parent
    below = [path for depth in range(1, 6) for path in root.glob("*/" * depth)]
    versions = {}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = ""
    seen = {
        "python": sys.version.split()[0],
        "cwd": os.getcwd(),
        "script": os.path.abspath(sys.argv[0]),
        "run_type": os.environ.get("KAGGLE_KERNEL_RUN_TYPE", ""),
        "root": str(root),
        "sys_path": sys.path,
        "folders": sorted(path.as_posix() for path in below if path.is_dir())[:300],
        "versions": versions,
    }
    return f"surroundings {json.dumps(seen)}"
