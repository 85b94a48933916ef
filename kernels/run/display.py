"""What a person sees while kernels run: a live table, or plain lines without a terminal."""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from kernels.kaggle.states import KernelState
from kernels.run.state import KernelRecord

_COLOURS = {
    KernelState.COMPLETE: "green",
    KernelState.ERROR: "red",
    KernelState.RUNNING: "cyan",
    KernelState.QUEUED: "yellow",
}


@dataclass(frozen=True)
class View:
    """One kernel as it is shown: what the run knows, and the last progress line of its log."""

    name: str
    known: KernelRecord
    progress: Mapping[str, str]
    no_session: bool = False

    @property
    def state(self) -> str:
        """The kernel's state, or that it waits for a free session."""
        return "NO SESSION" if self.no_session else self.known.state

    @property
    def shown(self) -> tuple[str, str, str]:
        """The stage, the epoch (``3/12``) and loss, accuracy and the like, while it runs."""
        if self.known.state is not KernelState.RUNNING:
            return "", "", ""
        facts = {**self.progress}
        stage, epoch = facts.pop("stage", ""), facts.pop("epoch", "")
        return stage, epoch, " ".join(f"{name}={value}" for name, value in facts.items())

    @property
    def elapsed(self) -> float:
        """Seconds since it was pushed, until it ended."""
        since = time.time() - self.known.pushed if self.known.pushed else 0.0
        return self.known.seconds + max(0.0, since)


class PlainDisplay:
    """One line for each change of a kernel's state, stage or epoch."""

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._shown: dict[str, tuple[str, ...]] = {}

    def show(self, views: Iterable[View]) -> None:
        """Print the kernels that changed."""
        for view in views:
            seen = (view.state, *view.shown[:2])
            if self._shown.get(view.name) != seen:
                self._shown[view.name] = seen
                words = filter(None, [view.name, view.state, *view.shown])
                self.say(f"{view.elapsed:6.1f} s  {' '.join(words)}")

    def say(self, line: str) -> None:
        """Print one line."""
        print(line, file=self._stream, flush=True)


class LiveDisplay:
    """A table that is drawn anew in place, by rich's ``Live``."""

    def __init__(self, live: Any):
        self._live = live

    def show(self, views: Iterable[View]) -> None:
        """Draw the table of kernels."""
        self._live.update(_table(views), refresh=True)

    def say(self, line: str) -> None:
        """Print one line above the table."""
        self._live.console.print(line, highlight=False, markup=False, soft_wrap=True)


Display = PlainDisplay | LiveDisplay


@contextmanager
def open_display(stream: TextIO | None = None) -> Iterator[Display]:
    """Open a live table on a terminal, else plain lines; on standard error by default."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield PlainDisplay(stream)
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(file=stream), auto_refresh=False) as live:
        yield LiveDisplay(live)


def _table(views: Iterable[View]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("kernel", "state", "stage", "epoch"):
        table.add_column(heading, no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("", overflow="ellipsis", no_wrap=True, style="dim")
    for view in views:
        state = Text(view.state.lower(), style=_COLOURS.get(view.known.state, "dim"))
        elapsed = f"{view.elapsed:.0f} s" if view.elapsed else ""
        stage, epoch, facts = view.shown
        table.add_row(view.name, state, stage, epoch, elapsed, facts)
    return table
