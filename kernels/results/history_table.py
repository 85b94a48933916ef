"""The history of runs for people: a line of numbers a run, and below it what it was."""

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common.metrics.metric import find_metric
from kernels.results.history import Entry
from kernels.results.joined import joined
from kernels.results.scores import NOT_TOLD, interval_words, read_interval

COLUMNS = ("when (UTC)", "run", "public", "valid.", "gap", "time", "ref")
WIDE = 100  # columns at most


def show_history(entries: Sequence[Entry]) -> None:
    """Print to stdout a line of numbers a run, and below it what it was, wrapped at ``WIDE``."""
    rows = [COLUMNS, *(_cells(entry) for entry in entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    words = [[], *(_words(entry) for entry in entries)]
    for row, below in zip(rows, words, strict=True):
        cells = [
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("\n".join(["  ".join(cells).rstrip(), *below]))


def _cells(entry: Entry) -> tuple[str, ...]:
    seconds = sum(member.seconds for member in entry.members if not member.reused)
    return (
        entry.started.replace("T", " ").removesuffix("Z"),
        Path(entry.run_dir).name,
        NOT_TOLD if entry.scored and entry.public_score is None else _number(entry.public_score),
        str(replace(entry.score, interval=None, n=None)),
        "" if entry.gap is None else f"{entry.gap:+.4f}",
        f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s",
        str(entry.submission_ref or ""),
    )


def _words(entry: Entry) -> list[str]:
    """What the run was: its marks, members and settings, in lines."""
    members = ", ".join(_members(entry))
    told = (" ".join(_marks(entry)), _validation(entry), members, _settings(entry))
    wrapped = textwrap.TextWrapper(
        WIDE,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapped.wrap("; ".join(filter(None, told)))


def _validation(entry: Entry) -> str:
    """What the validation score is, and its interval: ``macro F1 0.942 to 0.975 (95 %), n 416``."""
    ends = interval_words(entry.interval)
    if not ends:
        return ""
    title = find_metric(entry.metric).title if entry.metric else "valid."
    lower = "" if entry.greater_is_better else " (lower is better)"
    pictures = "" if entry.n is None else f", n {entry.n:,}"
    return f"{title}{lower} {ends} (95 %){pictures}"


def _marks(entry: Entry) -> list[str]:
    """What sets the run apart from a complete real one."""
    marks = ["(dry run)"] if entry.dry_run else []
    marks += ["(rehearsal)"] if entry.request.get("rehearse") else []
    return marks + ([f"({entry.state})"] if entry.state != "complete" else [])


def _members(entry: Entry) -> list[str]:
    """Each model with its score; that of one with folds is out of fold, of networks together."""
    together = joined(entry.blend)
    told = {name for _, kernels in together.values() for name in kernels}
    alone = [m for m in entry.members if m.name not in told]
    return [
        *(f"{m.name} {replace(m.score, n=None)}".strip() for m in alone),
        *(_together(entry, name, f"{len(own)} {kind}") for name, (kind, own) in together.items()),
    ]


def _together(entry: Entry, name: str, parts: str) -> str:
    """A model of several kernels: ``left 0.9592 (0.933 to 0.981, 5 folds)``."""
    ends = interval_words(read_interval(entry.blend.get("intervals", {}), name))
    around = ", ".join(filter(None, (ends, parts)))
    return f"{name} {entry.blend['members'][name]:.4f} ({around})"


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
