"""Text that others wrote (a kernel, a server), made fit for a terminal, a log or a page."""

import os
import re
import sys
from collections.abc import Iterable
from typing import TextIO

from common.secrets import hide

LONGEST = 4000  # characters of a line that are shown
# What a terminal obeys: ``ESC [ … letter``, ``ESC ] … BEL`` (a title, a link), other escapes.
_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-~]?"
)
# Control characters but for the tab, line separators, and what turns the direction of writing.
_CONTROL = re.compile(r"[\0-\x08\n-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def printable(text: str, longest: int = 0) -> str:
    """Return one line of text without anything that a terminal obeys.

    Colours and links lose their sequences, other control characters become a space, what is no
    character becomes U+FFFD. Of more than ``longest`` characters (0: any number) the first are
    kept, and how many there are is said.
    """
    if text.isprintable() and not 0 < longest < len(text):  # most often: it is quick
        return text
    cut = f" ... ({len(text):,} characters)" if 0 < longest < len(text) else ""
    text = _SEQUENCE.sub("", hide(text)[:longest] if cut else text)
    return _SURROGATE.sub("\ufffd", _CONTROL.sub(" ", text)) + cut


def printable_lines(text: str, longest: int = 0) -> str:
    """Return text as ``printable`` with its line breaks kept."""
    return "\n".join(printable(line, longest) for line in text.split("\n"))


def say(text: object, stream: TextIO | None = None) -> None:
    """Print printable lines at once, to standard output unless another ``stream`` is given."""
    print(printable_lines(str(text), LONGEST), file=stream or sys.stdout, flush=True)


def warn(text: object) -> None:
    """Print printable lines on standard error. That nobody reads them any more ends no work."""
    try:
        say(text, sys.stderr)
    except OSError:
        discard(sys.stderr)


def discard(stream: TextIO) -> None:
    """Throw away what is written to a standard stream from now on, and what waits in it."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def prepare_streams() -> None:
    """Let standard output and error take any text: what they cannot show is escaped (``\\u2026``).

    One that is closed takes it in silence.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def some(names: Iterable[str], most: int, between: str = ", ") -> str:
    """Return names in a row, at most the first ``most``, and how many more there are."""
    known = list(names)
    more = [f"and {len(known) - most} more"] if len(known) > most else []
    return between.join([*known[:most], *more])


def size_in_words(number: float) -> str:
    """Return a number of bytes as people write it: ``71 MB``, ``1.3 GB``."""
    for unit in ("bytes", "kB", "MB"):
        if number < 999.5:
            digits = 1 if number < 9.95 and unit != "bytes" else 0
            return f"{number:.{digits}f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
