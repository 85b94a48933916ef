"""The real client at a local Kaggle whose kernels end at once, as a test scripts it."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import kernels.local
from common.manifest import write_manifest
from kernels.kaggle import answers
from kernels.kaggle.answers import NoAnswerError
from kernels.kaggle.client import Kaggle
from kernels.local import HostedCompetition, LocalKaggle
from kernels.local.session import Sessions
from kernels.local.store import Version
from kernels.plan.find import find_competition
from support import tiny

LOST = NoAnswerError("Kaggle answered 503: Service Unavailable", 503)
_NONCE = re.compile(r"['\"]nonce['\"]: ['\"]([0-9a-f]+-\d+)['\"]")
_LOG = ("progress stage=training epoch=1/2\n", "ValueError: to the moon\n")


class QuickSessions(Sessions):
    """Sessions that run no script.

    ``ends[slug]``: how its next versions end: a state (``written STATE`` has an output, as
    ``COMPLETE`` has), ``unfinished``, or ``nothing`` written; ``RUNNING``: only when
    ``QuickKaggle.finish`` ends them.
    """

    ends: defaultdict[str, list[str]]

    def start(self, version: Version) -> None:
        """End it at once."""
        end = self.ends[version.slug].pop(0) if self.ends[version.slug] else "COMPLETE"
        if end == "RUNNING":
            self._store.update(version, status=end)
            return
        version.working.mkdir(parents=True, exist_ok=True)
        log = [{"stream_name": "stderr", "time": 0.0, "data": line} for line in _LOG]
        version.log.write_text("".join(json.dumps(entry) + "\n" for entry in log))
        if end in ("COMPLETE", "unfinished") or end.startswith("written"):
            write_outputs(version, "unfinished" if end == "unfinished" else "complete")
        end = end.removeprefix("written ")
        self._end(version, {"status": end if end.isupper() else "COMPLETE"})


def write_outputs(version: Version, state: str = "complete") -> None:
    """Write what the kernel would."""
    (version.working / "result.txt").write_text(version.slug)
    write_manifest(version.working, {"nonce": nonce_of(version)}, state)


def nonce_of(version: Version) -> str | None:
    """Return the mark in a version's text."""
    nonce = _NONCE.search(version.request.text or "")
    return nonce and nonce[1]


class QuickKaggle(Kaggle):
    """The real adapter, with faults between it and whoever calls it.

    ``faults[method]``: for each of the next calls None, an error instead of the call, or
    ``(error,)``: carried out all the same.
    """

    def __init__(self, server: LocalKaggle, hosted: HostedCompetition):
        super().__init__(server.url)
        self.store, self.hosted = server.store, hosted
        self.ends: dict[str, list[str]] = QuickSessions.ends
        self.faults: dict[str, list[Any]] = defaultdict(list)
        for name in ("push", "status", "outputs", "submit"):
            setattr(self, name, self._faulty(name, getattr(self, name)))

    def _faulty(self, name: str, method: Callable) -> Callable:
        def call(*arguments: Any) -> Any:
            fault = self.faults[name].pop(0) if self.faults[name] else None
            if isinstance(fault, BaseException):
                raise fault
            answer = method(*arguments)
            if fault:
                raise fault[0]
            return answer

        return call

    def versions(self, slug: str) -> list[Version]:
        """Return what was pushed of one kernel."""
        return self.store.versions(f"{self.owner}/{slug}")

    @property
    def pushed(self) -> dict[str, int]:
        """The number of versions of each kernel."""
        slugs = [ref.partition("/")[2] for ref in self.store.kernels()]
        return {slug: len(self.versions(slug)) for slug in slugs}

    def finish(self) -> int:
        """End the versions that run; return how many they were."""
        running = self.store.active()
        for version in running:
            version.working.mkdir(parents=True, exist_ok=True)
            write_outputs(version)
            self.store.update(version, status="COMPLETE")
        return len(running)

    @property
    def sent(self) -> list[str]:
        """The descriptions of the submissions, oldest first."""
        return [text for _, text in self.submissions(self.hosted.competition.slug)[::-1]]


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[QuickKaggle]:
    """Serve the tiny competition."""
    folder = tmp_path / "kaggle"
    folder.mkdir()
    for name, value in tiny.real_environment("", folder / "home").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("os.fsync", lambda file: None)  # half of the time
    monkeypatch.setattr(QuickSessions, "ends", defaultdict(list), raising=False)
    monkeypatch.setattr(kernels.local, "Sessions", QuickSessions)
    files = tiny.write_data(folder / "files")
    hosted = HostedCompetition(find_competition("tiny"), *files)
    with LocalKaggle(folder / "state", [hosted], key=tiny.KEY) as server:
        kaggle = QuickKaggle(server, hosted)
        monkeypatch.setattr(answers, "PAUSE", 0.0)
        yield kaggle
