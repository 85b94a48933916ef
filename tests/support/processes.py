"""Python processes that a test starts and waits for."""

import os
import subprocess
import sys
from pathlib import Path

from support import ROOT


def start(folder: Path, command: list[str], **variables: str) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", **variables}
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env={**environment, "CUDA_VISIBLE_DEVICES": "-1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(started: dict[str, subprocess.Popen[str]]) -> dict[str, str]:
    """What each printed, once all have ended."""
    told = {name: process.communicate() for name, process in started.items()}
    for name, process in started.items():
        assert process.returncode == 0, told[name][1]
    return {name: printed for name, (printed, _) in told.items()}
