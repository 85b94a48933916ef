"""The blend: members and blend with their intervals, the weights, and what the blend gained."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from markupsafe import Markup

from kernels.report.facts import Facts
from kernels.report.pair_facts import model_channels
from kernels.report.ranges import ranges
from kernels.report.render import UNKNOWN, Section, Table, bar, duration, known, signed
from kernels.results.blends import tried_blends
from kernels.results.output import KernelOutput
from kernels.results.scores import (
    Validated,
    as_mapping,
    by_group,
    channel_scores,
    gain_words,
    read_number,
    read_score,
)

ACCURACY = "validation_accuracy"
BLEND = Markup("<strong>blend</strong>")


def blend(facts: Facts) -> Section | None:
    """Members and blend as ranges and in a table, the folds, and what the blend changed."""
    if not facts.models:  # an audit alone
        return None
    metrics, several = facts.blended, len(facts.weights) > 1
    sign, score = facts.competition.scoring.sign, read_score(metrics)
    scores = [
        one
        for model in facts.models
        for one in (channel_scores(metrics, model) or {model: facts.model_score(model)}).items()
    ]
    scores.sort(key=lambda one: math.inf if one[1].value is None else -sign * one[1].value)
    if several or len(scores) > 1:
        scores.append(("blend", score))
    pictures = "" if score.n is None else f", {score.n:,} {facts.task.rows_word}"
    method, chosen = str(metrics.get("method") or ""), str(metrics.get("chosen_on") or "")
    names = (ACCURACY, "threshold", "same_share")
    title = "The model" if len(facts.models) == 1 and not several else "The blend"
    return {
        "title": f"{title}: {method}" if method and several else title,
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
    """Of models, and of the blend of several: weight, score, time."""
    rows = []
    for model, kernels in facts.models.items():
        score, member = facts.model_score(model), facts.members.get(model)
        measured = member and facts.task.summary(
            member.validation_labels, member.validation, facts.thresholds_of(member)
        )
        weight = {"weight": bar(facts.weights.get(model))} if len(facts.models) > 1 else {}
        rows.append(
            {"member": model, **weight, **_score(facts, score, measured or {}), **_took(kernels)}
        )
    if (ensemble := facts.ensemble) and len(rows) > 1:
        found = _score(facts, ensemble.score, ensemble.metrics)
        rows.append({"member": BLEND, "weight": 1.0, **found, **_took([ensemble])})
    return Table("Members and blend on validation", rows)


def _channels(facts: Facts) -> Table:
    """Of each channel of a model, and of the blend: AUC of all, seen and unseen, weight, time."""
    metrics, rows = facts.blended, []
    parts = {part: metrics.get(f"validation_{part}") for part in ("seen", "unseen")}
    entries = [
        (model, channel, auc, bar(facts.weights.get(f"{model}/{channel}")), kernels)
        for model, kernels in facts.models.items()
        for channel, auc in model_channels(model, metrics).items()
    ]
    if facts.ensemble:
        parts["all"] = metrics.get("validation_score")
        entries.append((BLEND, "all", parts, 1.0, (facts.ensemble,)))
    for model, channel, auc, weight, kernels in entries:
        areas = {
            f"AUC {part}": known(read_number(auc.get(part)), read_score(metrics).digits)
            for part in ("all", "seen", "unseen")
        }
        row = {"member": model, "channel": channel, **areas, "weight": weight}
        rows.append({**row, **_took(kernels)})
    return Table("Members and blend on validation", rows)


def _score(facts: Facts, score: Validated, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """A score with the decimals that it carries, its interval, and accuracy as another metric."""
    low, accuracy = score.interval[0] if score.interval else None, metrics.get(ACCURACY)
    cells = {facts.metric: known(score.value, score.digits), "95 %": (low, score.ends or UNKNOWN)}
    if accuracy is not None and facts.metric != "accuracy":
        cells["accuracy"] = known(read_number(accuracy), score.digits)
    return cells


def _took(kernels: Sequence[KernelOutput]) -> dict[str, Any]:
    """How long kernels took, and on what."""
    seconds = sum(kernel.state.seconds for kernel in kernels)
    seen = ", ".join(dict.fromkeys(kernel.accelerator for kernel in kernels))
    return {"seconds": (seconds, duration(seconds)), "accelerator": seen or "unknown"}


def _tried(facts: Facts) -> Table | None:
    """The blends of this run, if there are several."""
    rows = [
        {
            "method": tried.name,
            "version": tried.version,
            **_score(facts, tried, {}),
            **{
                name: known(score, tried.digits)
                for name, score in (
                    ("public score", tried.public_score),
                    ("test", tried.test_score),
                )
                if (name == "test") is (facts.competition.submission is None)
            },
        }
        for tried in tried_blends(facts.run)
    ]
    return Table("Blends of this run", rows) if len(rows) > 1 else None


def _ranges(facts: Facts, scores: Sequence[tuple[str, Validated]], title: str) -> dict[str, Any]:
    """Known scores on one axis, and what they are of."""
    lower = "" if facts.competition.scoring.greater_is_better else ", lower is better"
    caption = f"{title[:1].upper()}{title[1:]}{lower}."
    if any(score.interval for _, score in scores if score.value is not None):
        drawn = by_group(facts.blended, "groups")
        caption += f" A line is a 95 % interval (bootstrap{drawn})."
    return ranges(scores, caption, {"blend": "two"})


def _folds(facts: Facts) -> list[dict[str, Any]]:
    """Each fold's score on its own part next to the one out of fold, a chart a model."""
    charts, repeats = [], as_mapping(facts.blended.get("repeats"))
    for model, measured in as_mapping(facts.blended.get("folds")).items():
        repeated = as_mapping(repeats.get(model))
        scores = [(f"{model}, out of fold", facts.model_score(model))]
        kernels = {kernel.name: kernel.score for kernel in facts.models.get(model, ())}
        for place, (name, own) in enumerate(measured.items()):
            score = kernels.get(name, Validated())  # one kernel may have carried out all of them
            fold = _fold_name(place, len(measured), len(repeated))
            scores.append((fold, replace(score, validation_score=read_number(own))))
        values = [score.value for _, score in scores[1:] if score.value is not None]
        ends = (f"{end(values):.{scores[0][1].digits}f}" for end in (min, max)) if values else ()
        spread = f", from {' to '.join(ends)}" if values else ""
        title = f"{facts.metric} of each fold of {model} on its own part{spread}"
        known = [(str(name), Validated(read_number(score))) for name, score in repeated.items()]
        charts.append(_ranges(facts, [scores[0], *known, *scores[1:]], title))
    return charts


def _fold_name(place: int, number: int, repeats: int) -> str:
    """``fold 2``, or ``fold 2 of split 1`` where folds count on from split to split."""
    if repeats < 2:
        return f"fold {place}"
    split, fold = divmod(place, max(1, number // repeats))
    return f"fold {fold} of split {split + 1}"


def _gained(facts: Facts) -> Table | None:
    """Pictures that the blend fixed and broke of each member's; None without one class each."""
    if not facts.members or not facts.task.classes or facts.blend.validation_labels.ndim > 1:
        return None
    labels, rows = facts.blend.validation_labels, []
    right = facts.decide(facts.blend) == labels
    for name, member in facts.members.items():
        own = facts.decide(member) == labels
        fixed, broken = int(np.sum(right & ~own)), int(np.sum(own & ~right))
        net = (fixed - broken, signed(fixed - broken))
        rows.append({"against": name, "fixed": fixed, "broken": broken, "net": net})
    return Table("Pictures that the blend fixed and broke", rows)
