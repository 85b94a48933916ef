"""One send at a time, and a note of what may still be on its way to Kaggle.

Copies of a run, and other runs with the same file, know nothing of each other until Kaggle lists
what one of them has sent. On one machine they meet here: in a file of the user's, for each
account and competition.
"""

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kernels.run.state import Run


@dataclass(frozen=True)
class Sends:
    """The sends whose outcome is unknown: mark → hash of the file, in ``file``."""

    file: IO[str]

    @property
    def pending(self) -> dict[str, str]:
        """Return them; a file that was cut has none."""
        self.file.seek(0)
        try:
            read = json.loads(self.file.read() or "{}")
        except (ValueError, RecursionError):
            read = {}
        known = read if isinstance(read, dict) else {}
        return {str(mark): str(sha256) for mark, sha256 in known.items()}

    def note(self, mark: str, sha256: str) -> None:
        """Note a send, before it is made."""
        self._write({**self.pending, mark: sha256})

    def clear(self, mark: str) -> None:
        """Forget a send: its outcome is known."""
        pending = self.pending
        if pending.pop(mark, None) is not None:
            self._write(pending)

    def _write(self, pending: dict[str, str]) -> None:
        self.file.truncate(0)  # it is written at its end
        self.file.write(json.dumps(pending))
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
