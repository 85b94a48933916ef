"""Push kernels in the order of their sources, watch them, and bring back what they leave."""

import graphlib
import hashlib
import json
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from common.errors import PREFIX, UserError
from common.manifest import read_manifest
from common.progress import parse
from kernels.answers import SessionLimitError, pause_between_looks
from kernels.bundle import Bundle, write_bundle
from kernels.client import Kaggle, Status
from kernels.display import LiveDisplay, PlainDisplay, View
from kernels.run import Run

_TAIL = 12


class Watch:
    """The kernels of one run, from the first push to the last output.

    ``poll`` is the longest pause between looks at Kaggle, in seconds; the first are shorter.
    """

    def __init__(
        self,
        kaggle: Kaggle,
        run: Run,
        bundles: Sequence[Bundle],
        display: PlainDisplay | LiveDisplay,
        poll: float,
    ):
        self._kaggle, self._run, self._display, self._poll = kaggle, run, display, poll
        self._bundles = {bundle.kernel.name: bundle for bundle in bundles}
        self._views = {name: View(name) for name in self._bundles}
        self._running: set[str] = set()
        self._waiting: list[str] = []

    def run(self) -> None:
        """Run every kernel that is not already done. Raises UserError when one fails."""
        graph = {name: bundle.kernel.sources for name, bundle in self._bundles.items()}
        order = graphlib.TopologicalSorter(graph)
        order.prepare()
        start = time.monotonic()
        while order.is_active():
            self._waiting += order.get_ready()
            for name in list(self._waiting):
                if self._is_done(name):
                    self._waiting.remove(name)
                    order.done(name)
                elif self._adopt(name) or self._push(name):
                    self._waiting.remove(name)
            for name in list(self._running):
                if self._has_ended(name):
                    order.done(name)
            self._display.show(self._views.values())
            if order.is_active() and self._running:
                time.sleep(pause_between_looks(time.monotonic() - start, self._poll))
        self._display.show(self._views.values())

    def _is_done(self, name: str) -> bool:
        """Whether this run has the kernel's output already, from the same text and sources."""
        known = self._run.kernels.get(name)
        if known is None or known.state != "COMPLETE" or known.key != self._key(name):
            return False
        try:
            read_manifest(self._run.output(name), name, self._run.nonce)
        except UserError as error:
            self._display.say(f"{error}")
            return False
        self._views[name].state, self._views[name].seconds = known.state, known.seconds
        return True

    def _adopt(self, name: str) -> bool:
        """Go on with a version that an earlier start of this run pushed, instead of a new one.

        One that is complete is here because its output is not: it is fetched again.
        """
        known = self._run.kernels.get(name)
        if known is None or known.key != self._key(name):
            return False
        if not (Status(known.state).running or known.state == "COMPLETE"):
            return False
        status = self._kaggle.status(self._bundles[name].kernel.slug, known.version)
        if not status.running and status.state != "COMPLETE":
            return False
        self._start(name)
        return True

    def _push(self, name: str) -> bool:
        """Push a kernel; False when Kaggle has no session free for it."""
        bundle = self._bundles[name]
        folder = write_bundle(bundle, self._run.bundle(name))
        try:
            version = self._kaggle.push(folder)
        except SessionLimitError as error:
            if not self._running:
                time.sleep(self._poll)
            self._views[name].progress = {"waiting": str(error)}
            return False
        self._run.set_kernel(
            name, version=version, state="QUEUED", key=self._key(name), seconds=0.0
        )
        self._start(name)
        return True

    def _start(self, name: str) -> None:
        view = self._views[name]
        view.state, view.started = "QUEUED", time.monotonic()
        self._running.add(name)
        threading.Thread(target=self._follow, args=(name,), daemon=True).start()

    def _has_ended(self, name: str) -> bool:
        known, view = self._run.kernels[name], self._views[name]
        status = self._kaggle.status(self._bundles[name].kernel.slug, known.version)
        if status.state != view.state:
            view.state = status.state
            self._run.set_kernel(name, state=status.state)
        if status.running:
            return False
        self._running.discard(name)
        view.seconds = round(view.elapsed, 1)
        self._collect(name, status)
        return True

    def _collect(self, name: str, status: Status) -> None:
        """Bring the outputs and the log back and hold them against the manifest."""
        kernel, known = self._bundles[name].kernel, self._run.kernels[name]
        folder = self._run.output(name)
        lines = self._pull(name, kernel.slug, known.version)
        if status.state != "COMPLETE":
            raise _failure(name, status, lines, self._run.log(name))
        try:
            read_manifest(folder, name, self._run.nonce)
        except UserError as error:
            self._run.set_kernel(name, state="INVALID")
            raise UserError(f"{error} (whole log: {self._run.log(name)})") from None
        self._run.set_kernel(name, seconds=self._views[name].seconds)

    def _pull(self, name: str, slug: str, version: int) -> list[str]:
        folder = self._run.output(name)
        if folder.exists():
            shutil.rmtree(folder)
        events = self._kaggle.pull(slug, version, folder)
        text = "".join(str(event.get("data", "")) for event in events)
        log = self._run.log(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text, encoding="utf-8")
        return [line for line in text.splitlines() if line.strip()]

    def _follow(self, name: str) -> None:
        """Read progress from the live log; the log's end or a broken stream ends it."""
        view = self._views[name]
        try:
            for line in self._kaggle.follow_log(self._bundles[name].kernel.slug):
                view.progress = parse(line) or view.progress
        except Exception as error:  # a lost stream costs only the progress display
            view.progress = {**view.progress, "log": f"lost ({type(error).__name__})"}

    def _key(self, name: str) -> str:
        bundle = self._bundles[name]
        sources = {source: self._run.kernels[source].version for source in bundle.kernel.sources}
        told = json.dumps([bundle.metadata, bundle.text, sources], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()


def _failure(name: str, status: Status, lines: list[str], log: Path) -> UserError:
    """What ended a kernel: its own clear line, or else its traceback's end below the last line."""
    for line in reversed(lines[-_TAIL:]):
        if line.startswith(PREFIX):
            said = line.removeprefix(PREFIX)
            return UserError(f"kernel {name} stopped: {said} (whole log: {log})")
    reason = next(filter(_names_exception, reversed(lines[-_TAIL:])), status.message)
    reason = reason or (lines[-1] if lines else "it left no log")
    said = f"kernel {name} ended as {status.state}: {reason} (whole log: {log})"
    return UserError(said, tuple(lines[-_TAIL:]))


def _names_exception(line: str) -> bool:
    head = line.split(":", 1)[0]
    return head.replace(".", "").isidentifier() and head.endswith(("Error", "Exception"))
