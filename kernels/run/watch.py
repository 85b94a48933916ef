"""Push kernels in the order of their sources, watch them, and fetch what they write.

A kernel waits for its sources, is started (used again, taken up where an earlier start of the run
pushed it, or pushed), is watched, and is done when its checked output is here.
"""

import threading
import time
from collections import Counter
from collections.abc import Sequence

from common.clock import now
from common.errors import UserError
from common.manifest import Unfinished, read_manifest
from common.progress import parse
from kernels.bundle.build import Bundle
from kernels.kaggle.answers import (
    KaggleError,
    NoAnswerError,
    SessionLimitError,
    pause_between_looks,
)
from kernels.kaggle.client import Kaggle
from kernels.kaggle.downloads import DownloadError
from kernels.kaggle.states import KernelState, KernelStatus
from kernels.plan.request import AUDIT, ENSEMBLE
from kernels.run import push
from kernels.run.collect import (
    failure,
    fetch_if_whole,
    fetch_output,
    follow_log,
    note_complete,
)
from kernels.run.display import Display, row_of
from kernels.run.state import Run, RunOptions

Bundles = Sequence[Bundle]  # sources first
# Sessions that Kaggle runs at once; a queued one counts.
SESSIONS = {"tpu": 1, "gpu": 2, "cpu": 5}
MAX_PARTS = 5  # versions in a row that one training may be spread over
_MISSING = 4  # a version that is not found this often in a row is gone


