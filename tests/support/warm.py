"""Processes forked from one that has imported what they all import.

Importing scikit-learn, pandas and matplotlib takes 2 s of a core, JAX and Keras 5 s, and a dry run
starts five processes. Of what commands and small kernels import only libraries are imported
beforehand, and none that signs in or, unless a test asks for it, chooses a backend. ``LocalKaggle``
itself, the README's example's kernels, an installed wheel and the fault runs start real processes.
"""

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

ROOT = Path(__file__).parents[2]
LIBRARIES = (
    *("pandas", "requests", "rich.live", "scipy.optimize", "sklearn.metrics", "werkzeug"),
    *("sklearn.discriminant_analysis", "sklearn.ensemble", "sklearn.naive_bayes"),
    "matplotlib.pyplot",
)
ADDRESS = "WARM_SOCKET"  # where the server of these listens


class Fork:
    """What the local Kaggle uses of a ``subprocess.Popen``, forked by a server."""

    def __init__(
        self,
        command: list[str],
        *,
        cwd: Path,
        env: dict[str, str],
        stdout: int,
        stderr: int,
        pass_fds: tuple[int, ...] = (),
        start_new_session: bool = False,
        address: str = "",
        **_: Any,
    ) -> None:
        script, *arguments = [word for word in command if word not in (sys.executable, "-u")]
        self.returncode: int | None = None
        self.stdout, out = _open(stdout)
        self.stderr, err = _open(stderr)
        order = {"script": script, "arguments": arguments, "cwd": str(cwd), "env": env}
        order |= {"numbers": [1, 2, *pass_fds], "group": start_new_session}
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server.connect(address or os.environ[ADDRESS])
        socket.send_fds(self._server, [json.dumps(order).encode()], [out, err, *pass_fds])
        self.pid = int(self._server.recv(64))
        for number, given in ((out, stdout), (err, stderr)):
            if number != given:
                os.close(number)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self._server.settimeout(timeout)
            try:
                self.returncode = int(self._server.recv(64))
            except TimeoutError:
                raise subprocess.TimeoutExpired("", timeout or 0) from None
            self._server.close()
        return self.returncode


def _open(given: int) -> tuple[Any, int]:
    """The reading end of a pipe or None, and the number to write to."""
    if given != subprocess.PIPE:
        return None, given
    reading, writing = os.pipe()
    return open(reading, "rb"), writing


def fork_kernels(patch: Any, *more: str) -> None:
    """Let the local Kaggle of this process fork its kernels, for as long as ``patch`` lasts.

    ``more`` are modules that the process that they are forked from imports.
    """
    import kernels.local.session

    names = {name: getattr(subprocess, name) for name in ("PIPE", "DEVNULL", "TimeoutExpired")}
    patch.setenv(ADDRESS, os.environ.get(ADDRESS) or server(*LIBRARIES, *more))
    forking = SimpleNamespace(Popen=Fork, **names)
    patch.setattr(kernels.local.session, "subprocess", forking)


