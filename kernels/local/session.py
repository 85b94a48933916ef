"""Runs kernels: one process group each, in a copy of Kaggle's folders, with its log and its cap."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from kernels.local.files import list_files
from kernels.local.limits import session_seconds
from kernels.local.mounts import Mount, set_writable
from kernels.local.store import STOPPED, Store, Version

RUN_SCRIPT = Path(__file__).with_name("run_script.py")
GUARD = Path(__file__).with_name("guard")
_PASSED_ON = ("LD_LIBRARY_PATH", "VIRTUAL_ENV", "SYSTEMROOT")
_CHUNK = 65536


class Sessions:
    """The sessions of one local Kaggle: at most ``max_parallel`` run, the others are queued."""

    def __init__(self, store: Store, mount: Mount, max_parallel: int):
        self._store = store
        self._mount = mount
        self._slots = ThreadPoolExecutor(max_parallel, thread_name_prefix="kernel")
        self._running: dict[Version, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self.closed = threading.Event()

    def start(self, version: Version) -> None:
        """Run ``version`` as soon as there is a slot."""
        self._slots.submit(self._run, version)

    def kill(self, ref: str) -> None:
        """End what runs of kernel ``owner/slug``, and wait until it has ended."""
        while True:
            with self._lock:
                found = [p for version, p in self._running.items() if version.ref == ref]
                for process in found:
                    _kill_group(process)
            if not found:
                return
            time.sleep(0.02)

    def close(self) -> None:
        """End every session, running or queued, and wait until they have ended."""
        with self._lock:
            self.closed.set()
            for process in self._running.values():
                _kill_group(process)
        self._slots.shutdown(cancel_futures=True)
        self._store.fail_unfinished()

    def _run(self, version: Version) -> None:
        if self.closed.is_set() or not version.folder.is_dir():
            return
        reading, lifeline = os.pipe()
        try:
            self._mount(version.request, version.kaggle)
            process = self._spawn(version, reading)
            outcome = _watch(version, process, session_seconds(version.request))
        except Exception as error:  # whatever it was, the kernel must not stay RUNNING
            outcome = {"status": "ERROR", "failure": f"{type(error).__name__}: {error}"}
        finally:
            os.close(reading)
            os.close(lifeline)
        if self.closed.is_set() and outcome["status"] != "COMPLETE":
            outcome = {"status": "ERROR", "failure": STOPPED}
        try:
            self._end(version, outcome)
        finally:
            with self._lock:
                self._running.pop(version, None)

    def _spawn(self, version: Version, lifeline: int) -> subprocess.Popen[bytes]:
        script = version.kaggle / "src" / "script.py"
        with self._lock:
            if self.closed.is_set():
                raise RuntimeError(STOPPED)
            process = subprocess.Popen(
                [sys.executable, "-u", str(RUN_SCRIPT), str(script), str(lifeline)],
                cwd=version.working,
                env=kernel_environment(version.folder, bool(version.request.enable_internet)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(lifeline,),
                start_new_session=True,
            )
            self._running[version] = process
        self._store.update(version, status="RUNNING", started=time.time())
        return process

    def _end(self, version: Version, outcome: dict[str, str]) -> None:
        if not version.folder.is_dir():
            return
        set_writable(version.kaggle, True)
        for name in list_files(version.working, contained=True):
            if not (version.working / name).is_symlink():
                (version.working / name).chmod(0o444)  # other kernels mount it
        session = version.session
        spent = time.time() - session.get("started", time.time())
        self._store.add_usage(session["accelerator"], spent)
        self._store.update(version, ended=time.time(), **outcome)


def kernel_environment(folder: Path, network: bool) -> dict[str, str]:
    """The whole environment of a kernel: nothing of the user's own, no credentials."""
    for name in ("home", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "KAGGLE_KERNEL_RUN_TYPE": "Batch",
        "KAGGLE_CACHE_MOUNT_FOLDER": str(folder / "kaggle" / "input"),
        "KAGGLEHUB_CACHE": str(folder / "home" / "kagglehub"),
        "MPLBACKEND": "Agg",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PIP_NO_INDEX": "1",
        "PYTHONPATH": str(GUARD),
        "LOCAL_KAGGLE_NETWORK": "loopback" if network else "off",
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
    }


def _watch(version: Version, process: subprocess.Popen[bytes], limit: float) -> dict[str, str]:
    """Write the log until the process ends or is stopped at the limit; return how it ended."""
    start, lock = time.monotonic(), threading.Lock()
    last_lines: dict[str, str] = {}

    def copy(stream_name: str, pipe: IO[bytes]) -> None:
        with pipe, open(version.log, "a", encoding="utf-8") as log:
            for line in iter(lambda: pipe.readline(_CHUNK), b""):
                text = line.decode("utf-8", "replace")
                entry = {"stream_name": stream_name, "time": round(time.monotonic() - start, 6)}
                with lock:
                    log.write(json.dumps({**entry, "data": text}) + "\n")
                    log.flush()
                if text.strip():
                    last_lines[stream_name] = text.strip()

    pipes = (("stdout", process.stdout), ("stderr", process.stderr))
    readers = [threading.Thread(target=copy, args=pipe, daemon=True) for pipe in pipes]
    for reader in readers:
        reader.start()
    outcome = {"status": "CANCEL_ACKNOWLEDGED"}
    outcome["failure"] = f"the session was stopped at its limit of {limit:.0f} seconds"
    with contextlib.suppress(subprocess.TimeoutExpired):
        code = process.wait(limit)
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
        outcome = {"status": "ERROR", "failure": how} if code else {"status": "COMPLETE"}
    _kill_group(process, ended=True)  # processes that it started end with it
    for reader in readers:
        reader.join(5)
    process.wait()
    if outcome["status"] == "ERROR" and "stderr" in last_lines:
        outcome["failure"] += f": {last_lines['stderr']}"
    return outcome


def _kill_group(process: subprocess.Popen[bytes], ended: bool = False) -> None:
    # A process that has been waited for may have given its number away since.
    if ended or process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
