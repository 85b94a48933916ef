"""The folder of one run: its state, and where its kernels' bundles, outputs and logs are."""

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
from typing import Any

from common.errors import UserError
from common.manifest import write_json
from kernels.kaggle.states import KernelState

FORMAT = 2
STATE = "state.json"


@dataclass(frozen=True)
class RunOptions:
    """How a run is carried out, whatever it runs."""

    submit: bool = True
    submit_again: bool = False  # send although the run has sent a file, or may have
    message: str = ""  # the submission's description at Kaggle, before the run's nonce
    fresh: bool = False  # use no finished kernel of an earlier run
    rerun: bool = False  # run kernels again that have changed, or that another run has replaced
    follow: bool = False  # show every line of the logs
    poll: float = 15.0  # longest pause between looks at Kaggle, in seconds
    patience: float = 3600.0  # seconds that Kaggle may be unreachable while kernels run
    score_limit: float = 3600.0  # seconds to wait for a score


@dataclass(frozen=True)
class KernelRecord:
    """What a run knows of one of its kernels."""

    version: int = 0  # Kaggle's number of the pushed version; 0 before the first push
    state: KernelState = KernelState.WAITING
    key: str = ""  # hash of what was pushed and of its sources' versions: the same need not rerun
    seconds: float = 0.0  # from push to end, of all its parts
    pushed: float = 0.0  # when, seconds since 1970; 0 while no version of it runs
    nonce: str = ""  # a mark in the pushed text and in the manifest that the kernel must write
    pushes: int = 0  # how often this run has pushed it
    parts: int = 0  # versions in a row that stopped before the time cap and were continued
    reused: str = ""  # the earlier run whose finished version this is

    def spent(self, until: float) -> float:
        """Return the seconds from its pushes to its ends, or to ``until`` while it runs."""
        return self.seconds + (max(0.0, until - self.pushed) if self.pushed else 0.0)


@dataclass(frozen=True)
class Submission:
    """A submission: noted before it is sent, completed when Kaggle has answered."""

    sha256: str  # of the file
    description: str = ""  # at Kaggle; it ends in the mark by which it is found
    ref: int = 0  # Kaggle's reference; 0 while it is not known whether Kaggle has it
    public_score: float | None = None  # of a scored one, too, where Kaggle shows none
    private_score: float | None = None
    error: str = ""  # why Kaggle could not score it
    scored: bool = False

    @property
    def mark(self) -> str:
        """``[nonce-hash]``: of the run, its copies too, and of the file."""
        return self.description[self.description.rfind("[") :]


@dataclass
class Run:
    """A run's state, saved atomically to ``state.json`` after every change."""

    folder: Path
    competition: str  # its name on the command line
    dry_run: bool
    nonce: str  # the mark of the run in every kernel that it pushes
    state: str = "running"  # or ``complete``, ``failed``, ``interrupted``
    kernels: dict[str, KernelRecord] = field(default_factory=dict)
    submissions: list[Submission] = field(default_factory=list)  # oldest first
    data: str = ""  # of a dry run in words; of a real run, a hash of Kaggle's file list
    started: str = ""  # UTC
    owner: str = ""  # the Kaggle user whose kernels it pushes
    request: dict[str, Any] = field(default_factory=dict)  # what was asked for, in plain values
    code: dict[str, Any] = field(default_factory=dict)  # hash, commit, uncommitted changes

    def save(self) -> None:
        """Write ``state.json``."""
        values = dataclasses.asdict(self)
        del values["folder"]
        write_json(self.folder / STATE, {"format": FORMAT, **values})

    def update(self, **changes: Any) -> None:
        """Change attributes of the run, and save."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.save()

    def kernel(self, name: str) -> KernelRecord:
        """Return what is known of a kernel."""
        return self.kernels.get(name, KernelRecord())

    def set_kernel(
        self, name: str, known: KernelRecord | None = None, **changes: Any
    ) -> KernelRecord:
        """Change what is known of a kernel, and save."""
        self.kernels[name] = dataclasses.replace(known or self.kernel(name), **changes)
        self.save()
        return self.kernels[name]

    def require_same(self, name: str, value: str, hint: str) -> None:
        """Note an attribute. Raises UserError when the run began with another value."""
        known = getattr(self, name)
        if known not in ("", value):
            raise UserError(
                f"run {self.folder} began with {known}, and this is {value}: {hint}, name another "
                f"--run-dir, or begin a new one with --fresh"
            )
        self.update(**{name: value})

    @contextmanager
    def attempt(self, request: dict[str, Any] | None = None) -> Iterator[None]:
        """Lock the run's folder, and record how the work inside ends if it breaks off.

        Raises UserError when another process has locked it.
        """
        with open(self.folder / "lock", "a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise UserError(
                    f"run {self.folder} is at work in process {lock.read().strip()}: wait for it, "
                    f"or name another --run-dir"
                ) from None
            lock.truncate(0)
            print(os.getpid(), file=lock, flush=True)
            self.__dict__.update(vars(open_run(self.folder, self.competition, self.dry_run)))
            self.update(request=request or self.request, state="running")
            try:
                yield
            except BaseException as error:
                interrupted = isinstance(error, KeyboardInterrupt)
                self.update(state="interrupted" if interrupted else "failed")
                raise

    def bundle(self, name: str) -> Path:
        """Return the folder of a kernel's pushed files."""
        return self.folder / "kernels" / name

    def output(self, name: str) -> Path:
        """Return the folder of a kernel's output."""
        return self.folder / "outputs" / name

    def log(self, name: str) -> Path:
        """Return the path of a kernel's log."""
        return self.folder / "logs" / f"{name}.log"


