"""Output files of a kernel: fetched, continued where a transfer broke off, checked by manifest."""

import hashlib
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import requests

from common.errors import UserError
from common.manifest import NAME as MANIFEST
from common.manifest import file_sha256, load_manifest, stays
from common.text import printable
from kernels.kaggle.answers import read

_LONGEST = 255  # bytes of a file's name
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_TIMEOUT = 60  # seconds without a byte
_MOST_BYTES = 4_000_000_000  # of a table that arrives zipped
_BLOCK = 1 << 16  # bytes; what is short of a block is lost when a transfer breaks


class DownloadError(UserError):
    """A file that arrives as another than its kernel wrote."""


def inside(folder: Path, name: str) -> Path:
    """Return the path of file ``name`` in ``folder``. Raises UserError when it can be none."""
    pure = PurePosixPath(name.replace("\\", "/"))
    sizes = [len(part.encode("utf-8", "replace")) for part in pure.parts]
    if "\0" in name or _SURROGATE.search(name) or max(sizes, default=0) > _LONGEST:
        raise UserError(f"refused the file name {printable(name, 60)!r}: no file can have it here")
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
    _check_apart(paths, kernel)
    manifest = fetch_manifest(urls, folder)
    for name, path in paths.items():
        if name != MANIFEST and not stays(manifest, name):
            sha256 = manifest.get("files", {}).get(name, {}).get("sha256")
            fetch_file(urls[name], path, sha256, kernel)


def _check_apart(paths: Mapping[str, Path], kernel: str) -> None:
    """Raise UserError for names of one file, and for a file that is also another's folder."""
    names: dict[Path, str] = {}
    for name, path in paths.items():
        if (other := names.setdefault(path, name)) != name:
            raise UserError(
                f"kernel {kernel}: refused the file names {other!r} and {name!r}: they are one file"
            )
    for name, path in paths.items():
        if inner := next((names[one] for one in path.parents if one in names), ""):
            raise UserError(
                f"kernel {kernel}: refused the file names {inner!r} and {name!r}: the first cannot "
                f"be a file and the other's folder"
            )


def fetch_manifest(urls: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Download a kernel's manifest; empty where there is none or it is not one: checks say so.

    Any that was in ``folder`` is gone.
    """
    path = folder / MANIFEST
    path.unlink(missing_ok=True)
    if MANIFEST not in urls:
        return {}
    download(urls[MANIFEST], path)
    try:
        return load_manifest(path)
    except ValueError:
        return {}


def fetch_file(url: str, path: Path, sha256: str | None, kernel: str) -> None:
    """Download one file of a kernel unless it is there already.

    Raises DownloadError for one that twice arrives as another than ``sha256`` says.
    """
    for _ in range(2):
        if path.is_file() and sha256 == file_sha256(path):
            return
        download(url, path)
        if sha256 is None or file_sha256(path) == sha256:
            return
    with open(path, "rb") as file:
        packed = ", packed by gzip" if file.read(2) == b"\x1f\x8b" else ""
    size = path.stat().st_size
    path.unlink()
    raise DownloadError(
        f"kernel {kernel}: {path.name} is not the file that the kernel wrote ({size} bytes arrive"
        f"{packed}, twice): the same command fetches it anew; if it stays so, --rerun runs the "
        f"kernel again"
    )


def download(url: str, path: Path) -> None:
    """Fetch one file as ``<name>.part``, then rename it: ``path`` is always whole.

    What a broken transfer has written is continued, where the server can.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    read(lambda: _transfer(url, part), f"fetching {path.name}")
    os.replace(part, path)


def _part(path: Path) -> Path:
    """Return where a file arrives: in the same folder, in a name that is not too long."""
    name = path.name
    if len(os.fsencode(name)) > _LONGEST - len(".part.of"):
        name = f"{name[:40]}.{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}"
    return path.with_name(f"{name}.part")


def save(response: requests.Response, path: Path) -> bool:
    """Write a file that arrives; return whether it arrived as a zip, as Kaggle sends large tables.

    Raises UserError for a zip without it, or a damaged one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    with open(part, "wb") as file:
        for block in response.iter_content(_BLOCK):
            file.write(block)
    zipped = zipfile.is_zipfile(part) and path.suffix != ".zip"
    if zipped:
        whole = part.with_suffix(".zip")
        part.replace(whole)
        _unzip(whole, path.name, part)
        whole.unlink()
    part.replace(path)
    return zipped


def _unzip(zipped: Path, name: str, path: Path) -> None:
    """Write the one file ``name`` of a zip to ``path``."""
    try:
        with zipfile.ZipFile(zipped) as archive:
            found = [one for one in archive.infolist() if PurePosixPath(one.filename).name == name]
            if len(found) != 1:
                raise DownloadError(f"{name} arrives as a zip with {len(found)} files of this name")
            if found[0].file_size > _MOST_BYTES:
                raise DownloadError(f"{name} has {found[0].file_size / 1e9:.1f} GB: too many")
            with archive.open(found[0]) as source, open(path, "wb") as target:
                shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError):
        raise DownloadError(f"{name} arrives as a zip that cannot be read") from None


def _transfer(url: str, part: Path) -> None:
    """Go on with ``part`` if the server still has the file that it is of, else begin anew."""
    note = part.with_name(f"{part.name}.of")  # the server's name of that very file's content
    start = part.stat().st_size if part.exists() and note.exists() else 0
    headers = {"Accept-Encoding": "identity"}  # the bytes that the kernel wrote
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": note.read_text("utf-8")}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            note.unlink()
            raise requests.ConnectionError(f"{part.name} cannot be continued")
        response.raise_for_status()
        content = response.headers.get("ETag") or response.headers.get("Last-Modified")
        goes_on = start and response.status_code == requests.codes.partial_content
        if content and not goes_on:
            note.write_text(content, "utf-8")
        with open(part, "ab" if goes_on else "wb") as file:
            for block in response.iter_content(_BLOCK):
                file.write(block)
    note.unlink(missing_ok=True)
