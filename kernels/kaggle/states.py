"""The states of a kernel, from before its push to its end."""

from enum import StrEnum
from typing import NamedTuple


class KernelState(StrEnum):
    """Kaggle's states of a kernel version, and ours of a kernel in a run."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    ERROR = "ERROR"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    CANCEL_ACKNOWLEDGED = "CANCEL_ACKNOWLEDGED"
    NEW_SCRIPT = "NEW_SCRIPT"
    UNKNOWN = "UNKNOWN"  # a word that Kaggle has new: it is watched on

    WAITING = "WAITING"  # not pushed yet
    PUSHING = "PUSHING"  # Kaggle may have it or not
    UNFINISHED = "UNFINISHED"  # stopped before its time cap: its next version goes on
    INVALID = "INVALID"  # complete, but its output is not as it must be
    VANISHED = "VANISHED"  # Kaggle no longer has the version
    REPLACED = "REPLACED"  # another run has pushed a later version

    @property
    def running(self) -> bool:
        """Whether Kaggle may still change it."""
        return self in ("QUEUED", "RUNNING", "NEW_SCRIPT", "CANCEL_REQUESTED", "UNKNOWN")


class KernelStatus(NamedTuple):
    """A kernel version's state, and what Kaggle says of a failure."""

    state: KernelState
    message: str = ""
