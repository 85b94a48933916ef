"""The blend: members and blend with their intervals, the weights, and what the blend gained."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from markupsafe import Markup

from kernels.report.charts import bounds, short, ticks
from kernels.report.facts import Facts
from kernels.report.pair_facts import model_channels
from kernels.report.render import UNKNOWN, Section, Table, bar, duration, number, signed
from kernels.results.output import KernelOutput
from kernels.results.result import tried_blends
from kernels.results.scores import Validated, as_mapping, gain_words, read_number, read_score

ACCURACY = "validation_accuracy"
BLEND = Markup("<strong>blend</strong>")


def blend(facts: Facts) -> Section | None:
    """Members and blend as ranges and in a table, the folds, and what the blend changed."""
    if not facts.models:  # an audit alone
        return None
    metrics, several = facts.blended, len(facts.weights) > 1
    sign, score = facts.competition.scoring.sign, read_score(metrics)
    scores = [(model, facts.model_score(model)) for model in facts.models]
    scores.sort(key=lambda one: math.inf if one[1].value is None else -sign * one[1].value)
    if several or len(scores) > 1:
        scores.append(("blend", score))
    pictures = "" if score.n is None else f", {score.n:,} pictures"
    method, chosen = str(metrics.get("method") or ""), str(metrics.get("chosen_on") or "")
    names = (ACCURACY, "threshold", "same_share")
    return {
        "title": f"The blend: {method}" if method else "The blend",
        "ranges": _ranges(facts, scores, f"{facts.metric} on validation{pictures}"),
        "gain": gain_words(metrics).replace(" %", "\N{NO-BREAK SPACE}%"),
        "chosen": f"{chosen[:1].upper()}{chosen[1:]}",
        "members": _channels(facts) if facts.pairs else _members(facts),
        "tried": _tried(facts),
        "folds": _folds(facts),
        "gained": _gained(facts) if several else None,
        "weights": facts.figure("weights.png") if several else None,
        "several": several,
        **{name: read_number(metrics.get(name)) for name in names},
    }


def _members(facts: Facts) -> Table:
    """Of models and blend: weight, score, accuracy where that is another metric, time."""
    rows = [
        (model, bar(facts.weights.get(model)), facts.model_score(model), _accuracy(facts, model))
        for model in facts.models
    ]
    took = [_took(kernels) for kernels in facts.models.values()]
    if facts.ensemble:
        rows.append((BLEND, 1.0, facts.ensemble.score, facts.ensemble.number(ACCURACY)))
        took.append(_took([facts.ensemble]))
    accurate = facts.metric != "accuracy" and any(accuracy is not None for *_, accuracy in rows)
    columns = [("member", None), ("weight", 3), (facts.metric, 0), ("95 %", 0)]
    return Table(
        "Members and blend on validation",
        [*columns, *[("accuracy", 0)] * accurate, ("seconds", 0), ("accelerator", None)],
        [
            (name, weight, *_cells(score), *[_known(accuracy, score)] * accurate, *own)
            for (name, weight, score, accuracy), own in zip(rows, took, strict=True)
        ],
    )


def _channels(facts: Facts) -> Table:
    """Of each channel of a model, and of the blend: AUC of all, seen and unseen, weight, time."""
    digits, rows = read_score(facts.blended).digits, []
    for model, kernels in facts.models.items():
        for channel, auc in model_channels(model, kernels, facts.blended).items():
            weight = bar(facts.weights.get(f"{model}/{channel}"))
            parts = [read_number(auc.get(part)) for part in ("all", "seen", "unseen")]
            rows.append((model, channel, *parts, weight, *_took(kernels)))
    if facts.ensemble:
        parts = [facts.ensemble.number(f"validation_{n}") for n in ("score", "seen", "unseen")]
        rows.append((BLEND, "all", *parts, 1.0, *_took([facts.ensemble])))
    areas = [(f"AUC {part}", digits) for part in ("all", "seen", "unseen")]
    columns = [("member", None), ("channel", None), *areas, ("weight", 3), ("seconds", 0)]
    return Table("Members and blend on validation", [*columns, ("accelerator", None)], rows)


def _cells(score: Validated) -> list[Any]:
    """A score with the decimals that it carries, and its interval."""
    low = score.interval[0] if score.interval else None
    return [_known(score.value, score), (low, score.ends or UNKNOWN)]


def _known(value: float | None, score: Validated) -> Any:
    return value, number(value, score.digits)


def _took(kernels: Sequence[KernelOutput]) -> list[Any]:
    """How long kernels took, and on what."""
    seconds = sum(kernel.state.seconds for kernel in kernels)
    seen = dict.fromkeys(kernel.accelerator for kernel in kernels)
    return [(seconds, duration(seconds)), ", ".join(seen) or "unknown"]


def _tried(facts: Facts) -> Table | None:
    """The blends of this run, if there are several."""
    tried = tried_blends(facts.run)
    rows = [(b.name, b.version, *_cells(b), _known(b.public_score, b)) for b in tried]
    numbers = ("version", "validation", "95 %", "public score")
    columns = [("method", None), *((name, 0) for name in numbers)]
    return Table("Blends of this run", columns, rows) if len(rows) > 1 else None


def _ranges(facts: Facts, scores: Sequence[tuple[str, Validated]], title: str) -> dict[str, Any]:
    """Known scores with their intervals on one axis; ``share`` is where a value lies, 0 to 1."""
    known = [(name, score) for name, score in scores if score.value is not None]
    ends = [end for _, score in known for end in (score.value or 0.0, *(score.interval or ()))]
    low, high = bounds(ends or [0.0, 1.0])
    lower = "" if facts.competition.scoring.greater_is_better else ", lower is better"
    caption = f"{title[:1].upper()}{title[1:]}{lower}."
    if any(score.interval for _, score in known):
        caption += " The line is the 95 % interval (bootstrap)."
    return {
        "rows": known,
        "share": lambda value: round((value - low) / (high - low), 4),
        "ticks": [(value, short(value)) for value in ticks(low, high)],
        "caption": caption,
    }


def _accuracy(facts: Facts, model: str) -> float | None:
    """A model's accuracy: of its pictures in the blend, else as its one kernel measured it."""
    kernels, member = facts.models[model], facts.members.get(model)
    if member is not None:
        found = facts.task.summary(member.validation_labels, member.validation)
        return read_number(found.get(ACCURACY))
    return kernels[0].number(ACCURACY) if len(kernels) == 1 else None


def _folds(facts: Facts) -> list[dict[str, Any]]:
    """Each fold's score on its own part next to the one out of fold, a chart a model."""
    charts = []
    for model, measured in as_mapping(facts.blended.get("folds")).items():
        scores = [(f"{model}, out of fold", facts.model_score(model))]
        for place, kernel in enumerate(facts.models.get(model, ())):
            own = read_number(measured.get(kernel.name))
            scores.append((f"fold {place}", replace(kernel.score, validation_score=own)))
        values = [score.value for _, score in scores[1:] if score.value is not None]
        spread = f", from {min(values):.3f} to {max(values):.3f}" if values else ""
        title = f"{facts.metric} of each fold of {model} on its own part{spread}"
        charts.append(_ranges(facts, scores, title))
    return charts


def _gained(facts: Facts) -> Table | None:
    """Pictures that the blend fixed and broke of each member's; None without one class each."""
    if facts.blend is None or not facts.task.classes or facts.blend.validation_labels.ndim > 1:
        return None
    labels, rows = facts.blend.validation_labels, []
    right = facts.decide(facts.blend) == labels
    for name, member in facts.members.items():
        own = facts.decide(member) == labels
        fixed, broken = int(np.sum(right & ~own)), int(np.sum(own & ~right))
        rows.append((name, fixed, broken, (fixed - broken, signed(fixed - broken))))
    columns = [("against", None), ("fixed", 0), ("broken", 0), ("net", 0)]
    return Table("Pictures that the blend fixed and broke", columns, rows)
