"""The folder of one run: its state, and where its kernels' bundles, outputs and logs are."""

import dataclasses
import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_origin, get_type_hints

from common.errors import UserError
from common.manifest import write_json
from kernels.kaggle.states import KernelState
from kernels.plan.planned import SHARED

T = TypeVar("T")

FORMAT = 2
STATE = "state.json"
LONGEST = 24 * 3600.0  # seconds from a push to its end: 12 hours at most, and as many queued


@dataclass(frozen=True)
class RunOptions:
    """How a run is carried out, whatever it runs."""

    submit: bool = True
    submit_again: bool = False  # send although the run has sent a file, or may have
    message: str = ""  # the submission's description at Kaggle, before the run's nonce
    fresh: bool = False  # use no finished kernel of an earlier run
    rerun: bool = False  # run kernels again that have changed, or that another run has replaced
    same: bool = False  # the run began with this very request
    follow: bool = False  # show every line of the logs
    fetch_weights: bool = False  # fetch what the kernels have left of their networks, too
    publish: str | None = None  # the data set of that: OWNER/SLUG, SLUG or empty for the usual one
    yes: bool = False  # publish without asking
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
        """Return the seconds from its pushes to its ends, or to ``until`` while it runs.

        A version has at most ``LONGEST``: more is of a clock that was set between two starts.
        """
        running = until - self.pushed if self.pushed else 0.0
        return self.seconds + min(max(0.0, running), LONGEST)


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
    weights_version: int = 0  # of the data set of --weights-source, when the run began
    published_weights: str = ""  # OWNER/SLUG/versions/N of the data set that has its weights
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

    @property
    def was_refused(self) -> bool:
        """Whether it has ended before anything was pushed or used again."""
        ended = self.state in ("failed", "interrupted")
        return ended and not any(kernel.version for kernel in self.kernels.values())

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

    def require_owner(self, owner: str) -> None:
        """Note the user. Raises UserError when the run began as another."""
        if self.owner not in ("", owner):
            raise UserError(
                f"run {self.folder} began with {self.owner}, and this is {owner}: sign in as the "
                f"same user, name another --run-dir, or begin a new one with --fresh"
            )
        self.update(owner=owner)

    def take_data(self, data: str, say: Callable[[str], object]) -> None:
        """Note the data of a dry run; where nothing was done with others, it begins anew.

        Raises UserError when a kernel that reads them is complete, or a file was sent.
        """
        if self.data not in ("", data):
            now, before = (one.rsplit(" (", 1)[0] for one in (data, self.data))
            changed = f"{now} have changed" if now == before else f"{now}, instead of {before}"
            names = [name for name in self.kernels if name != SHARED]
            done = [name for name in names if self.kernel(name).state is KernelState.COMPLETE]
            if done or self.submissions:
                what = f"completed {', '.join(done)}" if done else "submitted"
                raise UserError(
                    f"{changed}: run {self.folder} has {what} with what was there before: begin a "
                    f"new run with --fresh and without --run-dir, or put back what was there"
                )
            say(f"{changed}, and nothing was completed before: the run begins anew with them")
        self.update(data=data)

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
            before = self.state, self.request, self._work()
            self.update(request=request or self.request, state="running")
            try:
                yield
            except BaseException as error:
                state = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
                if before[0] == "complete" and before[2] == self._work():
                    state, self.request = before[:2]  # a refused request leaves a run as it was
                self.update(state=state)
                raise

    def _work(self) -> list[Any]:
        """What has been done so far, to be compared."""
        return [dict(self.kernels), list(self.submissions)]

    def bundle(self, name: str) -> Path:
        """Return the folder of a kernel's pushed files."""
        return self.folder / "kernels" / name

    def output(self, name: str) -> Path:
        """Return the folder of a kernel's output."""
        return self.folder / "outputs" / name

    def log(self, name: str) -> Path:
        """Return the path of a kernel's log."""
        return self.folder / "logs" / f"{name}.log"


def open_run(folder: Path, competition: str, dry_run: bool) -> Run:
    """Return the run in ``folder``: the one that is there, or a new one.

    Raises UserError when the folder contains another competition's run or something else.
    """
    if os.path.lexists(folder / STATE):
        try:
            run = read_run(folder)
        except UserError as error:
            raise UserError(f"{error}: mend it, or name another --run-dir") from None
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


def read_run(folder: Path) -> Run:
    """Return the run in ``folder``. Raises UserError with what is wrong with its state."""
    path = folder / STATE
    try:
        return _run_of(folder.resolve(), _read_values(path))
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        if isinstance(error, json.JSONDecodeError | UnicodeError | RecursionError):
            why = "it is cut or damaged"
        raise UserError(f"{path} cannot be read ({why})") from None


def _read_values(path: Path) -> dict[str, Any]:
    if not path.is_file():  # a pipe would be read for ever
        raise ValueError("it is not a file")
    values = json.loads(path.read_text("utf-8"))
    known = values.get("format") if isinstance(values, dict) else None
    if known != FORMAT:
        if not isinstance(known, int):
            raise ValueError("it is not a run's state")
        hint = "update this clone" if known > FORMAT else "it is of an earlier version"
        raise ValueError(f"its format is {known}, and {FORMAT} is read here: {hint}")
    del values["format"]
    return values


def _run_of(folder: Path, values: dict[str, Any]) -> Run:
    """Return the run with these values. Raises ValueError for one of another type."""
    kernels, sent = values.get("kernels"), values.get("submissions")
    if not (isinstance(kernels, dict) and isinstance(sent, list)):
        raise ValueError("its kernels or submissions are missing")
    known = {name: _checked(KernelRecord, kernel, name) for name, kernel in kernels.items()}
    made = [_checked(Submission, one, "submissions") for one in sent]
    return _checked(Run, {**values, "folder": folder, "kernels": known, "submissions": made}, "run")


def _checked(kind: type[T], values: Any, where: str) -> T:
    """Return the dataclass ``kind`` of ``values``. Raises ValueError for what it does not hold."""
    if not isinstance(values, dict):
        raise ValueError(f"{where} is not an object")
    hints = get_type_hints(kind)
    values.pop("counted", None)  # of an earlier version
    if values.get("state") in KernelState.__members__ and hints["state"] is KernelState:
        values["state"] = KernelState(values["state"])
    for name, value in values.items():
        hint = hints.get(name, object)
        wanted = hint if isinstance(hint, UnionType) else get_origin(hint) or hint
        if not isinstance(value, wanted) and not (wanted is float and isinstance(value, int)):
            raise ValueError(f"{name} of {where} is {value!r:.40}")
    try:
        return kind(**values)
    except TypeError:
        raise ValueError(f"{where} has other fields than this version reads") from None
