"""What a kernel that has ended left: fetched, held against its manifest, or why it failed."""

import shutil
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from common.errors import PREFIX, UserError
from common.manifest import Unfinished, read_manifest
from kernels.kaggle.answers import pause
from kernels.kaggle.client import Kaggle, KernelStatus
from kernels.kaggle.downloads import fetch_outputs
from kernels.kaggle.states import KernelState
from kernels.run.state import KernelRecord, Run

_TAIL = 12
_LOOKS = 4


def collect(kaggle: Kaggle, run: Run, name: str, slug: str, known: KernelRecord) -> dict[str, Any]:
    """Bring back the output of a version that Kaggle calls COMPLETE, and check it; its manifest.

    Kaggle may say so of an older version, or show the output late: it is looked at again before
    the kernel is called failed. The output of before stands until the new one is whole. Raises
    Unfinished, DownloadError for what arrives broken, UserError when there is no such output.
    """
    arriving = run.output(name).with_name(f"{name}.arriving")
    for look in range(_LOOKS):
        try:
            files, log = kaggle.outputs(slug, known.version)
            _write_log(run.log(name), log)
            arriving.mkdir(parents=True, exist_ok=True)
            fetch_outputs(files, arriving, name)
            manifest = read_manifest(arriving, name, known.nonce, fetched=True)
            break
        except Unfinished:
            raise
        except UserError as error:
            if look + 1 == _LOOKS:
                raise type(error)(f"{error} (whole log: {run.log(name)})") from None
            pause(look)
    shutil.rmtree(run.output(name), ignore_errors=True)
    arriving.rename(run.output(name))
    return manifest


def failure(kaggle: Kaggle, run: Run, name: str, slug: str, status: KernelStatus) -> UserError:
    """What ended a kernel that is not COMPLETE, and what to do; its log is fetched."""
    _, log = kaggle.outputs(slug, run.kernels[name].version)
    lines = _write_log(run.log(name), log)
    whole = f"(whole log: {run.log(name)})"
    if status.state is KernelState.CANCEL_ACKNOWLEDGED:
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


def spent(known: KernelRecord, manifest: dict[str, Any]) -> float:
    """Seconds from the push of a version to its end, which its manifest tells.

    Where this is noted already (nothing was pushed since), or clocks differ much: 0 or until now.
    """
    if not known.pushed:
        return 0.0
    try:
        ended = datetime.fromisoformat(str(manifest["written"])).timestamp() + 1
    except (KeyError, ValueError):
        ended = time.time()
    return max(0.0, min(ended, time.time()) - known.pushed)


def _write_log(path: Path, text: str) -> list[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    arriving = path.with_name(f".{path.name}.arriving")
    arriving.write_text(text, encoding="utf-8")
    arriving.replace(path)
    return [line for line in text.splitlines() if line.strip()]


def _names_exception(line: str) -> bool:
    head = line.split(":", 1)[0]
    return head.replace(".", "").isidentifier() and head.endswith(("Error", "Exception"))
