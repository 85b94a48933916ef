"""A run's result and the history of runs as text for the terminal."""

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.metrics.metric import find_metric
from kernels.results.audit import Audited
from kernels.results.result import Member, Result, kernels_together
from kernels.results.scores import NOT_GIVEN, Validated, gain_words, model_score, read_number

WIDE = 99  # columns at most
_INDENT = " " * 19


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Align the cells of ``rows`` in columns, a line a row; the columns ``right`` at the right."""
    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    rows = list(rows)
    for column in range(len(rows[0]) if rows else 0):
        table.add_column(justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    text = io.StringIO()
    Console(file=text, width=10_000, markup=False, emoji=False, highlight=False).print(table)
    return [line.rstrip() for line in text.getvalue().splitlines()] if rows else []


def show_result(result: Result) -> str:
    """Return a run's result for people."""
    rows, below = _scores(result)
    lines = [""] if rows else []
    if result.metric:
        better = "higher" if result.greater_is_better else "lower"
        title = find_metric(result.metric).title
        lines.append(f"  {title}, {better} is better; 95 % intervals in parentheses")
    for line, more in zip(aligned(rows), below, strict=True):
        lines += [f"  {line}", *(f"{_INDENT}{words}" for words in more)]
    temperatures = result.blend.get("calibration", {}).items()
    if temperatures:
        words = ", ".join(f"{name} {at['temperature']:.3f}" for name, at in temperatures)
        lines.append(f"  {'temperatures':<16} {words}")
    lines += [f"  {'tried':<16} {words}" for words in _tried(result)]
    if result.submission_ref:
        public, private = (
            on_kaggle(score, result) for score in (result.public_score, result.private_score)
        )
        lines.append(f"  {'score':<16} public {public}   private {private}")
    lines += _warnings(result.audit)
    paths = (result.submission, result.figures, result.report)
    names = ("submission", "figures", "report")
    lines += [
        "",
        *(f"  {name:<11} {path}" for name, path in zip(names, paths, strict=True) if path),
    ]
    return "\n" + "\n".join(lines).lstrip("\n")


def on_kaggle(score: float | None, validation: Validated) -> str:
    """Return a score of Kaggle's with the decimals that the validation score carries."""
    if score is None:
        return NOT_GIVEN
    return f"{score:.{validation.digits if validation.interval else 4}f}"


def _models(result: Result) -> list[tuple[str, Validated, str, list[Member]]]:
    """Each model's name, score, and kernels: one, or its ``folds`` or ``networks``.

    The score of folds is out of fold, that of networks is of all of them together.
    """
    blend, together = result.blend, kernels_together(result.blend)
    parts = {name for _, scores in together.values() for name in scores}
    alone = [member for member in result.members if member.name not in parts]
    found = [(m.name, model_score(blend, m.name, m), "", [m]) for m in alone]
    for model, (kind, scores) in together.items():
        own = [
            replace(member, validation_score=scores[member.name])
            for member in result.members
            if member.name in scores
        ]
        found.append((model, model_score(blend, model), kind, own))
    return found


def _scores(result: Result) -> tuple[list[Sequence[str]], list[list[str]]]:
    """The rows of models and blend, and below each the lines on its parts."""
    rows: list[Sequence[str]] = []
    below: list[list[str]] = []
    for name, score, kind, kernels in _models(result):
        seen = ", ".join(dict.fromkeys(member.accelerator or "unknown" for member in kernels))
        took = f"{sum(member.seconds for member in kernels):6.0f} s on {seen}"
        facts = _channel(result.blend, name) if kind else vars(kernels[0])
        short = replace(score, n=None) if score.n == result.n else score
        rows.append(_row(name, short, facts, took))
        values = [str(member) for member in kernels]
        below.append(_listed([f"{len(kernels)} {kind}: {values[0]}", *values[1:]]) if kind else [])
    if result.short:
        rows.append(_row("blend", result, result.blend, ""))
        below.append(_blend(result.blend))
    return rows, below


def _row(name: str, score: Validated, facts: Mapping[str, Any], took: str) -> tuple[str, ...]:
    found = (read_number(facts.get(f"validation_{part}")) for part in ("seen", "unseen"))
    seen, unseen = ("" if value is None else f"{value:.{score.digits}f}" for value in found)
    return (
        f"{name:<15}",
        f"validation {score}" if score.short else "",
        seen and f"seen {seen}",
        unseen and f"unseen {unseen}",
        took,
    )


def _channel(blend: Mapping[str, Any], model: str) -> dict[str, Any]:
    """What the first channel of a model scores on seen and on unseen classes."""
    channels = blend.get("channels", {}).items()
    first: dict[str, Any] = next(
        (found for name, found in channels if name.startswith(f"{model}/")), {}
    )
    return {f"validation_{part}": first.get(part) for part in ("seen", "unseen")}


