"""Runs kernels: a supervised process each, in a copy of Kaggle's folders, with log and cap."""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import IO

from common.clock import now
from kernels.local.confine import GUARD, allowed
from kernels.local.files import append_line, list_files
from kernels.local.limits import session_seconds
from kernels.local.mounts import Mount, set_writable
from kernels.local.store import STOPPED, Store, Version

RUN_SCRIPT = Path(__file__).with_name("run_script.py")
ROOM = 1.0  # seconds until an end that could not be written is written again
_LOG = logging.getLogger("kernels.local")
_PASSED_ON = ("LD_LIBRARY_PATH", "VIRTUAL_ENV", "SYSTEMROOT")
_CHUNK = 65536
_PATIENCE = 10  # seconds that a kernel's supervisor has to end everything


class Sessions:
    """The sessions of one local Kaggle: at most ``max_parallel`` run, the others are queued.

    No kernel may read ``private`` files or folders, nor the state's but for its own.
    """

    def __init__(self, store: Store, mount: Mount, max_parallel: int, private: Sequence[Path] = ()):
        self._store = store
        self._mount = mount
        self._private = (store.root, *private)
        self._slots = ThreadPoolExecutor(max_parallel, thread_name_prefix="kernel")
        self._running: dict[Version, FileIO] = {}  # our ends of their lifelines
        self._killed: set[Version] = set()
        self._lock = threading.Lock()
        self.closed = threading.Event()

    def start(self, version: Version) -> None:
        """Run ``version`` as soon as there is a slot."""
        self._slots.submit(self._run, version)

    def kill(self, ref: str) -> None:
        """End what runs of kernel ``owner/slug``, and wait until it has ended."""
        while True:
            with self._lock:
                found = [version for version in self._running if version.ref == ref]
                for version in found:
                    self._running[version].close()
                self._killed.update(found)
            if not found:
                return
            time.sleep(0.02)

    def close(self) -> None:
        """End every session, running or queued, and wait until they have ended."""
        with self._lock:
            self.closed.set()
            for lifeline in self._running.values():
                lifeline.close()
        self._slots.shutdown(cancel_futures=True)
        with contextlib.suppress(OSError):  # a full disk: the next server of this state does it
            self._store.fail_unfinished()

    def _run(self, version: Version) -> None:
        if self.closed.is_set() or not version.folder.is_dir():
            return
        reading, writing = os.pipe()
        with FileIO(writing, "w") as lifeline:
            try:
                process = self._spawn(version, reading, lifeline)
                outcome = _watch(version, process, lifeline, session_seconds(version.request))
            except Exception as error:  # whatever it was, the kernel must not stay RUNNING
                outcome = {"status": "ERROR", "failure": f"{type(error).__name__}: {error}"}
            finally:
                os.close(reading)
        if self.closed.is_set() and outcome["status"] != "COMPLETE":
            outcome = {"status": "ERROR", "failure": STOPPED}
        try:
            self._end_when_there_is_room(version, outcome)
        finally:
            with self._lock:
                self._running.pop(version, None)
                self._killed.discard(version)

    def _spawn(self, version: Version, lifeline: int, other_end: FileIO) -> subprocess.Popen[bytes]:
        script = version.kaggle / "src" / "script.py"
        environment = kernel_environment(version.folder, bool(version.request.enable_internet))
        mounted = self._mount(version.request, version.kaggle)
        may = json.dumps(allowed(version, mounted, self._private))
        (version.folder / "allowed.json").write_text(may, "utf-8")
        with self._lock:
            if self.closed.is_set():
                raise RuntimeError(STOPPED)
            self._store.update(version, status="RUNNING", started=now())
            process = subprocess.Popen(
                [sys.executable, "-u", str(RUN_SCRIPT), str(script), str(lifeline)],
                cwd=version.working,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(lifeline,),
                start_new_session=True,
            )
            self._running[version] = other_end
        return process

    def _end_when_there_is_room(self, version: Version, outcome: dict[str, str]) -> None:
        ended, said = now(), False
        while True:
            last = self.closed.is_set() or version in self._killed
            try:
                return self._end(version, outcome, ended)
            except OSError as error:  # such as a full disk
                if not said:
                    named = f"{version.ref} v{version.number}"
                    _LOG.error("%s has ended, which cannot be written yet: %s", named, error)
                if last:  # the next server of this state finds it, or it is deleted
                    return None
            said = True
            self.closed.wait(ROOM)

    def _end(self, version: Version, outcome: dict[str, str], ended: float = 0.0) -> None:
        if not version.folder.is_dir():
            return
        with contextlib.suppress(OSError):  # what the kernel has done to them
            set_writable(version.kaggle, True)
            for name in list_files(version.working, contained=True):
                if not (version.working / name).is_symlink():
                    (version.working / name).chmod(0o444)  # other kernels mount it
        session, ended = version.session, ended or now()
        spent = ended - session.get("started", ended)
        self._store.add_usage(session["accelerator"], spent, ended)
        self._store.update(version, ended=ended, **outcome)


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


def _watch(
    version: Version, process: subprocess.Popen[bytes], lifeline: FileIO, limit: float
) -> dict[str, str]:
    """Write the log until the process ends or is stopped at the limit; return how it ended."""
    log = LogWriter(version)
    pipes = (("stdout", process.stdout), ("stderr", process.stderr))
    readers = [threading.Thread(target=log.copy, args=pipe, daemon=True) for pipe in pipes]
    for reader in readers:
        reader.start()
    outcome = {"status": "CANCEL_ACKNOWLEDGED"}
    outcome["failure"] = f"the session was stopped at its limit of {limit:.0f} seconds"
    with contextlib.suppress(subprocess.TimeoutExpired):
        code = process.wait(limit)
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
        outcome = {"status": "ERROR", "failure": how} if code else {"status": "COMPLETE"}
    lifeline.close()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for reader in readers:
        reader.join(5)
    if outcome["status"] == "ERROR" and "stderr" in log.last_lines:
        outcome["failure"] += f": {log.last_lines['stderr']}"
    return outcome


class LogWriter:
    """Writes what a kernel prints into its log; ``last_lines`` has the last of each stream."""

    def __init__(self, version: Version):
        self._path, self._start, self._lock = version.log, time.monotonic(), threading.Lock()
        self.last_lines: dict[str, str] = {}

    def copy(self, stream_name: str, pipe: IO[bytes]) -> None:
        """Copy one stream until it ends; what a full disk does not take is lost."""
        with pipe, open(self._path, "ab", buffering=0) as log:
            for line in iter(lambda: pipe.readline(_CHUNK), b""):
                text = line.decode("utf-8", "replace")
                seconds = round(time.monotonic() - self._start, 6)
                entry = {"stream_name": stream_name, "time": seconds, "data": text}
                with self._lock, contextlib.suppress(OSError):
                    append_line(log, json.dumps(entry))
                if text.strip():
                    self.last_lines[stream_name] = text.strip()
