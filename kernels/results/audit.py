"""What an audit kernel found: of one run, and of the latest run that had one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.audit.findings import NAME
from common.competition import Competition
from kernels.kaggle.states import KernelState
from kernels.plan.find import kernel_scripts
from kernels.plan.request import AUDIT
from kernels.results.output import read_json
from kernels.run.state import Run, all_runs


def read_audit(run: Run) -> dict[str, Any] | None:
    """Return what a run's audit found; None if it has no audit that is complete.

    That is when the run was ``started`` (UTC), the ``folder`` with the table and the figure, and
    the ``warnings``, a line each.
    """
    warnings = read_json(run.output(AUDIT) / NAME).get("warnings")
    complete = run.kernel(AUDIT).state is KernelState.COMPLETE
    if not complete or not isinstance(warnings, list):
        return None
    return {"started": run.started, "folder": str(run.output(AUDIT)), "warnings": warnings}


def audit_facts(root: Path, competition: Competition, dry_run: bool) -> dict[str, Any]:
    """Return whether the competition ``can`` be audited, and what the ``latest`` audit found.

    The latest is that of the newest run in ``root``; a dry run's data are not Kaggle's.
    """
    runs = (run for run in all_runs(root) if run.competition == competition.name)
    audits = (read_audit(run) for run in runs if run.dry_run == dry_run)
    return {"can": AUDIT in kernel_scripts(competition), "latest": next(filter(None, audits), None)}


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
