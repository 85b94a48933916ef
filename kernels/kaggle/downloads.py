"""Output files of a kernel: fetched, continued where a transfer broke off, checked by manifest."""

import json
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import requests

from common.errors import UserError
from common.manifest import NAME as MANIFEST
from common.manifest import file_sha256, stays
from kernels.kaggle.answers import read

_TIMEOUT = 60  # seconds without a byte
_BLOCK = 1 << 16  # bytes; what is short of a block is lost when a transfer breaks


class DownloadError(UserError):
    """A file that arrives as another than its kernel wrote."""


def inside(folder: Path, name: str) -> Path:
    """Return the path of file ``name`` in ``folder``. Raises UserError when it is outside."""
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or ":" in pure.parts[0]:
        raise UserError(f"refused the file name {name!r}: it points outside {folder}")
    return folder.joinpath(*pure.parts)


def fetch_outputs(urls: Mapping[str, str], folder: Path, kernel: str) -> None:
    """Download a kernel's files ``urls`` (name → address) into ``folder``, the manifest first.

    A file that is there already and matches the manifest is not fetched again; one that ``stays``
    at Kaggle is not fetched at all. Raises UserError for a name that is outside ``folder``, and
    DownloadError for a file that twice arrives as another than the manifest says.
    """
    paths = {name: inside(folder, name) for name in urls}
    if MANIFEST in urls:
        paths[MANIFEST].unlink(missing_ok=True)
        download(urls[MANIFEST], paths[MANIFEST])
    manifest = _read_manifest(folder / MANIFEST)
    for name, path in paths.items():
        if name != MANIFEST and not stays(manifest, name):
            sha256 = manifest.get("files", {}).get(name, {}).get("sha256")
            _fetch(urls[name], path, sha256, kernel)


def _read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest; empty where there is none or it is not one: later checks say so."""
    try:
        manifest = json.loads(path.read_text("utf-8"))
        return manifest if all("sha256" in f for f in manifest["files"].values()) else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _fetch(url: str, path: Path, sha256: str | None, kernel: str) -> None:
    for _ in range(2):
        if path.is_file() and sha256 == file_sha256(path):
            return
        download(url, path)
        if sha256 is None or file_sha256(path) == sha256:
            return
    size = path.stat().st_size
    path.unlink()
    raise DownloadError(
        f"kernel {kernel}: {path.name} is not the file that the kernel wrote ({size} bytes arrive, "
        f"twice): the same command fetches it anew; if it stays so, --rerun runs the kernel again"
    )


def download(url: str, path: Path) -> None:
    """Fetch one file as ``<name>.part``, then rename it: ``path`` is always whole.

    What a broken transfer has written is continued, where the server can.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    read(lambda: _transfer(url, part))
    os.replace(part, path)


def _transfer(url: str, part: Path) -> None:
    start = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink()  # whole already, or of another file: from the beginning
            raise requests.ConnectionError(f"{part.name} cannot be continued")
        response.raise_for_status()
        with open(part, "ab" if response.status_code == 206 else "wb") as file:
            for block in response.iter_content(_BLOCK):
                file.write(block)
