"""One send at a time, and a note of what Kaggle may not list yet.

Copies of a run, and other runs with the same file, know nothing of each other until Kaggle lists
what one of them has sent. On one machine they meet here: in a file of the user's, for each
account and competition.
"""

import fcntl
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from kernels.run.state import Run

_REMEMBERED = 3600.0  # seconds; by then Kaggle lists it


class Sent(NamedTuple):
    """A send: its mark, the file's hash, Kaggle's reference (0 while it is unknown), and when."""

    mark: str
    sha256: str
    ref: int
    at: float


@dataclass(frozen=True)
class Sends:
    """The sends of the last hour, and older ones whose outcome is unknown, in ``file``."""

    file: IO[str]

    @property
    def all(self) -> list[Sent]:
        """Return them; a file that was cut has none."""
        self.file.seek(0)
        try:
            read = [Sent(*values) for values in json.loads(self.file.read() or "[]")]
        except (ValueError, TypeError):
            read = []
        return [one for one in read if not one.ref or abs(time.time() - one.at) < _REMEMBERED]

    def note(self, mark: str, sha256: str, ref: int) -> None:
        """Note a send, before it is made with ``ref`` 0, and then what Kaggle calls it."""
        self._write([*self._without(mark), Sent(mark, sha256, ref, time.time())])

    def clear(self, mark: str) -> None:
        """Forget a send that was not taken."""
        self._write(self._without(mark))

    def _without(self, mark: str) -> list[Sent]:
        return [one for one in self.all if one.mark != mark]

    def _write(self, sends: list[Sent]) -> None:
        self.file.truncate(0)  # it is written at its end
        self.file.write(json.dumps(sends))
        self.file.flush()


@contextmanager
def one_at_a_time(run: Run, slug: str, say: Callable[[str], None]) -> Iterator[Sends]:
    """Wait until no other command of this user sends to the competition, and keep others waiting.

    Where the home folder cannot be written, only the run's own folder knows.
    """
    name = f"{run.owner}-{slug}.json"
    folder = Path.home() / ".cache" / "kaggle-sends"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / name, "a+", encoding="utf-8")  # noqa: SIM115 (closed below)
    except OSError:
        file = open(run.folder / name, "a+", encoding="utf-8")  # noqa: SIM115
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another command is sending to {slug}: waiting until it has ended")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield Sends(file)
