"""Push kernels in the order of their sources, watch them, and bring back what they leave."""

import graphlib
import threading
import time
from collections.abc import Sequence

from common.errors import UserError
from common.manifest import Unfinished, read_manifest
from common.progress import parse
from kernels.bundle.build import Bundle
from kernels.kaggle.answers import NoAnswerError, SessionLimitError, pause_between_looks
from kernels.kaggle.client import Kaggle, KernelStatus
from kernels.kaggle.downloads import DownloadError
from kernels.kaggle.logs import follow_log
from kernels.kaggle.states import KernelState
from kernels.plan.request import AUDIT, ENSEMBLE
from kernels.run.changes import change_of, replaced
from kernels.run.collecting import collect, failure, spent
from kernels.run.display import LiveDisplay, PlainDisplay, View
from kernels.run.looks import Looks
from kernels.run.options import RunOptions
from kernels.run.pushing import find_push, push_kernel
from kernels.run.reuse import kernel_key, reuse
from kernels.run.state import KernelRecord, Run

# Sessions that Kaggle runs at once; a queued one counts.
SESSIONS = {"tpu": 1, "gpu": 2, "cpu": 5}
MAX_PARTS = 5  # versions in a row that one training may be spread over
_GOES_ON = (KernelState.PUSHING, KernelState.UNFINISHED)
_ENDED = (KernelState.COMPLETE, KernelState.INVALID)


