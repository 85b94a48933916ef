"""``manifest.json``: what a kernel wrote, and proof that it is whole and this run's.

It is written last. A kernel whose manifest is missing, stale or does not match its files is a
failed kernel, whatever its status says.
"""

import fnmatch
import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.secrets import hidden

FORMAT = 1
NAME = "manifest.json"


class Unfinished(UserError):  # noqa: N818 (a state, not a fault)
    """The kernel stopped itself before its time was up: another version goes on from there."""


def write_manifest(folder: Path, facts: dict[str, Any], state: str = "complete") -> Path:
    """Write ``manifest.json`` over all files below ``folder``, atomically.

    ``facts`` are the kernel's own: name, nonce, recipe, versions, accelerator, seconds a stage.
    ``state`` is ``complete`` or ``unfinished``.
    """
    files = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": file_sha256(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != NAME and "__pycache__" not in path.parts
    }
    written = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    manifest = {"format": FORMAT, "state": state, "written": written, **facts, "files": files}
    return write_json(folder / NAME, {**manifest, "sha256": _sum(manifest)})


def read_manifest(folder: Path, kernel: str, nonce: str, fetched: bool = False) -> dict[str, Any]:
    """The manifest of ``kernel`` in ``folder``, checked against the run's nonce and its own files.

    Of what was ``fetched`` from a kernel, files that stay at Kaggle may be missing. Raises
    UserError when it is missing, unreadable, of another run, or when a file that it names is
    missing or altered; Unfinished when all that is well and the work is not done.
    """
    path = folder / NAME
    try:
        manifest = load_manifest(path)
    except FileNotFoundError:
        raise UserError(
            f"kernel {kernel}: no {NAME} in {folder}: it ended before its work was done"
        ) from None
    except ValueError:
        raise UserError(f"kernel {kernel}: {path} is not a manifest, or was altered") from None
    if manifest.get("format") != FORMAT:
        raise UserError(
            f"kernel {kernel}: its manifest has format {manifest.get('format')}, this version "
            f"reads {FORMAT}: push the kernel again"
        )
    if nonce and manifest.get("nonce") != nonce:
        raise UserError(
            f"kernel {kernel}: its output is stale, from run {manifest.get('nonce')!r} and not "
            f"{nonce!r}: push the kernel again"
        )
    for name, facts in manifest["files"].items():
        if not (fetched and stays(manifest, name)):
            _check_file(folder, name, facts, kernel)
    if manifest.get("state") != "complete":
        raise Unfinished(f"kernel {kernel}: stopped {manifest.get('state')!r}: run it again")
    return manifest


def load_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest without looking at the files.

    Raises ValueError for what is not one, or has another sum than was written.
    """
    try:
        manifest = json.loads(path.read_text("utf-8"))
        if manifest.pop("sha256", _sum(manifest)) != _sum(manifest):
            raise ValueError("altered")
        files, patterns = manifest["files"], manifest.get("stays", [])
        texts = [*patterns, *(facts["sha256"] for facts in files.values())]
    except (KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("another structure") from None
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("another type")
    return dict(manifest)


def _sum(manifest: Mapping[str, Any]) -> str:
    """SHA-256 over a manifest's values, as JSON has them."""
    plain = json.loads(json.dumps({n: v for n, v in manifest.items() if n != "sha256"}))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def stays(manifest: Mapping[str, Any], name: str) -> bool:
    """Whether a file is for other kernels alone: large, and not fetched from Kaggle.

    The manifest's ``stays`` are patterns of their names, as in a shell.
    """
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in manifest.get("stays", ()))


def write_json(path: Path, value: Any) -> Path:
    """Write ``value`` as JSON atomically."""
    return write_text(path, json.dumps(value, indent=1) + "\n")


def write_text(path: Path, text: str | Iterable[str]) -> Path:
    """Write a text file, or one of several pieces, without secrets and atomically.

    That is a temporary file, fsync, rename.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.writelines(hidden([text] if isinstance(text, str) else text))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_file(folder: Path, name: str, facts: dict[str, Any], kernel: str) -> None:
    path = folder / name
    if not path.is_file():
        raise UserError(f"kernel {kernel}: {name} is in its manifest and not in {folder}")
    if file_sha256(path) != facts["sha256"]:
        raise UserError(
            f"kernel {kernel}: {path} is not the file that the kernel wrote "
            f"({path.stat().st_size} bytes here, {facts.get('bytes')} written): fetch it again"
        )