def pick_run(
    root: Path, competition: str, dry_run: bool, request: dict[str, Any], fresh: bool
) -> Run:
    """Return the latest run below ``root`` of the same request that is not complete, or a new one.

    Two commands that are started at once pick the same one, and its lock lets one of them work.
    """
    root.mkdir(parents=True, exist_ok=True)
    with open(root / ".lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for run in [] if fresh else all_runs(root):
            same = (run.competition, run.dry_run, run.request) == (competition, dry_run, request)
            if same and run.state != "complete":
                return run
        kind = "-dry-run" if dry_run else "-rehearsal" if request.get("rehearse") else ""
        name = f"{competition}{kind}-{time.strftime('%Y%m%d-%H%M%S')}"
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        folder = next(root / free for free in names if not (root / free).exists())
        run = open_run(folder, competition, dry_run)
        run.update(request=request)
        return run


def all_runs(root: Path) -> list[Run]:
    """Return the runs whose folders are in ``root`` and can be read, the newest first."""
    runs = []
    for path in root.glob(f"*/{STATE}"):
        with contextlib.suppress(UserError, OSError):
            runs.append(_read(path))
    return sorted(runs, key=lambda run: (run.started, run.folder.name), reverse=True)


def earlier_runs(run: Run) -> list[Run]:
    """Return the same user's other real runs in the folder of ``run``, the newest first.

    A dry run has none: each has a Kaggle of its own.
    """
    if run.dry_run:
        return []
    return [
        other
        for other in all_runs(run.folder.parent)
        if other.owner == run.owner and other.folder != run.folder and not other.dry_run
    ]


def open_run(folder: Path, competition: str, dry_run: bool) -> Run:
    """Return the run in ``folder``: the one that is there, or a new one.

    Raises UserError when the folder contains another competition's run or something else.
    """
    path = folder / STATE
    if path.exists():
        run = _read(path)
        if run.competition != competition:
            raise UserError(f"--run-dir {folder} is a run of {run.competition}, not {competition}")
        if run.dry_run != dry_run:
            kind, hint = ("dry", "add") if run.dry_run else ("real", "leave out")
            raise UserError(f"--run-dir {folder} is a {kind} run: {hint} --dry-run")
        return run
    # A kill may leave folders, and the file that was to become the state.
    others = (file for file in folder.rglob("*") if not file.name.startswith(f".{STATE}"))
    if folder.is_file() or any(file.is_file() for file in others):
        raise UserError(
            f"--run-dir {folder}: it contains something else than a run; name a new folder"
        )
    try:
        for name in ("kernels", "outputs", "logs"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--run-dir {folder} cannot be made: {error.strerror}") from None
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    run = Run(folder.resolve(), competition, dry_run, secrets.token_hex(6), started=now)
    run.save()
    return run


def _read(path: Path) -> Run:
    try:
        values = json.loads(path.read_text("utf-8"))
        if values.pop("format") != FORMAT:
            raise ValueError("another format")
        kernels = {
            name: KernelRecord(**{**known, "state": KernelState(known["state"])})
            for name, known in values.pop("kernels").items()
        }
        sent = values.pop("submissions")
        for known in sent:
            known.pop("counted", None)  # of an earlier version
        sent = [Submission(**known) for known in sent]
        return Run(path.parent.resolve(), kernels=kernels, submissions=sent, **values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} cannot be read ({error}): name another --run-dir") from None