class Watch:
    """The kernels of one run, from the first push to the last output."""

    def __init__(
        self, kaggle: Kaggle, run: Run, bundles: Bundles, display: Display, options: RunOptions
    ):
        self._kaggle, self._run, self._display, self._options = kaggle, run, display, options
        self._say = display.say
        self._bundles = {bundle.kernel.name: bundle for bundle in bundles}
        self._progress: dict[str, dict[str, str]] = {name: {} for name in self._bundles}
        self._no_session: set[str] = set()
        self._running: set[str] = set()
        self._done: set[str] = set()
        self._missing: Counter[str] = Counter()
        self._silent_since = 0.0
        self._failed: dict[str, str] = {}

    def run(self) -> dict[str, str]:
        """Run every kernel that is not already done; return why cells of a sweep failed, by name.

        Raises UserError when another kernel fails; an audit next to models may, too.
        """
        start = time.monotonic()
        while True:
            for name, bundle in self._bundles.items():
                if name in self._running:
                    self._look(name)
                elif name not in self._done and self._done.issuperset(bundle.kernel.sources):
                    self._start(name)
            rows = [
                row_of(name, self._run.kernel(name), facts, name in self._no_session)
                for name, facts in self._progress.items()
            ]
            self._display.show(rows)
            if len(self._done) == len(self._bundles):
                return self._failed
            time.sleep(pause_between_looks(time.monotonic() - start, self._options.poll))

    def _start(self, name: str) -> None:
        bundle = self._bundles[name]
        key = push.kernel_key(bundle, self._run.kernels, self._run.data)
        if self._run.kernel(name).key == key and (self._is_here(name) or self._take_up(name)):
            return
        earlier = None
        if not self._options.fresh:
            earlier = push.find_finished(self._kaggle, self._run, bundle, key)
        if earlier:
            known = push.take_over(self._run, earlier, name)
            self._say(f"{name}: used again from run {known.reused}")
            self._done.add(name)
            return
        kind = bundle.kernel.accelerator
        used = sum(self._bundles[n].kernel.accelerator == kind for n in self._running)
        if used < SESSIONS[kind] and self._has_latest_sources(bundle):
            self._push(bundle, key)

    def _is_here(self, name: str) -> bool:
        """Return whether the kernel is done: its output was fetched and is still whole."""
        known, folder = self._run.kernel(name), self._run.output(name)
        if known.state is not KernelState.COMPLETE:
            return False
        try:
            manifest = read_manifest(folder, name, known.nonce, fetched=True)
        except UserError as error:
            lacks = f"{name}: its output is still to be fetched"
            self._say(str(error) if folder.exists() else lacks)
            return False
        if known.pushed:  # the command was killed before it noted what the kernel took
            note_complete(self._run, name, manifest)
        self._done.add(name)
        return True

    def _take_up(self, name: str) -> bool:
        """Go on with what this run has pushed already; False when it must be pushed (again)."""
        known, slug = self._run.kernel(name), self._bundles[name].kernel.slug
        if known.state is KernelState.PUSHING:
            self._say(f"{name}: looking whether Kaggle has the push that a start broke off")
            version = push.find_push(self._kaggle, slug, known.nonce)
            if not version:
                return False
            known = self._run.set_kernel(name, version=version, state=KernelState.QUEUED)
        again = known.state in (KernelState.COMPLETE, KernelState.INVALID)  # is fetched again
        if again and self._options.rerun:
            return False  # what is at Kaggle has not arrived whole
        if not (known.state.running or again):
            return False
        status = self._status(name)
        if status and not status.state.running:
            if known.state is KernelState.INVALID:
                return status.state is KernelState.COMPLETE and self._has_become_whole(name)
            if self._run.dry_run and status.state is not KernelState.COMPLETE:
                return False  # it ended with the local Kaggle
        self._watch(name)
        return True

    def _has_become_whole(self, name: str) -> bool:
        """Fetch an output that was not as it must be: Kaggle may have shown it late."""
        try:
            fetch_output(self._kaggle, self._run, name, self._bundles[name].kernel.slug)
        except (KaggleError, DownloadError):
            raise
        except UserError:
            return False
        self._done.add(name)
        return True

    def _has_latest_sources(self, bundle: Bundle) -> bool:
        """Return whether Kaggle gives the kernel this run's versions; else run a source again."""
        for name in bundle.kernel.sources:
            source, rerun = self._bundles[name], self._options.rerun
            said = push.check_latest(self._kaggle, self._run, source, rerun)
            if said:
                self._say(said)
                self._run.set_kernel(name, state=KernelState.REPLACED)
                self._done.discard(name)
                return False
        return True

    def _push(self, bundle: Bundle, key: str) -> None:
        name = bundle.kernel.name
        changed = push.check_change(self._run, bundle, key, self._options.rerun)
        if changed:
            self._say(changed)
        try:
            push.push_kernel(self._kaggle, self._run, bundle, key, self._say)
        except SessionLimitError as error:
            if name not in self._no_session:
                self._no_session.add(name)
                self._say(f"{str(error).rstrip('.')}: {name} waits until one is free")
        else:
            self._no_session.discard(name)
            self._watch(name)

    def _watch(self, name: str) -> None:
        self._running.add(name)

        def on_line(line: str) -> None:
            self._progress[name] = parse(line) or self._progress[name]
            if self._options.follow and line.strip():
                self._say(f"{name} | {line}")

        slug, poll = self._bundles[name].kernel.slug, self._options.poll
        log = (self._kaggle, self._run, name, slug, on_line, poll)
        threading.Thread(target=follow_log, args=log, daemon=True).start()

    def _look(self, name: str) -> None:
        """Look at a running kernel. Raises UserError when it failed and must not."""
        try:
            status = self._status(name)
            if status is None:
                return
            if status.state is not self._run.kernels[name].state:
                self._run.set_kernel(name, state=status.state)
                if status.state is KernelState.UNKNOWN:
                    self._say(f"kernel {name} is {status.message} at Kaggle: still watching")
            if status.state is KernelState.COMPLETE:
                self._fetch(name)
            elif status.state is KernelState.UNKNOWN or not status.state.running:
                self._fetch_if_whole(name, status)
        except NoAnswerError:
            raise
        except UserError as error:
            cell = self._bundles[name].kernel.cell
            if not cell and (name != AUDIT or ENSEMBLE not in self._bundles):
                raise
            self._failed[name] = str(error)
            self._say(f"{error}: the run goes on without it")
            self._running.discard(name)
            self._done.add(name)

    def _fetch(self, name: str) -> None:
        """Fetch the output of a version that Kaggle calls COMPLETE."""
        self._running.discard(name)
        try:
            fetch_output(self._kaggle, self._run, name, self._bundles[name].kernel.slug)
        except Unfinished as unfinished:
            self._continue(name, unfinished)
        except (NoAnswerError, DownloadError):
            raise
        except UserError as error:
            again = self._status(name)
            if again is None or again.state.running:  # COMPLETE was the state of an older version
                self._running.add(name)
            elif isinstance(error, KaggleError):  # Kaggle does not show the output just now
                raise
            else:
                self._run.set_kernel(name, state=KernelState.INVALID)
                raise
        else:
            self._done.add(name)

    def _fetch_if_whole(self, name: str, status: KernelStatus) -> None:
        """Fetch the output of a version that Kaggle calls anything else, or say why it failed."""
        slug = self._bundles[name].kernel.slug
        try:
            whole = fetch_if_whole(self._kaggle, self._run, name, slug)
        except Unfinished as unfinished:
            self._running.discard(name)
            self._continue(name, unfinished)
            return
        if whole or not status.state.running:
            self._running.discard(name)
            if not whole:
                raise failure(self._kaggle, self._run, name, slug, status)
            self._done.add(name)

    def _continue(self, name: str, unfinished: Unfinished) -> None:
        """Note that a version stopped itself before the time cap: the next push continues it."""
        known = self._run.kernels[name]
        if known.parts + 1 >= MAX_PARTS:
            self._run.set_kernel(name, state=KernelState.INVALID)
            raise UserError(
                f"kernel {name} is not finished after {MAX_PARTS} sessions: lower its epochs or "
                f"its size with --set, or choose a faster --accelerator"
            )
        spent, parts, state = known.spent(now()), known.parts + 1, KernelState.UNFINISHED
        self._run.set_kernel(name, state=state, parts=parts, seconds=spent, pushed=0.0)
        self._say(f"{unfinished}: the next version goes on from there")

    def _status(self, name: str) -> KernelStatus | None:
        """Return the status of the kernel's version; None when it is not known just now.

        Raises UserError when the version is gone, NoAnswerError after ``options.patience``.
        """
        slug, version = self._bundles[name].kernel.slug, self._run.kernels[name].version
        try:
            status = self._kaggle.status(slug, version)
        except KaggleError as error:
            if not isinstance(error, NoAnswerError):
                if error.code not in (403, 404):
                    raise
                self._missing[name] += 1
                if self._missing[name] < _MISSING:
                    return None
                if self._has_vanished(slug, version):
                    self._run.set_kernel(name, state=KernelState.VANISHED)
                    raise UserError(
                        f"kernel {name} has vanished: Kaggle no longer has version {version} of "
                        f"{self._kaggle.owner}/{slug}; if it was deleted, the same command pushes "
                        f"it again"
                    ) from None
            if not self._silent_since:
                self._silent_since = time.monotonic()
                self._say(f"{error}: what runs there goes on; looking again")
            if time.monotonic() - self._silent_since > self._options.patience:
                raise
            return None
        self._missing[name], self._silent_since = 0, 0.0
        return status

    def _has_vanished(self, slug: str, version: int) -> bool:
        """Return whether Kaggle answers, and neither lists the kernel nor has the version."""
        try:
            return self._kaggle.latest_version(slug) < version
        except KaggleError:
            return False
