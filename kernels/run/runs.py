"""The runs in a folder: the one to go on with, those before it, and those that cannot be read."""

import fcntl
import itertools
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.errors import UserError
from kernels.run.state import STATE, Run, open_run, read_run

Say = Callable[[str], object]


def pick_run(
    root: Path, competition: str, dry_run: bool, request: dict[str, Any], fresh: bool, say: Say
) -> Run:
    """Return the latest run below ``root`` of the same request that is not complete, or a new one.

    Two commands that are started at once pick the same one, and its lock lets one of them work.
    Raises UserError when one that cannot be read may be the run to go on with: a new one would push
    and submit again. Others that cannot be read are said.
    """
    root.mkdir(parents=True, exist_ok=True)
    with open(root / ".lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        runs, unreadable = read_runs(root)
        for path, error in unreadable.items():
            if not fresh and _may_be_of(path, competition, dry_run):
                raise UserError(
                    f"{error}; it may be the run to go on with: mend it, or move {path} away; "
                    f"--fresh begins a new run, which pushes and submits again"
                )
            say(f"{error}: it is left out")
        for run in [] if fresh else runs:
            same = (run.competition, run.dry_run, run.request) == (competition, dry_run, request)
            if same and run.state != "complete":
                return run
        kind = "-dry-run" if dry_run else "-rehearsal" if request.get("rehearse") else ""
        name = f"{competition}{kind}-{time.strftime('%Y%m%d-%H%M%S')}"
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        folder = next(root / free for free in names if not (root / free).exists())
        run = open_run(folder, competition, dry_run)
        run.update(request=request)
        return run


def _may_be_of(folder: Path, competition: str, dry_run: bool) -> bool:
    """Return whether a run that cannot be read may be one of this competition and kind."""
    try:
        text = (folder / STATE).read_text("utf-8", "replace") if (folder / STATE).is_file() else ""
    except OSError:
        text = ""
    named = re.search(r'"competition": "(.+?)",\s+"dry_run": (true|false)', text)
    if named:  # a cut file has its beginning
        return named.groups() == (competition, str(dry_run).lower())
    words = re.fullmatch(r"(.+?)(-dry-run|-rehearsal)?-\d{8}-\d{6}(-\d+)?", folder.name)
    return not words or (words[1] == competition and (words[2] == "-dry-run") == dry_run)


def read_runs(root: Path) -> tuple[list[Run], dict[Path, UserError]]:
    """Return the runs in folder ``root``, the newest first, and what is wrong with others.

    Those are folders with a state that cannot be read, and links that lead nowhere.
    """
    runs, unreadable = [], {}
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        try:
            if os.path.lexists(folder / STATE) or not os.access(folder, os.R_OK):
                runs.append(read_run(folder))
        except UserError as error:
            unreadable[folder] = error
    return sorted(runs, key=lambda run: (run.started, run.folder.name), reverse=True), unreadable


def earlier_runs(run: Run) -> list[Run]:
    """Return the same user's other real runs in the folder of ``run``, the newest first.

    A dry run has none: each has a Kaggle of its own.
    """
    if run.dry_run:
        return []
    return [
        other
        for other in read_runs(run.folder.parent)[0]
        if other.owner == run.owner and other.folder != run.folder and not other.dry_run
    ]
