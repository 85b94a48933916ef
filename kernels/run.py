"""The folder of one run, and what stands in it: state, bundles, outputs, logs."""

import contextlib
import dataclasses
import fcntl
import itertools
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from common.errors import UserError
from common.manifest import write_json

FORMAT = 1
STATE = "state.json"


@dataclass(frozen=True)
class KernelState:
    """What a run knows of one of its kernels.

    Attributes:
        version: Kaggle's number of the pushed version; 0 before the first push.
        state: Kaggle's state of that version.
        key: hash of what was pushed and of its sources' versions; the same key need not run again.
        seconds: from push to end, as seen from here.
    """

    version: int = 0
    state: str = "WAITING"
    key: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Sent:
    """A submission that was sent: the file's SHA-256, Kaggle's reference, and its scores."""

    sha256: str
    ref: int
    public_score: float | None = None
    private_score: float | None = None


@dataclass
class Run:
    """A run's state, saved atomically to ``state.json`` after every change.

    Attributes:
        folder: where the run lives.
        competition: its name on the command line.
        dry_run: whether its Kaggle is the local one.
        data: what a dry run was made with, in words; empty for a real run.
        nonce: stands in every kernel it pushes and in every manifest they leave.
        state: ``running``, ``complete``, ``failed`` or ``interrupted``.
        kernels: by name within the run.
        submissions: what was sent, oldest first.
    """

    folder: Path
    competition: str
    dry_run: bool
    nonce: str
    state: str = "running"
    kernels: dict[str, KernelState] = field(default_factory=dict)
    submissions: list[Sent] = field(default_factory=list)
    data: str = ""

    def save(self) -> None:
        """Write ``state.json``."""
        values = dataclasses.asdict(self)
        del values["folder"]
        write_json(self.folder / STATE, {"format": FORMAT, **values})

    def set_kernel(self, name: str, **changes: Any) -> KernelState:
        """Change what is known of a kernel, and save."""
        known = self.kernels.get(name, KernelState())
        self.kernels[name] = dataclasses.replace(known, **changes)
        self.save()
        return self.kernels[name]

    def set_state(self, state: str) -> None:
        """Change the run's own state, and save."""
        self.state = state
        self.save()

    def hold_data(self, told: str) -> None:
        """Note what the run is made with. Raises UserError when it began with other data."""
        if self.data and self.data != told:
            raise UserError(
                f"run {self.folder} was made with {self.data}, and this is {told}: give it the "
                f"same data, or name another --run-dir"
            )
        self.data = told
        self.save()

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Own the run's folder, and record how the work inside ends if it breaks off.

        Raises UserError when another process owns it.
        """
        with open(self.folder / "lock", "a+") as lock:
            _own(lock, self.folder)
            self.__dict__.update(vars(open_run(self.folder, self.competition, self.dry_run)))
            with self._recorded():
                yield

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        self.set_state("running")
        try:
            yield
        except KeyboardInterrupt:
            self.set_state("interrupted")
            raise
        except BaseException:
            self.set_state("failed")
            raise

    def bundle(self, name: str) -> Path:
        """Where a kernel's pushed files are."""
        return self.folder / "kernels" / name

    def output(self, name: str) -> Path:
        """Where a kernel's output is."""
        return self.folder / "outputs" / name

    def log(self, name: str) -> Path:
        """Where a kernel's log is."""
        return self.folder / "logs" / f"{name}.log"


def _own(lock: IO[str], folder: Path) -> None:
    """Lock the open file for as long as it stays open, and write our number into it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip()
        raise UserError(
            f"run {folder} is at work in process {owner}: wait for it, or name another --run-dir"
        ) from None
    lock.truncate(0)
    print(os.getpid(), file=lock, flush=True)


def new_folder(competition: str, dry_run: bool) -> Path:
    """Make a new folder ``runs/<competition>-<time>``; two commands never get the same one."""
    name = f"{competition}{'-dry-run' if dry_run else ''}-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in itertools.count(1):
        folder = Path("runs") / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise AssertionError("unreachable")


def open_run(folder: Path, competition: str, dry_run: bool) -> Run:
    """The run in ``folder``: the one that is there, or a new one.

    Raises UserError when the folder holds another competition's run or something else.
    """
    path = folder / STATE
    if os.path.exists(path):
        return _load(path, competition, dry_run)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            f"--run-dir {folder}: it holds something else than a run; name a new folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--run-dir {folder} cannot be made: {error.strerror}") from None
    run = Run(folder.resolve(), competition, dry_run, secrets.token_hex(6))
    run.save()
    return run


def _load(path: Path, competition: str, dry_run: bool) -> Run:
    try:
        values = json.loads(path.read_text("utf-8"))
        if values.pop("format") != FORMAT:
            raise ValueError("another format")
        kernels = {name: KernelState(**known) for name, known in values.pop("kernels").items()}
        sent = [Sent(**known) for known in values.pop("submissions")]
        run = Run(path.parent.resolve(), kernels=kernels, submissions=sent, **values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} cannot be read ({error}): name another --run-dir") from None
    if run.competition != competition:
        raise UserError(f"--run-dir {path.parent} is a run of {run.competition}, not {competition}")
    if run.dry_run != dry_run:
        kind, hint = ("dry", "add") if run.dry_run else ("real", "leave out")
        raise UserError(f"--run-dir {path.parent} is a {kind} run: {hint} --dry-run")
    return run
