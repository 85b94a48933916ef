"""What a kernel has written: its log while it runs, its checked output, or why it failed."""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from common.clock import now
from common.errors import PREFIX, UserError
from common.manifest import Unfinished, read_manifest
from common.secrets import hide
from common.text import printable
from kernels.kaggle.answers import pause
from kernels.kaggle.client import Kaggle
from kernels.kaggle.downloads import fetch_manifest, fetch_outputs
from kernels.kaggle.states import KernelState, KernelStatus
from kernels.run.state import LONGEST, Run

_TAIL, _WIDE = 12, 500  # lines of a failed kernel's log, and characters of each
_LOOKS = 4
_BREAKS = 5


def follow_log(
    kaggle: Kaggle, run: Run, name: str, slug: str, on_line: Callable[[str], None], poll: float
) -> None:
    """Write the lines of the latest version's log to the run's folder as they come.

    A stream that breaks is opened again; it starts at the first line, so lines seen are skipped.
    After five breaks without a new line it is given up: the whole log comes with the output.
    """
    seen, breaks = 0, 0
    run.log(name).unlink(missing_ok=True)  # never through a link
    with open(run.log(name), "w", encoding="utf-8") as file:
        while breaks < _BREAKS:
            try:
                for number, line in enumerate(kaggle.follow_log(slug)):
                    if number >= seen:
                        seen, breaks, line = number + 1, 0, hide(printable(line))
                        print(line, file=file, flush=True)
                        on_line(line)
                return
            except Exception:  # whatever broke it costs only the view of it
                breaks += 1
                time.sleep(poll)


def fetch_output(kaggle: Kaggle, run: Run, name: str, slug: str, looks: int = _LOOKS) -> None:
    """Fetch and check the output of a version that Kaggle calls COMPLETE, and note that it is.

    Kaggle may say so of an older version, or show the output late: it is fetched again before
    the kernel is called failed. The earlier output stays until the new one is whole. Raises
    Unfinished, DownloadError for what arrives broken, UserError when there is no such output.
    """
    known, arriving = run.kernel(name), run.output(name).with_name(f"{name}.arriving")
    for look in range(looks):
        try:
            files = kaggle.outputs(slug, known.version, run.log(name))
            _without_links(arriving)
            fetch_outputs(files, arriving, name)
            manifest = read_manifest(arriving, name, known.nonce, fetched=True)
            break
        except Unfinished:
            raise
        except UserError as error:
            if look + 1 == looks:
                raise type(error)(f"{error} (whole log: {run.log(name)})") from None
            pause(look)
    _without_links(run.output(name))
    shutil.rmtree(run.output(name))
    arriving.rename(run.output(name))
    note_complete(run, name, manifest)


def fetch_if_whole(kaggle: Kaggle, run: Run, name: str, slug: str) -> bool:
    """Fetch the output of a version that Kaggle does not call COMPLETE, if its manifest is there.

    A manifest with this push's nonce is written last: then the kernel is complete, whatever its
    status says. Raises Unfinished for one that stopped itself.
    """
    known, arriving = run.kernel(name), run.output(name).with_name(f"{name}.arriving")
    try:
        files = kaggle.outputs(slug, known.version, run.log(name))
        _without_links(arriving)
        if fetch_manifest(files, arriving).get("nonce") == known.nonce:
            fetch_output(kaggle, run, name, slug, looks=1)
            return True
    except Unfinished:
        raise
    except UserError:
        pass
    return False


def note_complete(run: Run, name: str, manifest: dict[str, Any]) -> None:
    """Note that a kernel's output is here, and the seconds until its manifest was written."""
    known, ended = run.kernel(name), now()
    with suppress(KeyError, ValueError):  # of a manifest that arrived with another byte
        ended = min(ended, datetime.fromisoformat(str(manifest["written"])).timestamp() + 1)
    seconds, own = known.spent(ended), _measured(manifest)
    if seconds < own or ended - known.pushed > LONGEST:  # a clock was set, but not the kernel's
        seconds = max(own, known.seconds)
    run.set_kernel(name, state=KernelState.COMPLETE, seconds=round(seconds, 1), pushed=0.0)


def _measured(manifest: dict[str, Any]) -> float:
    """Return the seconds of a kernel's stages, by its own count; 0 where it wrote none."""
    stages = manifest.get("seconds")
    values = stages.values() if isinstance(stages, dict) else ()
    numbers = [value for value in values if isinstance(value, int | float)]
    return sum(value for value in numbers if 0 < value < LONGEST)


def failure(kaggle: Kaggle, run: Run, name: str, slug: str, status: KernelStatus) -> UserError:
    """Return what ended a kernel that is not COMPLETE, and what to do; its log is fetched."""
    kaggle.outputs(slug, run.kernel(name).version, run.log(name))
    tail = _tail(run.log(name))
    whole = f"(whole log: {run.log(name)})"
    if status.state is KernelState.CANCEL_ACKNOWLEDGED:
        return UserError(
            f"kernel {name} was stopped at its time cap, or cancelled by hand: Kaggle gives such a "
            f"version to no other kernel; lower its epochs or its size, then give the same command "
            f"again {whole}",
            tail,
        )
    for line in reversed(tail):
        if line.startswith(PREFIX):
            return UserError(f"kernel {name} stopped: {line.removeprefix(PREFIX)} {whole}")
    reasons = (*filter(_names_exception, reversed(tail)), status.message, *tail[-1:])
    reason = next(filter(None, reasons), "it wrote no log")
    return UserError(f"kernel {name} ended as {status.state}: {reason} {whole}", tail)


def _without_links(folder: Path) -> None:
    """Make a folder, if need be, and remove links from it: they would lead elsewhere."""
    for path in (folder, *(() if folder.is_symlink() else folder.rglob("*"))):
        if path.is_symlink():
            path.unlink()
    folder.mkdir(parents=True, exist_ok=True)


def _tail(log: Path) -> tuple[str, ...]:
    """Return the last lines of a log that are not blank, as far as they are its last 64 KiB."""
    with open(log, "rb") as file:
        file.seek(-min(1 << 16, log.stat().st_size), os.SEEK_END)
        lines = file.read().decode("utf-8", "replace").splitlines()
    return tuple(printable(line, _WIDE) for line in lines if line.strip())[-_TAIL:]


def _names_exception(line: str) -> bool:
    head = line.split(":", 1)[0]
    return head.replace(".", "").isidentifier() and head.endswith(("Error", "Exception"))
