"""The one exception for what a person can put right, and how it is shown."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from common.temporary import remove_temporary

PREFIX = "error: "
_MACHINE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "make room"),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "choose a place that may be written"),
    **dict.fromkeys((errno.EEXIST, errno.EISDIR, errno.ENOTDIR), "move away what has this name"),
    errno.ENAMETOOLONG: "choose a shorter name",
}


class UserError(Exception):
    """A wrong input or a state that only the user can mend.

    The message is one line that says what is wrong, where, and what to do. ``details`` are
    further lines to show below it, such as the end of a log. Commands print both without a
    traceback and exit with a non-zero status.
    """

    def __init__(self, message: str, details: tuple[str, ...] = ()):
        super().__init__(message)
        self.details = details


def show(error: UserError) -> None:
    """Print it to stderr as ``error: …``, below its details."""
    from common.text import printable, warn  # which needs UserError itself

    for line in error.details:
        warn(f"  | {line}")
    warn(f"{PREFIX}{printable(str(error))}")


@contextmanager
def machine_faults() -> Iterator[None]:
    """Turn the machine's own refusals (a full disk, a read-only folder) into a UserError."""
    try:
        yield
    except OSError as error:
        if error.errno not in _MACHINE:
            raise
        where = error.filename or "this machine's disk"
        raise UserError(
            f"{where}: {error.strerror}: {_MACHINE[error.errno]}, then give the same command again"
        ) from None


def show_uncaught() -> None:
    """From now on a UserError that nobody catches ends this process in one line, too.

    A kernel script makes its recipe while it is imported: there is nobody yet to catch it. Whatever
    it is, the process ends at once (``end_process``).
    """
    others = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, UserError):
            show(error)
        else:
            others(kind, error, trace)
        end_process(1)

    sys.excepthook = hook


def end_process(status: int) -> None:
    """End this process without the interpreter's own end.

    There an input pipeline that was broken off may wait for the interpreter for ever
    (https://github.com/tensorflow/tensorflow/pull/21319).
    """
    remove_temporary()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


@contextmanager
def shown_in_one_line() -> Iterator[None]:
    """Show a UserError as ``error: …`` below its details, and exit with status 1."""
    try:
        with machine_faults():
            yield
    except UserError as error:
        show(error)
        sys.exit(1)
