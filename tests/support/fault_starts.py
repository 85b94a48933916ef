"""One start of the command in the fault runs: a process that is disturbed, and how it must end."""

import contextlib
import json
import os
import random
import signal
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support import tiny, warm

COMMAND = ("tiny", "--ensemble", "--accelerator", "cpu", "--json", "--set", "resamples=2")
# What a start imports, so that each is forked from a process that has. Kernels have ``LIBRARIES``.
PRODUCT = (
    *("submit", "kernels.__main__", "kernels.pipeline", "kernels.results.rehearsal"),
    *("kernels.results.terminal", "kernels.local.dry_run", "kagglesdk.kaggle_client"),
    "quick_start",
)
LONGEST = 200.0  # seconds; then it hangs
HOW = ("save", "moment", "call", "signal", "disk", "clock", *["not"] * 6)


@dataclass(frozen=True)
class End:
    """How one start ended."""

    how: str
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """Its error line, or nothing."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        return lines[-1] if lines else ""

    @property
    def wrong(self) -> str:
        """What no start may end with, or nothing."""
        if self.code == -signal.SIGKILL and self.how in ("save", "moment", "call"):
            return ""
        lines = sum(line.startswith("error: ") for line in self.err.splitlines())
        wanted = {0: 0, 1: 1, 130: 0}
        if "Traceback" in self.err + self.out:
            return "a traceback"
        if tiny.KEY in self.err + self.out:
            return "a secret is shown"
        if self.code not in wanted or (self.code == 130 and self.how != "signal"):
            return f"the exit status is {self.code}"
        if lines != wanted[self.code]:
            return f"{lines} error lines with exit status {self.code}"
        try:
            state = json.loads(self.out.splitlines()[-1])["state"]
        except (LookupError, ValueError, TypeError):
            return f"--json ends in {self.out[-80:]!r}"
        fits = {0: "complete", 1: "failed", 130: "interrupted"}[self.code] == state
        return "" if fits else f"the exit status {self.code} is shown as {state}"


@dataclass
class Start:
    """A running command."""

    how: str
    options: tuple[object, ...]
    env: dict[str, str]
    cwd: Path
    seconds: float = LONGEST  # until it is ended
    texts: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        command = tiny.command(*COMMAND, *self.options)[1:]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        address = warm.server(*warm.LIBRARIES, *PRODUCT, PYTHONPATH=os.pathsep.join(PLACES))
        self.process = warm.Fork(command, cwd=self.cwd, env=self.env, address=address, **pipes)
        streams = {1: self.process.stdout, 2: self.process.stderr}
        self.readers = [threading.Thread(target=self._read, args=one) for one in streams.items()]
        for reader in self.readers:
            reader.start()

    def _read(self, number: int, stream: Any) -> None:
        self.texts[number] = ""
        with stream:
            for line in stream:
                self.texts[number] += line.decode("utf-8", "replace")
                if self.how == "signal" and number == 2 and "run folder" in self.texts[2]:
                    threading.Timer(self.seconds, self.send, (signal.SIGINT,)).start()
                    self.how = "signal "

    def send(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    def wait(self) -> End:
        """Return how it ends."""
        moment = self.how == "moment"
        try:
            code = self.process.wait(self.seconds if moment else LONGEST)
        except subprocess.TimeoutExpired:
            self.send()
            self.how = self.how if moment else "hangs"
            code = self.process.wait()
        for reader in self.readers:
            reader.join()
        return End(self.how.strip(), code, self.texts[1], self.texts[2])


PLACES = (str(tiny.ROOT), str(tiny.ROOT / "tests"))


def draw_how(chance: random.Random, env: dict[str, str], calls: tuple[str, ...]) -> dict[str, Any]:
    """What befalls a start: the arguments of ``Start``, and for ``call`` which moment."""
    how, env, drawn = chance.choice(HOW), {**env}, {}
    if how == "save":
        env["TINY_KILL"] = f"{chance.randint(2, 24)}:{chance.choice(('before', 'after'))}"
    if how == "moment":
        drawn["seconds"] = chance.uniform(0.1, 3.0)
    if how == "signal":
        drawn["seconds"] = chance.uniform(0.0, 2.0)
    if how == "disk":
        env["TINY_DISK"] = str(chance.choice((0, 300, 5_000, 60_000, 150_000)))
    if how == "clock":
        env["TINY_CLOCK"] = f"{chance.choice((-1, 1)) * chance.choice((90, 4000, 90_000))}"
        env["TINY_CLOCK"] += f":{chance.choice((0.0, 0.7, 1.5))}"
    if how == "call":
        drawn["moment"] = (chance.choice(calls), chance.choice(("arrives", "done")))
        drawn["hold"] = chance.choice((0.0, 0.0, 0.5, 2.0, 4.0))
    return {"how": how, "env": env, **drawn}
