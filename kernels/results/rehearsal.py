"""What a rehearsal on the real Kaggle found, compared with what this project believes.

Beliefs are those of November 2026. A kernel prints what is on its machine before it looks for the
shared code, so there is something to read even when it stops there.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from common.competition import Competition
from common.manifest import write_json
from kernels.plan.planned import SHARED, PlannedKernel
from kernels.plan.request import ENSEMBLE
from kernels.results.layout import aligned
from kernels.run.state import Run

VERSIONS = {"python": "3.12", "tensorflow": "2.20", "keras": "3.13", "jax": "0.7.2"}
_LINE = "surroundings "
NAME = "rehearsal.json"


def read_rehearsal(
    run: Run, competition: Competition, kernels: Sequence[PlannedKernel]
) -> list[dict[str, Any]]:
    """Compare every kernel that was pushed, and write the findings to ``rehearsal.json``.

    A finding has ``kernel``, ``what``, ``believed``, ``found``, and whether that is ``right``.
    """
    slugs, findings = {kernel.name: kernel.slug for kernel in kernels}, []
    for kernel in kernels:
        if kernel.name != SHARED and kernel.name in run.kernels:
            for what, believed, found in _compare(run, competition, kernel, slugs):
                right = f"{found}.".startswith(f"{believed}.")  # of versions the first numbers
                facts = {"what": what, "believed": believed, "found": found, "right": right}
                findings.append({"kernel": kernel.name, **facts})
    write_json(run.folder / NAME, findings)
    return findings


def show_rehearsal(findings: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of what differs from what is believed, or one line if nothing does."""
    heads = ("kernel", "what", "believed", "found")
    rows = [[one[head] for head in heads] for one in findings if not one["right"]]
    if not findings:
        return "no kernel was pushed: nothing was found out about Kaggle"
    if not rows:
        return f"all {len(findings)} beliefs about Kaggle are right"
    lines = [f"{len(rows)} of {len(findings)} beliefs about Kaggle are wrong:"]
    lines += aligned([heads, *rows])
    if any("utility script" in row for row in rows):
        lines.append(
            "if the shared code cannot be imported there, --embed puts it into each kernel"
        )
    return "\n".join(lines)


def _compare(
    run: Run, competition: Competition, kernel: PlannedKernel, slugs: dict[str, str]
) -> Iterator[tuple[str, str, str]]:
    """What, as it is believed to be, and as it was found."""
    path = run.log(kernel.name)
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    said = next((line for line in lines if line.startswith(_LINE)), None)
    if said is None:
        yield "its log", "says what is on its machine", "nothing"
        return
    seen: dict[str, Any] = json.loads(said.removeprefix(_LINE))
    versions, root, folders = {**seen["versions"], "python": seen["python"]}, seen["root"], {}
    for package, version in VERSIONS.items():
        yield package, version, versions.get(package) or "not installed"
    yield "working folder", f"{root}/working", seen["cwd"]
    yield "script", f"{root}/src/script.py", seen["script"]
    yield "KAGGLE_KERNEL_RUN_TYPE", "Batch", seen["run_type"]
    yield "root", "/kaggle", root
    folders[competition.kind] = f"input/{competition.mount}"
    for source in kernel.sources:
        if source == SHARED:
            folders["utility script"] = f"usr/lib/notebooks/{run.owner}/{slugs[source]}"
        elif kernel.name == ENSEMBLE:
            folders[f"output of {source}"] = f"input/notebooks/{run.owner}/{slugs[source]}"
    for what, folder in folders.items():
        believed, name = f"{root}/{folder}", folder.rpartition("/")[2]
        near = [found for found in seen["folders"] if found.rpartition("/")[2] == name]
        found = believed if believed in near else ", ".join(near) or "nowhere"
        yield what, believed, found
    yield "the shared code and the work", "COMPLETE", run.kernels[kernel.name].state
