"""What a person sees while kernels run: a live table, or plain lines without a terminal."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO, cast

from common.clock import now
from common.text import LONGEST, discard, printable, printable_lines, say
from kernels.kaggle.states import KernelState
from kernels.run.state import KernelRecord

# Name, state, seconds since its push until its end; and while it runs, of its last progress line,
# the stage, the epoch (``3/12``), and loss, accuracy and the like.
Row = tuple[str, str, float, str, str, str]
_WIDE = 40  # characters of a stage
_EVERY = 30.0  # seconds between lines of a kernel in which only other facts have changed
_COLOURS = {"complete": "green", "error": "red", "running": "cyan", "queued": "yellow"}


def row_of(name: str, known: KernelRecord, progress: Mapping[str, str], no_session: bool) -> Row:
    """Return what is shown of a kernel; ``progress`` has the facts of its last progress line."""
    facts = {**progress} if known.state is KernelState.RUNNING else {}
    stage, epoch = (printable(facts.pop(fact, ""), _WIDE) for fact in ("stage", "epoch"))
    words = printable(" ".join(f"{key}={value}" for key, value in facts.items()), 5 * _WIDE)
    state = "NO SESSION" if no_session else known.state
    return name, state, known.spent(now()), stage, epoch, words


class PlainDisplay:
    """One line for each change of a kernel's state, stage or epoch; others are shown seldom."""

    def __init__(self, stream: TextIO, every: float = _EVERY):
        self._stream = stream
        self._every = every  # seconds
        self._shown: dict[str, tuple[float, tuple[str, ...]]] = {}

    def show(self, rows: Sequence[Row]) -> None:
        """Print the kernels that changed."""
        for name, state, seconds, stage, epoch, facts in rows:
            last, known = self._shown.get(name, (0.0, ()))
            due = time.monotonic() >= last + self._every
            latest = (state, stage, epoch, facts)
            if known[:3] != latest[:3] or (due and known != latest):
                self._shown[name] = (time.monotonic(), latest)
                words = " ".join(filter(None, (name, state, stage, epoch, facts)))
                self.say(f"{seconds:6.1f} s  {words}")

    def say(self, line: str) -> None:
        """Print one line."""
        say(line, self._stream)

    def ask(self, question: str) -> bool:
        """Ask, where no terminal shows the question."""
        return _answer(question, self._stream)


class LiveDisplay:
    """A table that is drawn anew in place, by rich's ``Live``."""

    def __init__(self, live: Any):
        self._live = live

    def show(self, rows: Sequence[Row]) -> None:
        """Draw the table of kernels."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for heading in ("kernel", "state", "stage", "epoch"):
            table.add_column(heading, no_wrap=True)
        table.add_column("time", justify="right", no_wrap=True)
        table.add_column("", overflow="ellipsis", no_wrap=True, style="dim")
        for name, state, seconds, stage, epoch, facts in rows:
            word, time = state.lower(), f"{seconds:.0f} s" if seconds else ""
            coloured = Text(word, _COLOURS.get(word, "dim"))
            table.add_row(Text(name), coloured, *map(Text, (stage, epoch, time, facts)))
        self._live.update(table, refresh=True)

    def say(self, line: str) -> None:
        """Print one line above the table."""
        from rich.text import Text

        self._live.console.print(Text(printable_lines(line, LONGEST)), soft_wrap=True)

    def ask(self, question: str) -> bool:
        """Ask a person below the table, which stays as it is."""
        self._live.stop()
        return _answer(question, self._live.console.file)


Display = PlainDisplay | LiveDisplay


def _answer(question: str, stream: TextIO) -> bool:
    """Show a question; return whether it is answered with yes."""
    stream.write(f"{printable(question, LONGEST)} [y/N] ")
    stream.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


class _Unread:
    """A stream whose reader may go away, such as a terminal that is closed: the run goes on."""

    def __init__(self, stream: Any):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        """Write, or throw away."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            discard(self._stream)


@contextmanager
def open_display(stream: TextIO | None = None) -> Iterator[Display]:
    """Open a live table on a terminal, else plain lines; on standard error by default."""
    stream = cast(TextIO, _Unread(stream or sys.stderr))
    if not stream.isatty():
        yield PlainDisplay(stream)
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(file=stream), auto_refresh=False) as live:
        yield LiveDisplay(live)
