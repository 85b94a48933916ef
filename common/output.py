"""Keeps secrets out of what this process prints, and out of its command line."""

import atexit
import re
import sys
from collections.abc import Iterable, Sequence
from threading import RLock
from typing import Any, TextIO

from common.errors import UserError
from common.secrets import SHOWN, find_secret, hide, learn_secrets, unfinished

_COMMAND = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]\Z")


class HidingStream:
    """A text stream that hides secrets in what is written to it, in one call or in several.

    Text without an end of line waits for it or for ``flush``; what may be the beginning of a
    secret waits for the next text.
    """

    def __init__(self, stream: TextIO):
        self._stream, self._waiting, self._lock = stream, "", RLock()
        atexit.register(self._finish)

    def write(self, text: str) -> int:
        """Write ``text`` without its secrets; return its length."""
        with self._lock:
            self._waiting += text
            self._pass_on(self._waiting.rfind("\n") + 1)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write all of ``lines``."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Pass on what waits."""
        with self._lock:
            self._waiting = hide(self._waiting)
            commanded = _COMMAND.search(self._waiting)  # the terminal must have it whole
            self._pass_on(len(self._waiting) - (0 if commanded else unfinished(self._waiting)))
            self._stream.flush()

    def _pass_on(self, length: int) -> None:
        whole, self._waiting = self._waiting[:length], self._waiting[length:]
        if whole:
            self._stream.write(hide(whole))

    def _finish(self) -> None:
        """Pass on a rest that is no secret, or too little of one."""
        if self._waiting and not self._stream.closed:
            self._stream.write(self._waiting if len(self._waiting) < 8 else SHOWN)
            self._waiting = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def hide_in_output() -> None:
    """From now on, hide the secrets of environment and files in all that this process prints."""
    learn_secrets()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, HidingStream):
            setattr(sys, name, HidingStream(stream))


def refuse_secrets(words: Sequence[str]) -> None:
    """Raise UserError when a command's ``words`` have a secret in them."""
    for at, word in enumerate(words):
        if source := find_secret(word):
            before = words[at - 1] if at else ""
            named = [w.partition("=")[0] for w in (word, before) if w.startswith("--")]
            option = named[0] if named and not find_secret(named[0]) else "an argument"
            raise UserError(
                f"{option} has the secret of {source} in it: it would be kept in the run's folder "
                f"and may reach Kaggle: leave it out"
            )
