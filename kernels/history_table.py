"""The history of runs for people: one line a run."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kernels.history import Entry

COLUMNS = ("when (UTC)", "run", "public", "valid.", "gap", "members", "settings", "time", "ref")


def show_history(entries: Sequence[Entry]) -> None:
    """Print the table to stdout: as wide as the terminal, or as it needs where there is none."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in COLUMNS:
        number = heading in ("public", "valid.", "gap", "time", "ref")
        table.add_column(heading, justify="right" if number else "left", no_wrap=number)
    for entry in entries:
        table.add_row(*_cells(entry))
    width = None if sys.stdout.isatty() else 400
    Console(width=width, highlight=False, markup=False).print(table)


def _cells(entry: Entry) -> list[Any]:
    seconds = sum(member.seconds for member in entry.members if not member.reused)
    name = Path(entry.run_dir).name
    return [
        entry.started.replace("T", " ").removesuffix("Z"),
        " ".join([name, *_marks(entry)]),
        _number(entry.public_score),
        _number(entry.validation_score),
        "" if entry.gap is None else f"{entry.gap:+.4f}",
        " ".join(_members(entry)),
        _settings(entry),
        f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s",
        str(entry.submission_ref or ""),
    ]


def _marks(entry: Entry) -> list[str]:
    """What sets the run apart from a complete real one."""
    marks = ["(dry run)"] if entry.dry_run else []
    marks += ["(rehearsal)"] if entry.request.get("rehearse") else []
    return marks + ([f"({entry.state})"] if entry.state != "complete" else [])


def _members(entry: Entry) -> list[str]:
    """Each model with its score; that of one with folds is out of fold."""
    folds = entry.blend.get("folds", {})
    joined = {name for kernels in folds.values() for name in kernels}
    alone = [m for m in entry.members if m.name not in joined]
    return [
        *(f"{m.name} {_number(m.validation_score)}".strip() for m in alone),
        *(
            f"{name} {_number(entry.blend['members'][name])} ({len(kernels)} folds)"
            for name, kernels in folds.items()
        ),
    ]


def _settings(entry: Entry) -> str:
    """What was asked for beside the defaults, the accelerators seen, and the code."""
    asked = entry.request
    words = [f"{key}={value}" for key, value in asked.get("settings", {}).items()]
    words += [f"seed={asked['seed']}"] if asked.get("seed") else []
    words += ["recipe=best"] if asked.get("recipe") == "best" else []
    words += [entry.blend["method"]] if entry.blend.get("method", "mean") != "mean" else []
    words += ["calibrated"] if "calibration" in entry.blend else []
    words += sorted({member.accelerator for member in entry.members if member.accelerator})
    commit = entry.code.get("commit")
    words += [f"{commit[:7]}{'+' if entry.code.get('changes') else ''}"] if commit else []
    return " ".join(words)


def _number(score: float | None) -> str:
    return "" if score is None else f"{score:.5f}"