def _blend(blend: Mapping[str, Any]) -> list[str]:
    """The blend's weights, its pairs, what it gained, and what was chosen on validation."""
    weights = [f"{name} {weight:.3f}" for name, weight in blend.get("weights", {}).items()]
    head = f"{blend.get('method', '')}: {weights[0] if weights else ''}"
    lines = _listed([head, *weights[1:]])
    same = blend.get("same_pairs")
    if same:
        right, half = blend["validation_accuracy"], blend["validation_balanced_accuracy"]
        counts = ", ".join(f"{count:,} {part}" for part, count in same.items() if count)
        lines.append(f"same pairs: {counts}")
        lines.append(f"accuracy {right:.4f}, of as many same as different pairs {half:.4f}")
    for words in filter(None, (gain_words(blend), blend.get("chosen_on"))):
        lines += textwrap.wrap(words, WIDE - len(_INDENT), break_on_hyphens=False)
    return lines


def _listed(entries: Sequence[str]) -> list[str]:
    """Entries in lines of at most ``WIDE`` columns below the scores, none of them broken."""
    joined = "\0".join(entry.replace(" ", "\1") for entry in entries).replace("\0", ", ")
    lines = textwrap.wrap(
        joined, WIDE - len(_INDENT), break_on_hyphens=False, break_long_words=False
    )
    return [line.replace("\1", " ") for line in lines]


def _tried(result: Result) -> list[str]:
    """A line for each blend of this run, if there is more than one."""
    several = result.blends if len(result.blends) > 1 else ()
    return [
        f"{one.name}: validation {one}"
        + ("" if one.public_score is None else f", public {on_kaggle(one.public_score, one)}")
        for one in several
    ]


def _warnings(audit: Audited | None) -> list[str]:
    if audit is None:
        return []
    found = [f"  warning: {warning}" for warning in audit.warnings]
    return ["", *(found or ["  audit       nothing found"]), f"  audit       {audit.folder}"]


def show_history(results: Sequence[Result]) -> None:
    """Print a line of numbers a run, and below it what it was, wrapped at ``WIDE``."""
    heads = ("when (UTC)", "run", "public", "valid.", "gap", "time", "ref")
    lines = aligned([heads, *(_cells(result) for result in results)], right=range(2, 7))
    for line, below in zip(lines, [[], *map(_words, results)], strict=True):
        print("\n".join([line, *below]))


def _cells(result: Result) -> tuple[str, ...]:
    kernels = (*result.members, *result.others)
    seconds = sum(member.seconds for member in kernels if not member.reused)
    given = result.scored or result.public_score is not None
    return (
        result.started.replace("T", " ").removesuffix("Z"),
        Path(result.run_dir).name,
        on_kaggle(result.public_score, result) if given else "",
        result.short,
        "" if result.gap is None else f"{result.gap:+.{result.digits}f}",
        f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s",
        str(result.submission_ref or ""),
    )


def _words(result: Result) -> list[str]:
    """What a run was, in lines: its marks, score, models, other blends and settings."""
    marks = ["(dry run)"] if result.dry_run else []
    marks += ["(rehearsal)"] if result.request.get("rehearse") else []
    marks += [f"({result.state})"] if result.state != "complete" else []
    models, tried = ", ".join(_in_short(result)), [f"tried {words}" for words in _tried(result)]
    words = (" ".join(marks), _validation(result), models, *tried, _settings(result))
    return textwrap.wrap(
        "; ".join(filter(None, words)),
        WIDE + 1,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _validation(result: Result) -> str:
    """What the validation score is, and its interval: ``macro F1 0.942 to 0.975 (95 %), n 416``."""
    if not result.ends:
        return ""
    title = find_metric(result.metric).title if result.metric else "valid."
    lower = "" if result.greater_is_better else " (lower is better)"
    pictures = "" if result.n is None else f", n {result.n:,}"
    return f"{title}{lower} {result.ends} (95 %){pictures}"


def _in_short(result: Result) -> list[str]:
    """Each model, and each kernel that only other kernels read, with its score."""
    words = []
    for name, score, kind, kernels in _models(result):
        several = f"{len(kernels)} {kind}" if kind else ""
        around = ", ".join(filter(None, (score.ends, several)))
        words.append(f"{name} {score.short}{f' ({around})' if around else ''}".strip())
    return words + [f"{m.name} {replace(m, n=None)}".strip() for m in result.others]


def _settings(result: Result) -> str:
    """What was asked for besides the defaults, the accelerators seen, and the code."""
    asked = result.request
    words = [f"{key}={value}" for key, value in asked.get("settings", {}).items()]
    words += [f"seed={asked['seed']}"] if asked.get("seed") else []
    words += ["recipe=best"] if asked.get("recipe") == "best" else []
    words += [result.blend["method"]] if result.blend.get("method", "mean") != "mean" else []
    words += ["calibrated"] if "calibration" in result.blend else []
    kernels = (*result.members, *result.others)
    words += sorted({member.accelerator for member in kernels if member.accelerator})
    commit = result.code.get("commit")
    words += [f"{commit[:7]}{'+' if result.code.get('changes') else ''}"] if commit else []
    return " ".join(words)
