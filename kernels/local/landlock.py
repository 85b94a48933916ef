"""Landlock: which files this process and its children may reach (Linux 5.19 and newer).

A restricted process cannot look into those outside either, nor send them signals: their
``/proc/<pid>/environ``, ``mem`` and ``fd`` are closed to it
(https://docs.kernel.org/userspace-api/landlock.html). This file imports only the standard library:
``run_script.py`` loads it by its path.
"""

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls
_PATH_BENEATH, _NO_NEW_PRIVILEGES = 1, 38
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1, 2, 4, 8
_TRUNCATE, _DEVICE = 1 << 14, 1 << 15  # since versions 3 and 5
_READ = _EXECUTE | _READ_FILE | _READ_FOLDER
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICE
# The administrator's rights over files (CHOWN, DAC_OVERRIDE, FOWNER, FSETID); with others
# (SYS_ADMIN, PERFMON, SYS_RAWIO) memory can be read past Landlock.
_CAPABILITIES, _CAPABILITY_VERSION = 0b11011, 0x20080522
_SCOPES = 3  # no abstract sockets of, and no signals to, processes outside; since version 6


def version() -> int:
    """The version of Landlock here; 0 where there is none that is good enough.

    The first one cannot rename a file into another folder, which TensorFlow does.
    """
    if sys.platform != "linux":
        return 0
    found = int(ctypes.CDLL(None).syscall(_CREATE, None, ctypes.c_size_t(0), 1))
    return found if found > 1 else 0


def restrict(readable: Iterable[str], writable: Iterable[str]) -> None:
    """From now on allow nothing but these files and what is below these folders.

    Paths that do not exist are passed over. Raises OSError where it is not possible.
    """
    now = version()
    every = (1 << 14) - 1 | (now >= 3) * _TRUNCATE | (now >= 5) * _DEVICE
    ruleset = _new_ruleset(every, now)
    for paths, access in ((readable, _READ), (writable, every)):
        for path in paths:
            try:
                found = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            of_folders = -1 if stat.S_ISDIR(os.fstat(found).st_mode) else _OF_FILES
            rule = struct.pack("=Qi", access & of_folders, found)
            _call(_ADD, ruleset, _PATH_BENEATH, rule, 0)
            os.close(found)
    ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _drop_capabilities()
    _call(_RESTRICT, ruleset, 0)
    os.close(ruleset)


def _new_ruleset(access: int, now: int) -> int:
    size = 8 if now < 4 else 16 if now < 6 else 24
    for scopes in (_SCOPES, 0):  # RHEL 9 claims version 6 and has no scopes
        attributes = struct.pack("=QQQ", access, 0, scopes)[:size]
        try:
            return _call(_CREATE, attributes, ctypes.c_size_t(size), 0)
        except OSError:
            if now < 6 or not scopes:
                raise
    raise AssertionError


def _drop_capabilities() -> None:
    """Give up what an administrator may do besides reading and writing files."""
    libc, header = ctypes.CDLL(None), struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    sets = ctypes.create_string_buffer(24)  # effective, permitted, inheritable; low, high
    libc.capget(header, sets)
    permitted = struct.unpack("=6I", sets)[1] & _CAPABILITIES
    if libc.capset(header, struct.pack("=6I", permitted, permitted, 0, 0, 0, 0)):
        raise OSError("the administrator's capabilities could not be given up")


def _call(number: int, *arguments: object) -> int:
    answer = int(ctypes.CDLL(None, use_errno=True).syscall(number, *arguments))
    if answer < 0:
        raise OSError(ctypes.get_errno(), "Landlock refused it")
    return answer
