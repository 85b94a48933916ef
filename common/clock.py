"""A clock that goes on evenly while the process runs, however the machine's own clock is set."""

import time


def _elapsed() -> float:
    """Seconds since some moment, also those in which the machine sleeps where that is known."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


_START = time.time() - _elapsed()


def now() -> float:
    """Seconds since 1970, by the machine's clock when the process began."""
    return _START + _elapsed()
