"""What a rehearsal on the real Kaggle found, compared with what this project believes.

Beliefs are those of November 2026. A kernel prints what is on its machine before it looks for the
shared code, so there is something to read even when it stops there.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from common.competition import Competition
from common.manifest import write_json
from kernels.kaggle.states import KernelState
from kernels.plan.planned import SHARED, PlannedKernel
from kernels.plan.request import ENSEMBLE
from kernels.results.terminal import aligned
from kernels.run.state import Run

VERSIONS = {"python": "3.12", "tensorflow": "2.20", "keras": "3.13", "jax": "0.7.2"}
_LINE = "surroundings "
NAME = "rehearsal.json"


@dataclass(frozen=True)
class Finding:
    """One belief about a kernel's machine, and what was found there."""

    kernel: str
    what: str
    believed: str
    found: str
    right: bool


def read_rehearsal(
    run: Run, competition: Competition, kernels: Iterable[PlannedKernel]
) -> list[Finding]:
    """Compare every kernel that was pushed, and write the findings to ``rehearsal.json``."""
    findings = [
        finding
        for kernel in kernels
        if kernel.name != SHARED and kernel.name in run.kernels
        for finding in _findings(run, competition, kernel)
    ]
    write_json(run.folder / NAME, [asdict(finding) for finding in findings])
    return findings


def show_rehearsal(findings: Iterable[Finding]) -> str:
    """Return a table of what differs from what is believed, or one line if nothing does."""
    findings = list(findings)
    wrong = [finding for finding in findings if not finding.right]
    if not findings:
        return "no kernel was pushed: nothing was found out about Kaggle"
    if not wrong:
        return f"all {len(findings)} beliefs about Kaggle are right"
    rows = [("kernel", "what", "believed", "found")]
    rows += [(f.kernel, f.what, f.believed, f.found) for f in wrong]
    lines = aligned(rows)
    if any(f.what == "utility script" for f in wrong):
        lines.append(
            "if the shared code cannot be imported there, --embed puts it into each kernel"
        )
    return "\n".join([f"{len(wrong)} of {len(findings)} beliefs about Kaggle are wrong:", *lines])


def _findings(run: Run, competition: Competition, kernel: PlannedKernel) -> Iterator[Finding]:
    seen = _surroundings(run, kernel.name)
    if seen is None:
        yield Finding(kernel.name, "its log", "says what is on its machine", "nothing", False)
        return

    def finding(what: str, believed: str, found: str, right: bool) -> Finding:
        return Finding(kernel.name, what, believed, found, right)

    for package, version in VERSIONS.items():
        found = seen["python"] if package == "python" else seen["versions"].get(package, "")
        same = f"{found}.".startswith(f"{version}.")
        yield finding(package, version, found or "not installed", same)
    for what, believed, found in (
        ("working folder", f"{seen['root']}/working", seen["cwd"]),
        ("script", f"{seen['root']}/src/script.py", seen["script"]),
        ("KAGGLE_KERNEL_RUN_TYPE", "Batch", seen["run_type"]),
        ("root", "/kaggle", seen["root"]),
    ):
        yield finding(what, believed, found, believed == found)
    for what, believed in _mounts(run, competition, kernel):
        path = f"{seen['root']}/{believed}"
        near = [f for f in seen["folders"] if f.rpartition("/")[2] == path.rpartition("/")[2]]
        found = path if path in seen["folders"] else (", ".join(near) or "nowhere")
        yield finding(what, path, found, path in seen["folders"])
    known = run.kernels.get(kernel.name)
    state = known.state if known else KernelState.WAITING
    yield finding(
        "the shared code and the work", KernelState.COMPLETE, state, state is KernelState.COMPLETE
    )


def _mounts(run: Run, competition: Competition, kernel: PlannedKernel) -> Iterator[tuple[str, str]]:
    yield "competition", f"input/competitions/{competition.slug}"
    if SHARED in kernel.sources:
        slug = _slug_of(run, SHARED)
        yield "utility script", f"usr/lib/notebooks/{run.owner}/{slug}"
    if kernel.name == ENSEMBLE:
        for source in kernel.sources:
            if source != SHARED:
                yield f"output of {source}", f"input/notebooks/{run.owner}/{_slug_of(run, source)}"


def _slug_of(run: Run, name: str) -> str:
    metadata = json.loads((run.bundle(name) / "kernel-metadata.json").read_text("utf-8"))
    return str(metadata["id"]).partition("/")[2]


def _surroundings(run: Run, name: str) -> dict[str, Any] | None:
    path = run.log(name)
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    for line in lines:
        if line.startswith(_LINE):
            return dict(json.loads(line.removeprefix(_LINE)))
    return None
