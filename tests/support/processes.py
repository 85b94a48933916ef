"""Processes that need JAX from its start, forked from one that has imported it and Keras.

The import takes 5 s of a core, and a process begins with its devices only where it asks for them.
"""

import importlib
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

from support import ROOT

# Compiles sooner; read where a process asks for its devices.
FLAGS = "--xla_backend_optimization_level=0"


def case(folder: Path, script: str, *arguments: str, **variables: str) -> dict[str, Any]:
    """A script that runs in a folder."""
    folder.mkdir(exist_ok=True)
    return {"folder": str(folder), "command": [script, *arguments], "variables": variables}


def run_on_jax(cases: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Run all at once to their ends; return what each printed."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    environment |= {"CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, __file__, json.dumps(cases)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {name: Path(f"{case['folder']} {name}").read_text() for name, case in cases.items()}


def fork(name: str, folder: str, command: list[str], variables: dict[str, str]) -> int:
    """Run a script as if Python had been started with it; print next to its folder."""
    if process := os.fork():
        return process
    os.chdir(folder)
    os.environ.update(variables)
    os.environ["XLA_FLAGS"] = f"{FLAGS} {variables.get('XLA_FLAGS', '')}"
    os.dup2(os.open(f"{folder} {name}", os.O_WRONLY | os.O_CREAT), 1)
    sys.argv = command
    runpy.run_path(command[0], run_name="__main__")
    sys.exit()


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    for module in ("tensorflow", "common.training.classifier_training"):
        importlib.import_module(module)
    processes = [fork(name, **case) for name, case in json.loads(sys.argv[1]).items()]
    failed = [process for process in processes if os.waitpid(process, 0)[1]]
    sys.exit(bool(failed))
