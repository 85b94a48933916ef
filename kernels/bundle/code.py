"""The code that a run is made with: its hash, its commit, its page on the web."""

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import common.shared_code

ROOT = Path(common.shared_code.__file__).parents[1]
_REMOTE = re.compile(
    r"(?:https?://(?:[^@/]*@)?|ssh://git@|git@)([\w.-]+)[:/]([\w./-]+?)(?:\.git)?/?"
)


def code_state(shared_hash: str) -> dict[str, Any]:
    """``hash`` of the shared code, git's ``commit`` and whether there were ``changes`` to it.

    Without git, or outside of a clone, commit and changes are None.
    """
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "hash": shared_hash,
        "commit": _git("rev-parse", "HEAD"),
        "changes": None if changes is None else bool(changes),
    }


@cache
def repository_link() -> str:
    """The page of this clone's ``origin``, without anybody's credentials; empty without one."""
    found = _REMOTE.fullmatch(_git("remote", "get-url", "origin") or "")
    return f"https://{found[1]}/{found[2]}" if found else ""


def _git(*arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", *arguments]  # it takes no lock of the user's clone
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
