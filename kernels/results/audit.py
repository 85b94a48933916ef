"""What an audit kernel found: of one run, and of the latest run that had one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common.audit.findings import NAME
from common.competition import Competition
from kernels.kaggle.states import KernelState
from kernels.plan.find import kernel_scripts
from kernels.plan.request import AUDIT
from kernels.results.output import read_json
from kernels.run.state import Run, all_runs


@dataclass(frozen=True)
class Audited:
    """What an audit found.

    Attributes:
        started: when its run was started, UTC.
        folder: of its output, with the table and the figure.
        warnings: a line each.
    """

    started: str
    folder: str
    warnings: tuple[str, ...]


def read_audit(run: Run) -> Audited | None:
    """Read what a run's audit found; None if it has no audit that is complete."""
    known = run.kernels.get(AUDIT)
    if known is None or known.state is not KernelState.COMPLETE:
        return None
    warnings = read_json(run.output(AUDIT) / NAME).get("warnings")
    if not isinstance(warnings, list):
        return None
    return Audited(run.started, str(run.output(AUDIT)), tuple(map(str, warnings)))


def audit_facts(root: Path, competition: Competition, dry_run: bool) -> dict[str, Any]:
    """Return whether the competition ``can`` be audited, and what the ``latest`` audit found.

    The latest is that of the newest run in ``root``; a dry run's data are not Kaggle's.
    """
    runs = (run for run in all_runs(root) if run.competition == competition.name)
    audits = (read_audit(run) for run in runs if run.dry_run == dry_run)
    latest = next((audit for audit in audits if audit), None)
    can = AUDIT in kernel_scripts(competition)
    return {"can": can, "latest": asdict(latest) if latest else None}


def audit_lines(facts: Mapping[str, Any], asked: bool) -> list[str]:
    """Return the plan's lines on the audit; none for a competition that cannot be audited."""
    latest = facts["latest"]
    if latest is None:
        hint = ["--   not audited for leaks and broken pictures: add --audit"]
        return hint if facts["can"] and not asked else []
    day, warnings = latest["started"][:10], latest["warnings"]
    if not warnings:
        return [f"ok   audited {day}: nothing found"]
    lines = [f"warn {warning}" for warning in warnings]
    return [*lines, f"     found by the audit of {day}: {latest['folder']}"]
