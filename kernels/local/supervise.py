"""Watch over a kernel from outside: nothing that it has started outlives it, or the server.

A child that leaves the kernel's session, or whose parent has ended, becomes a child of this
process (a "subreaper", https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html).
Other systems than Linux have no such thing: there the kernel's process group is ended. This file
imports only the standard library: ``run_script.py`` loads it by its path.
"""

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
from pathlib import Path

_END_WITH_PARENT, _SUBREAPER = 1, 36  # of prctl


def fork_kernel(lifeline: int) -> None:
    """Return in a new process, the kernel's; this one watches over it and ends as it does.

    All that is below it is killed when it has ended, or when the other end of the pipe
    ``lifeline`` is closed.
    """
    _prctl(_SUBREAPER, 1)
    watcher = os.getpid()
    kernel = os.fork()
    if kernel:
        _watch(kernel, lifeline)
    os.close(lifeline)
    os.setsid()
    _prctl(_END_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != watcher:
        os._exit(1)


def _watch(kernel: int, lifeline: int) -> None:
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    status = None
    while (status := _reap(kernel)) is None:
        ready = select.select([lifeline, woken], [], [])[0]
        if lifeline in ready:
            status = signal.SIGKILL
            break
        os.read(woken, 4096)
    _kill_all(kernel)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError):  # SIGKILL needs no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _reap(kernel: int) -> int | None:
    """Take note of the children that have ended; the kernel's status if it is one of them."""
    while (ended := os.waitpid(-1, os.WNOHANG))[0]:
        if ended[0] == kernel:
            return ended[1]
    return None


def _kill_all(kernel: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(kernel, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):  # there are no more
        while True:
            for child in _children():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(child, signal.SIGKILL)
            os.waitpid(-1, 0)  # those of the one that has ended are this process's now


def _children() -> list[int]:
    found, me = [], str(os.getpid())
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # pid (name) state parent; the name may have any character in it
            if path.read_bytes().rpartition(b")")[2].split()[1].decode() == me:
                found.append(int(path.parent.name))
    return found


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