def run(
    script: Path, arguments: list[str], env: dict[str, str], cwd: Path, keras: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a Python script to its end, at most 300 s; with ``keras`` that is imported before."""
    more = ("tensorflow", "keras") if keras else ()
    os.environ[ADDRESS] = server(*LIBRARIES, *more)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        command, env = [str(script), *arguments], {**env, ADDRESS: os.environ[ADDRESS]}
        process = Fork(command, cwd=cwd, env=env, stdout=out.fileno(), stderr=err.fileno())
        status = process.wait(300)
        texts = [(file.seek(0), file.read())[1] for file in (out, err)]
    return subprocess.CompletedProcess(command, status, *texts)


@cache
def on_jax() -> dict[str, str]:
    """The variables of processes on JAX, which keep all that they compile in one folder."""
    compiled = tempfile.TemporaryDirectory(prefix="compiled-")
    atexit.register(compiled.cleanup)
    return {
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
        "CUDA_VISIBLE_DEVICES": "-1",
        "KERAS_BACKEND": "jax",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "JAX_COMPILATION_CACHE_DIR": compiled.name,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def case(folder: Path, script: str, *arguments: str, **variables: str) -> dict[str, Any]:
    """A script that ``run_on_jax`` runs in a folder."""
    folder.mkdir(exist_ok=True)
    # Compiles sooner; read where a process asks for its devices.
    flags = f"--xla_backend_optimization_level=0 {variables.get('XLA_FLAGS', '')}"
    env = {**os.environ, **on_jax(), **variables, "XLA_FLAGS": flags}
    return {"command": [script, *arguments], "cwd": folder, "env": env}


def run_on_jax(cases: dict[str, dict[str, Any]], at_once: int = 3) -> dict[str, str]:
    """Run all to their ends, in order and some at once; return what each printed.

    Those that begin later find what the earlier ones have compiled.
    """
    modules = ("tensorflow", "common.training.classifier_training")
    address, running = server(*modules, **on_jax()), dict[str, Fork]()
    with contextlib.ExitStack() as stack:
        outs = {name: stack.enter_context(tempfile.TemporaryFile("w+")) for name in cases}
        for name, case in cases.items():
            if len(running) == at_once:
                first = next(iter(running))
                assert running.pop(first).wait() == 0, first
            running[name] = Fork(**case, stdout=outs[name].fileno(), stderr=2, address=address)
        for name, process in running.items():
            assert process.wait() == 0, name
        return {name: (out.seek(0), out.read())[1] for name, out in outs.items()}


@cache
def server(*modules: str, **variables: str) -> str:
    """Start the process that forks, for as long as this one lives; return its address."""
    address = str(Path(tempfile.mkdtemp(prefix="warm-"), "socket"))
    process = subprocess.Popen(
        [sys.executable, __file__, address, *modules],
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.read(1)
    atexit.register(process.communicate)  # which ends its stdin
    return address


def serve(address: str, *modules: str) -> None:
    """Fork for every connection and say how each process ended, until stdin ends."""
    os.environ["MPLBACKEND"] = "Agg"
    for name in modules:
        importlib.import_module(name)
    gc.freeze()  # a process that ends does not go through all of it: 0.2 s instead of 0.8
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(address)
    listener.listen()
    os.write(1, b"!")
    asked: dict[int, socket.socket] = {}  # process → who waits for it
    while sys.stdin not in (ready := select.select([listener, sys.stdin], [], [], 0.02)[0]):
        if ready:
            connection = listener.accept()[0]
            text, numbers, _, _ = socket.recv_fds(connection, 1 << 20, 8)
            order, process = json.loads(text), os.fork()
            if not process:
                end_with(partial(become, order, numbers, [listener, connection, *asked.values()]))
            if order["group"]:
                os.setpgid(process, process)
            asked[process] = connection
            connection.send(str(process).encode())
            for number in numbers:
                os.close(number)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                with contextlib.suppress(OSError), asked.pop(ended[0]) as connection:
                    connection.send(str(os.waitstatus_to_exitcode(ended[1])).encode())
    shutil.rmtree(Path(address).parent)


def end_with(work: Callable[[], None]) -> NoReturn:
    """End this process when the work has ended, without taking apart all that was imported."""
    status: object = 0
    try:
        work()
    except SystemExit as error:
        status = error.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    threading._shutdown()  # waits for its threads
    atexit._run_exitfuncs()
    if isinstance(status, str):
        print(status, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(status or 0) if not isinstance(status, str) else 1)


def become(order: dict, numbers: list[int], others: list[socket.socket]) -> None:
    """Run the script of ``order`` as if this process had been started with it."""
    for connection in others:
        connection.close()
    # Open files get the numbers that are wanted; standard input is empty.
    above = 1 + max(
        [99, *order["numbers"]]
    )  # else one would be closed by another's taking its number
    high = [fcntl.fcntl(number, fcntl.F_DUPFD, above) for number in numbers]
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number in numbers:
        os.close(number)
    for number, place in zip([nothing, *high], [0, *order["numbers"]], strict=True):
        os.dup2(number, place)
        os.close(number)
    # Those of the parent remember what kind of file they had.
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stdout.reconfigure(write_through=True)
    sys.stderr = sys.__stderr__ = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(order["env"])
    tempfile.tempdir = None  # an import may have looked for it
    os.chdir(order["cwd"])
    sys.argv = [order["script"], *order["arguments"]]
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = [str(Path(order["script"]).parent), *filter(None, places)]
    if any(Path(place, "sitecustomize.py").is_file() for place in sys.path[1:]):
        sys.modules.pop("sitecustomize", None)
        importlib.import_module("sitecustomize")
    runpy.run_path(order["script"], run_name="__main__")


if __name__ == "__main__":
    serve(*sys.argv[1:])
