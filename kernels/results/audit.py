"""What an audit kernel found: of one run, and of the latest run that had one."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common.audit.findings import NAME
from common.competition import Competition
from competitions import kernel_scripts
from kernels.kaggle.states import KernelState
from kernels.plan.request import AUDIT
from kernels.run.state import Run, all_runs


@dataclass(frozen=True)
class Audited:
    """What an audit found.

    Attributes:
        started: when its run was, UTC.
        folder: of its output: table and figure are there.
        warnings: a line each.
    """

    started: str
    folder: str
    warnings: tuple[str, ...]


def read_audit(run: Run) -> Audited | None:
    """What a run's audit found; None when it had none, or has none that is complete."""
    known = run.kernels.get(AUDIT)
    if known is None or known.state is not KernelState.COMPLETE:
        return None
    folder = run.output(AUDIT)
    try:
        warnings = json.loads((folder / NAME).read_text("utf-8"))["warnings"]
        return Audited(run.started, str(folder), tuple(map(str, warnings)))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def latest_audit(root: Path, competition: Competition, dry_run: bool) -> Audited | None:
    """Of the newest run in ``root`` that has one; a dry run's data are not Kaggle's."""
    runs = (run for run in all_runs(root) if run.competition == competition.name)
    audits = (read_audit(run) for run in runs if run.dry_run == dry_run)
    return next((audit for audit in audits if audit), None)


def audit_facts(root: Path, competition: Competition, dry_run: bool) -> dict[str, Any]:
    """For the plan: whether the competition ``can`` be audited, and what the ``latest`` found."""
    audit = latest_audit(root, competition, dry_run)
    can = AUDIT in kernel_scripts(competition)
    return {"can": can, "latest": asdict(audit) if audit else None}


def tell_audit(facts: Mapping[str, Any], asked: bool) -> list[str]:
    """The plan's lines on the audit; none for a competition that cannot be audited."""
    latest = facts["latest"]
    if latest is None:
        told = facts["can"] and not asked
        return ["--   not audited for leaks and broken pictures: add --audit"] if told else []
    day, warnings = latest["started"][:10], latest["warnings"]
    if not warnings:
        return [f"ok   audited {day}: nothing found"]
    lines = [f"warn {warning}" for warning in warnings]
    return [*lines, f"     found by the audit of {day}: {latest['folder']}"]
