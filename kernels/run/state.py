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
from kernels.kaggle.states import KernelState

FORMAT = 2
STATE = "state.json"
# What a request asked for before there was an option for it.
_BEFORE = {"recipe": "published", "calibrate": False, "audit": False}


@dataclass(frozen=True)
class KernelRecord:
    """What a run knows of one of its kernels.

    Attributes:
        version: Kaggle's number of the pushed version; 0 before the first push.
        state: of that version, or of what is still to be pushed.
        key: hash of what was pushed and of its sources' versions; the same key need not run again.
        seconds: from push to end, of all its parts.
        pushed: when it was pushed, seconds since 1970.
        nonce: stands in the pushed text and in the manifest that it must leave.
        pushes: how often this run has pushed it.
        parts: how many versions in a row stopped at the time cap and are gone on from.
        reused: the earlier run whose finished version this is.
    """

    version: int = 0
    state: KernelState = KernelState.WAITING
    key: str = ""
    seconds: float = 0.0
    pushed: float = 0.0
    nonce: str = ""
    pushes: int = 0
    parts: int = 0
    reused: str = ""


@dataclass(frozen=True)
class Submission:
    """A submission: noted before it is sent, completed when Kaggle has answered.

    Attributes:
        sha256: of the file.
        description: what stands beside it on Kaggle; it holds the run's nonce, to be found by.
        counted: how many submissions Kaggle counted before it.
        ref: Kaggle's reference; 0 while it is not known whether Kaggle has it.
        public_score, private_score: once it is scored, as far as Kaggle shows them.
        error: why Kaggle could not score it.
        scored: whether Kaggle has scored it, with or without a score to show.
    """

    sha256: str
    description: str = ""
    counted: int = 0
    ref: int = 0
    public_score: float | None = None
    private_score: float | None = None
    error: str = ""
    scored: bool = False


@dataclass
class Run:
    """A run's state, saved atomically to ``state.json`` after every change.

    Attributes:
        folder: where the run lives.
        competition: its name on the command line.
        dry_run: whether its Kaggle is the local one.
        data: what a dry run was made with, in words; of a real run, a hash of Kaggle's file list.
        nonce: stands in every kernel it pushes and in every manifest they leave.
        started: when it was first started, UTC.
        owner: the Kaggle user whose kernels it pushes.
        request: what was asked for, in plain values.
        code: hash of the shared code, git commit and whether there were uncommitted changes.
        state: ``running``, ``complete``, ``failed`` or ``interrupted``.
        kernels: by name within the run.
        submissions: what was sent, oldest first.
    """

    folder: Path
    competition: str
    dry_run: bool
    nonce: str
    state: str = "running"
    kernels: dict[str, KernelRecord] = field(default_factory=dict)
    submissions: list[Submission] = field(default_factory=list)
    data: str = ""
    started: str = ""
    owner: str = ""
    request: dict[str, Any] = field(default_factory=dict)
    code: dict[str, Any] = field(default_factory=dict)

    def save(self) -> None:
        """Write ``state.json``."""
        values = dataclasses.asdict(self)
        del values["folder"]
        write_json(self.folder / STATE, {"format": FORMAT, **values})

    def set_kernel(self, name: str, **changes: Any) -> KernelRecord:
        """Change what is known of a kernel, and save."""
        known = self.kernels.get(name, KernelRecord())
        self.kernels[name] = dataclasses.replace(known, **changes)
        self.save()
        return self.kernels[name]

    def set_state(self, state: str) -> None:
        """Change the run's own state, and save."""
        self.state = state
        self.save()

    def check_data(self, told: str) -> None:
        """Note what the run is made with. Raises UserError when it began with other data."""
        if self.data and self.data != told:
            raise UserError(
                f"run {self.folder} was made with {self.data}, and this is {told}: give it the "
                f"same data, name another --run-dir, or begin a new one with --fresh"
            )
        self.data = told
        self.save()

    def set_data(self, told: str) -> None:
        """Note with which data the run goes on, and save: kernels of other data run again."""
        self.data = told
        self.save()

    def set_code(self, code: dict[str, Any]) -> None:
        """Note with which code the run goes on, and save."""
        self.code = code
        self.save()

    def check_owner(self, owner: str) -> None:
        """Note whose kernels these are. Raises UserError when the run is another user's."""
        if self.owner and self.owner != owner:
            raise UserError(
                f"run {self.folder} is {self.owner}'s, and you are signed in as {owner}: sign in "
                f"as {self.owner}, or name another --run-dir"
            )
        self.owner = owner
        self.save()

    def set_submission(self, sent: Submission) -> Submission:
        """Note what is known of the latest submission, and save."""
        self.submissions[-1] = sent
        self.save()
        return sent

    @contextmanager
    def attempt(self, request: dict[str, Any] | None = None) -> Iterator[None]:
        """Own the run's folder, and record how the work inside ends if it breaks off.

        Raises UserError when another process owns it.
        """
        with open(self.folder / "lock", "a+") as lock:
            _own(lock, self.folder)
            self.__dict__.update(vars(open_run(self.folder, self.competition, self.dry_run)))
            self.request = request or self.request
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


def pick_run(
    root: Path, competition: str, dry_run: bool, request: dict[str, Any], fresh: bool
) -> Run:
    """The latest run below ``root`` that was asked for the same and is not complete, or a new one.

    Two commands that are started at once pick the same one, and its lock lets one of them work.
    """
    root.mkdir(parents=True, exist_ok=True)
    with open(root / ".lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for run in [] if fresh else all_runs(root):
            asked = {**_BEFORE, **run.request}
            same = (run.competition, run.dry_run, asked) == (competition, dry_run, request)
            if same and run.state != "complete":
                return run
        kind = "-dry-run" if dry_run else "-rehearsal" if request.get("rehearse") else ""
        run = open_run(_new_folder(root, f"{competition}{kind}"), competition, dry_run)
        run.request = request
        run.save()
        return run


def all_runs(root: Path) -> list[Run]:
    """The runs whose folders lie in ``root`` and can be read, the newest first."""
    runs = []
    for path in root.glob(f"*/{STATE}"):
        with contextlib.suppress(UserError, OSError):
            runs.append(_read(path))
    return sorted(runs, key=lambda run: (run.started, run.folder.name), reverse=True)


def _new_folder(root: Path, kind: str) -> Path:
    name = f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}"
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(root / free for free in names if not (root / free).exists())


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
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    run = Run(folder.resolve(), competition, dry_run, secrets.token_hex(6), started=now)
    run.save()
    return run


def _load(path: Path, competition: str, dry_run: bool) -> Run:
    run = _read(path)
    if run.competition != competition:
        raise UserError(f"--run-dir {path.parent} is a run of {run.competition}, not {competition}")
    if run.dry_run != dry_run:
        kind, hint = ("dry", "add") if run.dry_run else ("real", "leave out")
        raise UserError(f"--run-dir {path.parent} is a {kind} run: {hint} --dry-run")
    return run


def _read(path: Path) -> Run:
    try:
        values = json.loads(path.read_text("utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it is not the state of a run")
        if values.pop("format") != FORMAT:
            raise ValueError("another format")
        kernels = {name: _record(**known) for name, known in values.pop("kernels").items()}
        sent = [Submission(**known) for known in values.pop("submissions")]
        return Run(path.parent.resolve(), kernels=kernels, submissions=sent, **values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} cannot be read ({error}): name another --run-dir") from None


def _record(state: str, **known: Any) -> KernelRecord:
    return KernelRecord(state=KernelState(state), **known)
