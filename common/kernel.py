"""What every kernel's ``main`` does around its work: stages, timing, versions, the manifest."""

import dataclasses
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from common.manifest import write_manifest
from common.parameters import Parameters
from common.progress import report
from common.shared_code import source_hash

PACKAGES = (
    *("tensorflow", "keras", "jax", "grain", "opencv-python", "opencv-python-headless"),
    *("numpy", "pillow", "polars", "kagglehub", "scikit-learn"),
)
LONGEST_MARGIN = 300.0  # seconds kept for the checkpoint, the manifest and Kaggle's own end


class OutOfTimeError(Exception):
    """The work stops here, after ``epoch`` of ``of`` epochs of ``stage``: its files can go on."""

    def __init__(self, stage: str, epoch: int, of: int):
        super().__init__(f"{stage} {epoch}/{of}")
        self.facts = {"stage": stage, "epoch": epoch, "of": of}


class KernelRun:
    """One run of one kernel: where it works, how long each stage took, what it writes.

    Used as ``with KernelRun(parameters, recipe) as run:``; on leaving without an exception the
    manifest is written, and after OutOfTimeError one that says ``unfinished``. The working folder
    is the current one (``/kaggle/working`` on Kaggle). Of several processes that train together
    only the one with ``primary`` writes. ``facts`` are added to the manifest; without an
    ``accelerator`` among them the kernel ran on a CPU.
    """

    def __init__(self, parameters: Parameters, recipe: Any, folder: Path | None = None):
        self.parameters = parameters
        self.recipe = recipe
        self.folder = folder or Path.cwd()
        self.primary = True
        self.seconds: dict[str, float] = {}
        self.facts: dict[str, Any] = {}
        self._start = time.monotonic()
        self._running: dict[str, float] = {}

    def __enter__(self) -> "KernelRun":
        report("starting", kernel=self.parameters.kernel, python=platform.python_version())
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        unfinished = isinstance(error, OutOfTimeError)
        if error is not None and not unfinished:
            return False
        if self.primary:
            facts = {**self._facts(), **({"unfinished": error.facts} if unfinished else {})}
            write_manifest(self.folder, facts, "unfinished" if unfinished else "complete")
        if unfinished:
            report("unfinished", at=error)
        else:
            report("done", seconds=round(sum(self.seconds.values()), 1))
        return unfinished

    @contextmanager
    def stage(self, name: str, **facts: object) -> Iterator[None]:
        """Report a stage and add its seconds to the manifest."""
        report(name, **facts)
        self._running[name] = time.monotonic()
        try:
            yield
        finally:
            self.seconds = self.spent()
            del self._running[name]

    def warn(self, warning: str) -> None:
        """Print what is strange, and add it once to the manifest: the run shows it at its end."""
        known = self.facts.get("warnings", [])
        if warning not in known:
            self.facts["warnings"] = [*known, warning]
            print(f"warning: {warning}", flush=True)

    def spent(self) -> dict[str, float]:
        """Seconds by stage until now, the one that is running too."""
        now, seconds = time.monotonic(), dict(self.seconds)
        for name, start in self._running.items():
            seconds[name] = round(seconds.get(name, 0.0) + now - start, 3)
        return seconds

    def add_earlier(self, seconds: Mapping[str, float]) -> None:
        """Count the seconds by stage of an earlier run of the same work."""
        for name, spent in seconds.items():
            self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 3)

    def has_time(self, seconds: float) -> bool:
        """Whether work of ``seconds`` ends before the time limit, with a margin for the rest.

        The margin is a tenth of the limit, at most five minutes.
        """
        limit = self.parameters.time_limit
        spent = time.monotonic() - self._start
        return not limit or spent + seconds + min(LONGEST_MARGIN, limit / 10) <= limit

    def _facts(self) -> dict[str, Any]:
        asked = self.parameters
        found = source_hash(Path(__file__).parent.parent)
        return {
            "kernel": asked.kernel,
            "nonce": asked.nonce,
            "shared_hash": {"built": asked.shared_hash, "found": found},
            "recipe": dataclasses.asdict(self.recipe),
            "seed": asked.seed,
            "versions": installed_versions(),
            "seconds": self.seconds,
            # Of a kernel that trains on another one, or on several, ``facts`` say so.
            "accelerator": {"asked": asked.accelerator, "seen": "cpu", "replicas": 1},
            **self.facts,
        }


def write_shared_manifest(parameters: Mapping[str, Any]) -> None:
    """The manifest of a utility script, whose output is the shared code itself."""
    with KernelRun(Parameters.from_dict(parameters), Parameters()):
        pass


def installed_versions() -> dict[str, str]:
    """Python's version and those of the packages that matter, where installed."""
    versions = {"python": platform.python_version(), "platform": sys.platform}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions
