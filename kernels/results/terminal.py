"""A run's result and the history of runs as text for the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.text import say
from kernels.plan.request import split_name
from kernels.results.blends import asked_for, is_alone
from kernels.results.layout import aligned, laid_out, listed, wrapped
from kernels.results.parts_text import one_shot_lines, part_lines
from kernels.results.result import Member, Result
from kernels.results.scores import (
    Validated,
    by_group,
    channel_scores,
    fold_words,
    gain_words,
    gap_words,
    looked,
    model_score,
    published_words,
    read_number,
    title,
)
from kernels.results.sizes_text import sizes_lines
from kernels.results.sweep import NAME, TABLE
from kernels.results.sweep_text import in_short, sweep_lines

Model = tuple[str, Validated, str, list[Member]]  # name, score, kind of its kernels, kernels


def show_result(result: Result) -> str:
    """Return a run's result for people."""
    lines = ["", *(sweep_lines(result.sweep) if result.sweep else _scores(result))]
    lines += sizes_lines(result.sizes)
    tempered = result.blend.get("calibration", {}).items()
    if tempered:
        words = ", ".join(f"{name} {at.get('temperature', 1.0):.3f}" for name, at in tempered)
        lines.append(f"  {'temperatures':<16} {words}")
    lines += _threshold(result.blend)
    lines += [f"  {'tried':<16} {words}" for words in _tried(result)]
    small = _miniatures(result)
    if result.test.short:
        drawn = by_group(result.blend, "test_groups")
        lines.append(f"  {'test':<16} {result.test}{drawn}, {looked(result.looks)}")
        gap = "" if small else gap_words(result, result.test, result.greater_is_better)
        first, *rest = wrapped(gap, " " * 19) or [""]
        lines += [first, *rest] if first else []
    lines += part_lines(result.blend, result.metric)
    lines += one_shot_lines(result.one_shot)
    if small:
        first, *rest = wrapped(small, " " * 19)
        lines += [f"  {'miniature':<16} {first.strip()}", *rest]
    if result.published and result.short and not (result.sweep or small):
        first, *rest = wrapped(published_words(result.published, result.test_metrics), " " * 19)
        lines += [f"  {'published':<16} {first.strip()}", *rest]
    if result.submission_ref:
        public, private = map(result.rounded, (result.public_score, result.private_score))
        lines.append(f"  {'score':<16} public {public}   private {private}")
    audit: Mapping[str, Any] = result.audit or {}
    warnings = (*audit.get("warnings", ()), *result.warnings)
    lines.append("")
    for warning in warnings:
        first, *rest = wrapped(f"warning: {warning}", " " * 4)
        lines += [first[2:], *rest]
    nothing = " (nothing found)" if audit and not audit["warnings"] else ""
    places = {
        "audit": audit and f"{audit['folder']}{nothing}",
        **{
            name: getattr(result, name)
            for name in ("submission", "predictions", "figures", "report")
        },
        "weights": result.published_weights,
        "table": result.sweep and str(Path(result.run_dir) / TABLE),
        "results": result.sweep and str(Path(result.run_dir) / NAME),
    }
    return "\n".join([*lines, *(f"  {name:<11} {at}" for name, at in places.items() if at)])


def _miniatures(result: Result) -> str:
    """Of which models miniatures were trained; empty without any. A sweep says it by itself."""
    names = {split_name(m.name)[0]: m.recipe for m in result.members if m.miniature}
    if not names or result.sweep:
        return ""
    sides = {read_number(recipe.get("image_size")) for recipe in names.values()}
    (side,) = sides if len(sides) == 1 else (None,)
    pixels = f" at {side:g} pixels" if side else ""
    return f"{', '.join(names)}{pixels}: scores say that the path works, not how good it is"


def _threshold(blend: Mapping[str, Any]) -> list[str]:
    """From which probability on a picture is of the second of two classes, if that was found."""
    found = blend.get("thresholds")
    level = read_number(found[0]) if isinstance(found, list) and len(found) == 1 else None
    kinds = ("recall", "specificity")
    scores = {kind: read_number(blend.get(f"validation_{kind}")) for kind in kinds}
    if level is None or None in scores.values():
        return []
    words = ", ".join(f"{kind} {score:.3f}" for kind, score in scores.items())
    return [f"  {'threshold':<16} {level:.3f}: {words} on validation"]


def _scores(result: Result) -> list[str]:
    """A line for each model and the blend, and below each what there is to say of it."""
    lines = []
    if result.metric:
        better = "higher" if result.greater_is_better else "lower"
        drawn = by_group(result.blend, "groups")
        words = f"{better} is better; 95 % intervals in parentheses{drawn}"
        lines.append(f"  {title(result.metric)}, {words}")
    rows, below, models = [], list[list[str]](), _models(result)
    shown = [score.value for _, score, *_ in models]
    alone = is_alone(result.blend) and shown == [result.value]  # the blend is the member
    for name, score, kind, kernels in models:
        seen = ", ".join(dict.fromkeys(member.accelerator or "unknown" for member in kernels))
        took = f"{sum(member.seconds for member in kernels):6.0f} s on {seen}"
        for channel, own in (channel_scores(result.blend, name) or {name: score}).items():
            facts = _channel(result.blend, channel) or vars(kernels[0])
            short = replace(own, n=None) if own.n == result.n and not alone else own
            rows.append(_row(channel, short, facts, took))
            took = ""  # it is the time of all channels
            below.append([])
        below[-1] += [listed(f"{len(kernels)} {kind}: ", map(str, kernels))] if kind else []
        below[-1] += [fold_words(vars(kernel)) for kernel in kernels]
        if splits := result.blend.get("repeats", {}).get(name):
            scores = map(score.rounded, splits.values())
            below[-1].append(listed(f"{len(splits)} splits, each out of fold: ", scores))
    if alone:
        below[-1] += _blend(result.blend)[1:]
    elif result.short:
        rows.append(_row("blend", result, result.blend, ""))
        below.append(_blend(result.blend))
    setting = result.blend.get("setting")
    return lines + laid_out(rows, below) + ([f"  {'setting':<16} {setting}"] if setting else [])


def _models(result: Result) -> list[Model]:
    """Each model's name, score, and kernels: one, or its ``folds`` or ``networks``.

    The score of folds is out of fold, that of networks is of all of them together.
    """
    blend, several = result.blend, list[Model]()
    for kind in ("folds", "networks"):
        for model, scores in blend.get(kind, {}).items():
            own = [
                replace(member, validation_score=scores[member.name])
                for member in result.members
                if member.name in scores
            ] or [
                replace(member, **vars(Validated(score)), seconds=member.seconds / len(scores))
                for member in result.members  # one kernel has carried out all of them
                if member.name == model
                for score in scores.values()
            ]
            if own:  # else a kernel that the run has not
                several.append((model, model_score(blend, model), kind, own))
    parts = {member.name for *_, own in several for member in own}
    alone = [_alone(member, blend) for member in result.members if member.name not in parts]
    return alone + several


def _alone(member: Member, blend: Mapping[str, Any] | None = None) -> Model:
    return member.name, model_score(blend or {}, member.name, member), "", [member]


def _row(name: str, score: Validated, facts: Mapping[str, Any], took: str) -> tuple[str, ...]:
    """``facts`` has the scores of seen and of unseen classes, where pairs are scored."""
    known = {part: read_number(facts.get(f"validation_{part}")) for part in ("seen", "unseen")}
    parts = ("" if n is None else f"{part} {score.rounded(n)}" for part, n in known.items())
    return (f"{name:<15}", f"validation {score}" if score.short else "", *parts, took)


def _channel(blend: Mapping[str, Any], model: str) -> dict[str, Any]:
    """What a channel, or the one channel of a model, scores on seen and on unseen classes."""
    for name, scores in blend.get("channels", {}).items():
        if name == model or name.startswith(f"{model}/"):
            return {f"validation_{part}": score for part, score in scores.items()}
    return {}


def _blend(blend: Mapping[str, Any]) -> list[str]:
    """The blend's weights, its pairs, what it gained, and what was chosen on validation."""
    weights = (f"{name} {weight:.3f}" for name, weight in blend.get("weights", {}).items())
    words = [listed(f"{blend.get('method', '')}: ", weights)]
    same = blend.get("same_pairs")
    right, half = blend.get("validation_accuracy"), blend.get("validation_balanced_accuracy")
    if same and right is not None and half is not None:
        counts = ", ".join(f"{count:,} {part}" for part, count in same.items() if count)
        words.append(f"same pairs: {counts}")
        words.append(f"accuracy {right:.4f}, of as many same as different pairs {half:.4f}")
    return [*words, gain_words(blend), blend.get("chosen_on", "")]


def _tried(result: Result) -> list[str]:
    """A line for each blend of this run, if there is more than one."""
    return [
        f"{one.name}: validation {one}"
        + "".join(
            f", {name} {one.rounded(score)}"
            for name, score in (("public", one.public_score), ("test", one.test_score))
            if score is not None
        )
        for one in (result.blends if len(result.blends) > 1 else ())
    ]


def show_history(results: Sequence[Result]) -> None:
    """Print a line of numbers a run, and below it what it was, wrapped at ``WIDE``."""
    kinds = {"test" if result.test.short else "public" for result in results}
    heads = ("when (UTC)", "run", "/".join(sorted(kinds)), "valid.", "gap", "kernel time", "ref")
    columns = zip(heads, *map(_cells, results), strict=True)
    shown = [column for column in columns if any(column[1:])]  # data sets have no submissions
    lines = aligned([*zip(*shown, strict=True)], right=range(2, len(shown)))
    for line, words in zip(lines, ["", *map(_words, results)], strict=True):
        say("\n".join([line, *wrapped(words, "  ")]))


def _cells(result: Result) -> tuple[str, ...]:
    kernels = (*result.members, *result.others)
    seconds = sum(member.seconds for member in kernels if not member.reused)
    seconds += (result.audit or {}).get("seconds", 0.0)
    return (
        result.started.replace("T", " ").removesuffix("Z"),
        Path(result.run_dir).name,
        result.rounded(result.public_score) if result.scored else result.test.short,
        result.short,
        "" if result.gap is None else f"{result.gap:+.{result.digits}f}",
        f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s",
        str(result.submission_ref or ""),
    )


def _words(result: Result) -> str:
    """What a run was: its marks, score, models, other blends and settings."""
    marks = {
        "(dry run)": result.dry_run,
        "(rehearsal)": result.request.get("rehearse"),
        "(miniatures)": _miniatures(result),
        f"({result.state})": result.state != "complete",
    }
    models = []
    for name, score, kind, kernels in (*_models(result), *map(_alone, result.others)):
        several = f"{len(kernels)} {kind}" if kind else ""
        for shown, own in (channel_scores(result.blend, name) or {name: score}).items():
            around = ", ".join(filter(None, (own.ends, several)))
            models.append(f"{shown} {own.short}{f' ({around})' if around else ''}".strip())
    words = [
        " ".join(mark for mark, shown in marks.items() if shown),
        in_short(result.sweep) if result.sweep else "",
        _audited(result),
        _validation(result),
        "" if result.sweep else ", ".join(models),
        *(f"tried {words}" for words in _tried(result)),
        _settings(result),
        f"weights {result.published_weights}" if result.published_weights else "",
    ]
    return "; ".join(filter(None, words))


def _audited(result: Result) -> str:
    """That a run has audited its pictures, and whether it warns of something."""
    if not result.audit:
        return ""
    number = len(result.audit["warnings"])
    return f"audit: {number or 'no'} warning{'s' * (number != 1)}"


def _validation(result: Result) -> str:
    """What the validation score is, and its interval: ``macro F1 0.942 to 0.975 (95 %), n 416``."""
    if not result.ends:
        return ""
    metric = title(result.metric) if result.metric else "valid."
    lower = "" if result.greater_is_better else " (lower is better)"
    pictures = "" if result.n is None else f", n {result.n:,}"
    words = f"{metric}{lower} {result.ends} (95 %){pictures}"
    return f"{words}; test {result.test}, {looked(result.looks)}" if result.test.short else words


def _settings(result: Result) -> str:
    """What was asked for besides the defaults, the accelerators seen, and the code."""
    asked, blend, commit = result.request, result.blend, result.code.get("commit")
    words = list(filter(None, [asked_for(asked)]))
    method = "mean" if is_alone(blend) else blend.get("method", "mean")
    words += [method] if method != "mean" else []
    words += ["calibrated"] if "calibration" in blend else []
    words += sorted({m.accelerator for m in (*result.members, *result.others) if m.accelerator})
    words += [f"{commit[:7]}{'+' if result.code.get('changes') else ''}"] if commit else []
    return " ".join(words)
