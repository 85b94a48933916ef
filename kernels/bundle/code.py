"""With which code a run was made."""

import subprocess
from typing import Any

from common.competition import Competition
from kernels.bundle.build import ROOT, collect_shared


def code_state(competition: Competition) -> dict[str, Any]:
    """``hash`` of the shared code, git's ``commit`` and whether there were ``changes`` to it.

    Without git, or outside of a clone, commit and changes are None.
    """
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "hash": collect_shared(competition).hash,
        "commit": commit,
        "changes": None if changes is None else bool(changes),
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
