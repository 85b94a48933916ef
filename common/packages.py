"""Packages that Kaggle's image lacks: installed by the kernel that needs them."""

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

from common.errors import UserError
from common.inputs import find_file, mounted_sources


def ensure_package(name: str, version: str, internet: bool) -> None:
    """Make ``import name`` work: as it is, else by pip, else from a wheel among the sources.

    With internet off nothing is downloaded: the wheel is installed with ``--no-index``.
    Raises UserError when there is no way to it.
    """
    if importlib.util.find_spec(name) is not None:
        return
    if internet:
        _pip(f"{name}=={version}")
    else:
        folder = _wheel(name, version).parent  # it may hold the package's own needs beside it
        _pip("--no-index", "--find-links", str(folder), f"{name}=={version}")
    importlib.invalidate_caches()
    if importlib.util.find_spec(name) is None:
        raise UserError(f"package {name} was installed and cannot be imported: see pip's log above")


def _wheel(name: str, version: str) -> Path:
    pattern = f"{name}-{version}-*.whl"
    wheel = find_file(pattern, mounted_sources())
    if wheel is None:
        raise UserError(
            f"package {name} {version} is not installed, internet is off and no {pattern} is among "
            f"the kernel's sources: attach a data set that holds the wheel"
        )
    return wheel


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise UserError(f"pip install {' '.join(arguments)} failed: {lines[-1]}")
