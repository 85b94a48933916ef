"""What a kernel that has ended left: fetched, held against its manifest, or why it failed."""

import shutil
from pathlib import Path
from typing import Any

from common.errors import PREFIX, UserError
from common.manifest import Unfinished, read_manifest
from kernels.answers import pause
from kernels.client import Kaggle, Status
from kernels.downloads import fetch_outputs
from kernels.run import KernelState, Run

_TAIL = 12
_LOOKS = 4


def collect(kaggle: Kaggle, run: Run, name: str, slug: str, known: KernelState) -> None:
    """Bring back the output of a version that Kaggle calls COMPLETE, and check it.

    Kaggle may say so of an older version, or show the output late: it is looked at again before
    the kernel is called failed. Raises Unfinished, or UserError when there is no such output.
    """
    for look in range(_LOOKS):
        try:
            pull(kaggle, run, name, slug, known.version)
            read_manifest(run.output(name), name, known.nonce)
            return
        except Unfinished:
            raise
        except UserError as error:
            if look + 1 == _LOOKS:
                raise UserError(f"{error} (whole log: {run.log(name)})") from None
            pause(look)


def pull(kaggle: Kaggle, run: Run, name: str, slug: str, version: int) -> list[str]:
    """Fetch a version's files and log; the output of before stands until they are all here.

    Returns the log's lines that are not blank.
    """
    folder = run.output(name)
    arriving = folder.with_name(f".{name}.arriving")
    arriving.mkdir(parents=True, exist_ok=True)
    files, events = kaggle.outputs(slug, version)
    lines = _write_log(run.log(name), events)
    fetch_outputs(files, arriving, name)
    shutil.rmtree(folder, ignore_errors=True)
    arriving.rename(folder)
    return lines


def failure(kaggle: Kaggle, run: Run, name: str, slug: str, status: Status) -> UserError:
    """What ended a kernel that is not COMPLETE, and what to do; its files are fetched."""
    lines = pull(kaggle, run, name, slug, run.kernels[name].version)
    whole = f"(whole log: {run.log(name)})"
    if status.state == "CANCEL_ACKNOWLEDGED":
        return UserError(
            f"kernel {name} was stopped at its time cap, or cancelled by hand: Kaggle gives such a "
            f"version to no other kernel; lower its epochs or its size, then give the same command "
            f"again {whole}",
            tuple(lines[-_TAIL:]),
        )
    for line in reversed(lines[-_TAIL:]):
        if line.startswith(PREFIX):
            return UserError(f"kernel {name} stopped: {line.removeprefix(PREFIX)} {whole}")
    reason = next(filter(_names_exception, reversed(lines[-_TAIL:])), status.message)
    reason = reason or (lines[-1] if lines else "it left no log")
    said = f"kernel {name} ended as {status.state}: {reason} {whole}"
    return UserError(said, tuple(lines[-_TAIL:]))


def _write_log(path: Path, events: list[dict[str, Any]]) -> list[str]:
    text = "".join(str(event.get("data", "")) for event in events)
    path.parent.mkdir(parents=True, exist_ok=True)
    arriving = path.with_name(f".{path.name}.arriving")
    arriving.write_text(text, encoding="utf-8")
    arriving.replace(path)
    return [line for line in text.splitlines() if line.strip()]


def _names_exception(line: str) -> bool:
    head = line.split(":", 1)[0]
    return head.replace(".", "").isidentifier() and head.endswith(("Error", "Exception"))