class Watch:
    """The kernels of one run, from the first push to the last output."""

    def __init__(
        self,
        kaggle: Kaggle,
        run: Run,
        bundles: Sequence[Bundle],
        display: PlainDisplay | LiveDisplay,
        options: RunOptions,
    ):
        self._kaggle, self._run, self._display, self._options = kaggle, run, display, options
        self._bundles = {bundle.kernel.name: bundle for bundle in bundles}
        self._views = {name: View(name) for name in self._bundles}
        self._running: set[str] = set()
        self._waiting: list[str] = []
        self._finished: set[str] = set()
        self._looks = Looks(kaggle, run, options.patience, display.say)

    def run(self) -> None:
        """Run every kernel that is not already done. Raises UserError when one fails."""
        graph = {name: bundle.kernel.sources for name, bundle in self._bundles.items()}
        order = graphlib.TopologicalSorter(graph)
        order.prepare()
        start = time.monotonic()
        while order.is_active():
            self._waiting += order.get_ready()
            for name in list(self._waiting):
                done = self._is_done(name)
                if done or self._adopt(name) or self._push(name):
                    self._waiting.remove(name)
                if done:
                    self._note_done(name, order)
            for name in list(self._running):
                if self._has_ended_or_is_spared(name):
                    self._note_done(name, order)
            self._display.show(self._views.values())
            if order.is_active() and (self._running or self._waiting):
                time.sleep(pause_between_looks(time.monotonic() - start, self._options.poll))
        self._display.show(self._views.values())

    def _note_done(self, name: str, order: graphlib.TopologicalSorter[str]) -> None:
        if name not in self._finished:  # one that was run again is done already
            self._finished.add(name)
            order.done(name)

    def _is_done(self, name: str) -> bool:
        """Whether the kernel's output is here already, from this run or an earlier one."""
        known, key = self._run.kernels.get(name), self._key(name)
        if known and known.key == key:
            if known.state is KernelState.COMPLETE:
                return self._is_whole(name, known)
            if known.state.running or known.state in _GOES_ON:
                return False  # it goes on
            if known.state is KernelState.INVALID and self._is_whole_now(name, known):
                return True
        slug = self._bundles[name].kernel.slug
        found = None if self._options.fresh else reuse(self._kaggle, self._run, name, slug, key)
        if found is None:
            return False
        self._display.say(f"{name}: used again from run {found.reused}")
        return self._is_whole(name, found)

    def _is_whole(self, name: str, known: KernelRecord) -> bool:
        try:
            read_manifest(self._run.output(name), name, known.nonce, fetched=True)
        except UserError as error:
            here = self._run.output(name).exists()
            self._display.say(f"{error}" if here else f"{name}: its output is still to be fetched")
            return False
        view = self._views[name]
        view.state, view.seconds = known.state, known.seconds
        return True

    def _is_whole_now(self, name: str, known: KernelRecord) -> bool:
        """Whether an output that was not as it must be is so now: Kaggle may have shown it late."""
        status = self._looks.status(name, self._bundles[name].kernel.slug)
        if status is None or status.state is not KernelState.COMPLETE:
            return False
        try:
            self._collect(name)
        except NoAnswerError:
            raise
        except UserError:
            return False
        return self._is_whole(name, self._run.kernels[name])

    def _adopt(self, name: str) -> bool:
        """Go on with a version that an earlier start of this run pushed, instead of a new one.

        One that is complete is here because its output is not: it is fetched again.
        """
        known = self._run.kernels.get(name)
        if known is None or known.key != self._key(name):
            return False
        slug = self._bundles[name].kernel.slug
        if known.state is KernelState.PUSHING:
            version = find_push(self._kaggle, slug, known.nonce)
            if not version:
                return False
            known = self._run.set_kernel(name, version=version, state=KernelState.QUEUED)
        if not (known.state.running or known.state in _ENDED):
            return False
        if self._options.rerun and known.state is KernelState.COMPLETE:
            return False  # what is at Kaggle has not arrived whole
        status = self._looks.status(name, self._bundles[name].kernel.slug)
        if status and not status.state.running:
            if known.state is KernelState.INVALID or (
                self._run.dry_run and status.state is not KernelState.COMPLETE
            ):
                return False  # looked at already, or ended with the local Kaggle
        self._start(name)
        return True

    def _push(self, name: str) -> bool:
        """Push a kernel; False when Kaggle has no session free for it."""
        bundle = self._bundles[name]
        kind = bundle.kernel.accelerator
        of_kind = [n for n in self._running if self._bundles[n].kernel.accelerator == kind]
        if len(of_kind) >= SESSIONS[kind] or not self._sources_stand(bundle):
            return False
        changed = change_of(self._run, bundle, self._key(name), self._options.rerun)
        if changed:
            self._display.say(changed)
        nonces = {source: known.nonce for source, known in self._run.kernels.items()}
        try:
            push_kernel(self._kaggle, self._run, bundle, self._key(name), nonces)
        except SessionLimitError as error:
            if self._views[name].state is not KernelState.NO_SESSION:
                said = str(error).rstrip(".")
                self._display.say(f"{said}: {name} waits until one is free")
            self._views[name].state = KernelState.NO_SESSION
            return False
        self._start(name)
        return True

    def _sources_stand(self, bundle: Bundle) -> bool:
        """Whether Kaggle gives the kernel this run's versions; else its source is run again.

        Raises UserError when that would be a training that nobody asked for.
        """
        for name in bundle.kernel.sources:
            if name in self._running or name in self._waiting:
                return False
            said = replaced(self._kaggle, self._run, self._bundles[name], self._options.rerun)
            if said:
                self._display.say(said)
                self._run.set_kernel(name, state=KernelState.REPLACED)
                self._waiting.append(name)
                return False
        return True

    def _start(self, name: str) -> None:
        view, known = self._views[name], self._run.kernels[name]
        behind = max(0.0, time.time() - known.pushed) if known.pushed else 0.0
        view.state, view.started = KernelState.QUEUED, time.monotonic() - behind - known.seconds
        view.seconds = 0.0
        self._running.add(name)
        threading.Thread(target=self._follow, args=(name,), daemon=True).start()

    def _has_ended(self, name: str) -> bool:
        """Look at a running kernel; True when it is done. Raises UserError when it failed."""
        view, status = self._views[name], self._looks.status(name, self._bundles[name].kernel.slug)
        if status is None:
            return False
        if status.state != view.state:
            view.state = status.state
            self._run.set_kernel(name, state=status.state)
        if status.state.running:
            return False
        self._running.discard(name)
        return self._finish(name, status)

    def _has_ended_or_is_spared(self, name: str) -> bool:
        """As ``_has_ended``, but an audit beside a training may fail: nothing waits for it."""
        try:
            return self._has_ended(name)
        except NoAnswerError:
            raise
        except UserError as error:
            if name != AUDIT or ENSEMBLE not in self._bundles:
                raise
            self._display.say(f"{error}: the run goes on without its audit")
            return True

    def _finish(self, name: str, status: KernelStatus) -> bool:
        """Bring a version's output back; False when the kernel goes on in another version."""
        slug, view = self._bundles[name].kernel.slug, self._views[name]
        if status.state is not KernelState.COMPLETE:
            view.seconds = round(view.elapsed, 1)
            raise failure(self._kaggle, self._run, name, slug, status)
        try:
            self._collect(name)
        except Unfinished as unfinished:
            self._go_on(name, unfinished)
            return False
        except (NoAnswerError, DownloadError):
            raise
        except UserError:
            again = self._looks.status(name, self._bundles[name].kernel.slug)
            if again is None or again.state.running:  # it was the answer of an older version
                self._running.add(name)
                return False
            self._run.set_kernel(name, state=KernelState.INVALID)
            raise
        view.seconds = self._run.kernels[name].seconds
        return True

    def _collect(self, name: str) -> None:
        """Bring a version's output back; note that it is complete, and what it took."""
        slug, known = self._bundles[name].kernel.slug, self._run.kernels[name]
        manifest = collect(self._kaggle, self._run, name, slug, known)
        seconds = known.seconds + spent(known, manifest)
        self._run.set_kernel(
            name, state=KernelState.COMPLETE, seconds=round(seconds, 1), pushed=0.0
        )

    def _go_on(self, name: str, unfinished: Unfinished) -> None:
        """A version that stopped itself before the time cap: the next one goes on from it."""
        known = self._run.kernels[name]
        if known.parts + 1 >= MAX_PARTS:
            self._run.set_kernel(name, state=KernelState.INVALID)
            raise UserError(
                f"kernel {name} is not finished after {MAX_PARTS} sessions: lower its epochs or "
                f"its size with --set, or choose a faster --accelerator"
            )
        seconds = known.seconds + max(0.0, time.time() - known.pushed)
        self._run.set_kernel(
            name, state=KernelState.UNFINISHED, parts=known.parts + 1, seconds=seconds
        )
        self._display.say(f"{unfinished}: the next version goes on from there")
        self._waiting.append(name)

    def _follow(self, name: str) -> None:
        view = self._views[name]

        def on_line(line: str) -> None:
            view.progress = parse(line) or view.progress
            if self._options.follow and line.strip():
                self._display.say(f"{name} | {line}")

        slug, path = self._bundles[name].kernel.slug, self._run.log(name)
        follow_log(self._kaggle, slug, path, on_line, self._options.poll)

    def _key(self, name: str) -> str:
        return kernel_key(self._bundles[name], self._run.kernels, self._run.data)
