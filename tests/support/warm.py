"""Commands run in forks of one process that has imported what they all import.

Importing scikit-learn and pandas takes 2 s of a core, and the tests start many commands. Only
libraries are imported beforehand, and none that reads the environment: the project and the Kaggle
client are imported by each command.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path

LIBRARIES = "pandas", "requests", "rich.live", "scipy.optimize", "sklearn.metrics", "werkzeug"
_lock = threading.Lock()


def run(
    script: Path, arguments: list[str], env: dict[str, str], cwd: Path
) -> subprocess.CompletedProcess[str]:
    """Run a Python script to its end, at most 300 s."""
    order = {"script": str(script), "arguments": arguments, "env": env, "cwd": str(cwd)}
    with _lock, tempfile.TemporaryDirectory() as folder:
        outputs = [Path(folder, name) for name in ("stdout", "stderr")]
        process = server()
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps({**order, "outputs": [*map(str, outputs)]}) + "\n")
        process.stdin.flush()
        status = int(process.stdout.readline())
        stdout, stderr = (path.read_text("utf-8") for path in outputs)
    return subprocess.CompletedProcess([str(script), *arguments], status, stdout, stderr)


@cache
def server() -> subprocess.Popen[str]:
    """The process that forks, for as long as this one lives."""
    command, pipe = [sys.executable, __file__], subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    atexit.register(process.communicate)  # which ends its stdin
    return process


def serve() -> None:
    """Fork for every order on stdin, and print each exit status."""
    import importlib

    for name in LIBRARIES:
        importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            become(json.loads(line))
            sys.exit()
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def become(order: dict) -> None:
    """Run the script of ``order`` as if this process had been started with it."""
    import runpy

    for number, path in enumerate([os.devnull, *order["outputs"]]):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    signal.alarm(300)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.argv = [order["script"], *order["arguments"]]
    sys.path[0] = str(Path(order["script"]).parent)
    runpy.run_path(order["script"], run_name="__main__")


if __name__ == "__main__":
    serve()
