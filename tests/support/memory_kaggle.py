"""Kaggle in memory, behind the methods of the real adapter: a whole run takes milliseconds."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kagglesdk.competitions.types import competition_api_service as api

from common.manifest import write_manifest
from kernels.kaggle.answers import KaggleError, NoAnswerError
from kernels.kaggle.client import KernelStatus, SubmissionScore
from kernels.kaggle.states import KernelState

_NONCE = re.compile(r"['\"]nonce['\"]: ['\"]([0-9a-f]+-\d+)['\"]")
LOST = NoAnswerError("Kaggle answered 503: Service Unavailable", 503)


@dataclass
class Version:
    """One pushed version, and how it ends: a state, ``unfinished``, or ``nothing`` written."""

    text: str
    end: str = "COMPLETE"
    looks: int = 0


class MemoryKaggle:
    """Answers as the adapter does. What the next versions do and which calls fail is scripted.

    ``ends[slug]``: how the next versions of a kernel end, in order. ``faults[method]``: for each
    of the next calls None, an error instead of the call, or ``(error,)``: carried out all the same.
    """

    owner = "alice"

    def __init__(self, folder: Path):
        self.folder = folder
        self.kernels: dict[str, list[Version]] = defaultdict(list)
        self.ends: dict[str, list[str]] = defaultdict(list)
        self.faults: dict[str, list[Any]] = defaultdict(list)
        self.sent: list[tuple[int, str]] = []
        self.scores: list[SubmissionScore] = []
        self.data = "data"
        self.kernels_only = False
        for name in ("push", "status", "outputs", "submissions", "_send", "score"):
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

    @property
    def pushed(self) -> dict[str, int]:
        return {slug: len(versions) for slug, versions in self.kernels.items() if versions}

    def push(self, folder: Path) -> int:
        metadata = json.loads((folder / "kernel-metadata.json").read_text())
        slug = metadata["id"].split("/")[1]
        end = self.ends[slug].pop(0) if self.ends[slug] else "COMPLETE"
        self.kernels[slug].append(Version((folder / metadata["code_file"]).read_text(), end))
        return len(self.kernels[slug])

    def status(self, slug: str, version: int) -> KernelStatus:
        if version > len(self.kernels[slug]):
            raise KaggleError("Kaggle answered 404: Not Found", 404)
        known = self.kernels[slug][version - 1]
        known.looks += 1
        if known.looks < 2:
            return KernelStatus(KernelState.RUNNING)
        end = known.end if known.end in KernelState.__members__ else "COMPLETE"
        return KernelStatus(KernelState[end], "PREEMPTED" if end == "UNKNOWN" else "")

    def latest_version(self, slug: str) -> int:
        return len(self.kernels[slug])

    def pushed_text(self, slug: str, version: int) -> str:
        return self.kernels[slug][version - 1].text

    def follow_log(self, slug: str) -> Iterator[str]:
        yield "progress stage=training epoch=1/2"

    def outputs(self, slug: str, version: int) -> tuple[dict[str, str], str]:
        known, folder = self.kernels[slug][version - 1], self.folder / slug / str(version)
        log = "line 1\nValueError: to the moon\n"
        if known.end == "nothing":
            return {}, log
        if not folder.exists():
            folder.mkdir(parents=True)
            (folder / "result.txt").write_text(slug)
            nonce = _NONCE.search(known.text)
            state = "unfinished" if known.end == "unfinished" else "complete"
            write_manifest(folder, {"nonce": nonce and nonce[1]}, state)
        return {path.name: str(path) for path in folder.iterdir()}, log

    def data_digest(self, slug: str) -> str:
        return self.data

    def ask(self, service: str, method: str, **fields: Any) -> Any:
        if method == "get_submission_limits":
            return api.ApiSubmissionLimits.from_dict({"numTotal": len(self.sent)})
        return api.ApiCompetition.from_dict({"isKernelsSubmissionsOnly": self.kernels_only})

    def submit_file(self, slug: str, path: Path, message: str) -> int:
        return self._send(message)

    def submit_kernel(self, slug: str, kernel: str, version: int, file: str, message: str) -> int:
        return self._send(f"{kernel} {version} {file} {message}")

    def _send(self, message: str) -> int:
        self.sent.append((len(self.sent) + 1, message))
        return len(self.sent)

    def submissions(self, slug: str) -> list[tuple[int, str]]:
        return self.sent[::-1]

    def score(self, ref: int) -> SubmissionScore:
        return self.scores.pop(0)
