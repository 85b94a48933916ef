"""The blend: members and blend with their intervals, the weights, and what the blend gained."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kernels.report.charts import bounds, short, ticks
from kernels.report.facts import Facts
from kernels.report.pair_facts import auc_of, channel_scores, model_channels
from kernels.report.render import Section
from kernels.results.result import tried_blends
from kernels.results.scores import Validated, as_mapping, gain_words, read_number, read_score

ACCURACY = "validation_accuracy"


def blend_section(facts: Facts) -> Section | None:
    """Members and blend as ranges and in a table, the folds, and what the blend changed."""
    if not facts.models:  # an audit alone
        return None
    several = len(facts.weights) > 1
    accuracy = any(ACCURACY in kernel.metrics for kernel in facts.kernels)
    data = {
        **_shared(facts),
        "with_accuracy": accuracy and facts.metric != "accuracy",
        "accuracy": {model: _accuracy(facts, model) for model in facts.models},
        "folds": _folds(facts),
        "gained": _gained(facts) if several else [],
        "weights": facts.figure("weights.png") if several else None,
    }
    return Section("blend", "blend", _title(facts), data)


def channels_section(facts: Facts) -> Section | None:
    """The blend of a competition of pairs: members, channels and blend in one table."""
    if not facts.models:
        return None
    metrics, channels = facts.blended, {}
    for model, kernels in facts.models.items():
        found = model_channels(model, kernels[0].metrics, metrics)
        channels[model] = found or {"": {"all": kernels[0].score.value}}
    alone = {name: auc_of(found) for name, found in channel_scores(metrics).items()}
    ours, best = read_score(metrics), max(alone, key=alone.__getitem__, default="")
    names = (ACCURACY, "threshold", "same_share", "validation_seen", "validation_unseen")
    numbers = {name: read_number(metrics.get(name)) for name in names}
    data = {
        **_shared(facts),
        **numbers,
        "channels": channels,
        "blend": (ours.value, numbers["validation_seen"], numbers["validation_unseen"]),
        "digits": ours.digits,
        "best": best if len(alone) > 1 and "gain" not in metrics else "",
        "gained": None if ours.value is None or not best else ours.value - alone[best],
    }
    return Section("channels", "blend", _title(facts), data)


def ranges(
    scores: Sequence[tuple[str, Validated]], title: str, greater_is_better: bool
) -> dict[str, Any]:
    """Return scores with their intervals on one axis, as shares of its width.

    Those that are unknown are left out; ``blend`` has another colour.
    """
    known = [(name, score) for name, score in scores if score.value is not None]
    ends = [end for _, score in known for end in (score.value or 0.0, *(score.interval or ()))]
    low, high = bounds(ends or [0.0, 1.0])

    def share(value: float) -> float:
        return round((value - low) / (high - low), 4)

    rows = []
    for name, score in known:
        row = {"name": name, "score": score, "at": share(score.value or 0.0), "wide": None}
        if score.interval:
            start, end = map(share, score.interval)
            row |= {"low": start, "wide": round(end - start, 4)}
        rows.append({**row, "look": "two" if name == "blend" else "one"})
    caption = f"{title[:1].upper()}{title[1:]}{'' if greater_is_better else ', lower is better'}."
    if any(score.interval for _, score in known):
        caption += " The line is the 95 % interval (bootstrap)."
    marks = [(share(value), short(value)) for value in ticks(low, high)]
    return {"rows": rows, "ticks": marks, "caption": caption}


def _title(facts: Facts) -> str:
    method = str(facts.blended.get("method", ""))
    return f"The blend{f': {method}' if method else ''}"


def _shared(facts: Facts) -> dict[str, Any]:
    """What both kinds of blends show: the ranges, the gain, what was chosen, blends tried."""
    sign, blend = facts.competition.scoring.sign, read_score(facts.blended)
    scores = [(model, facts.model_score(model)) for model in facts.models]
    scores.sort(key=lambda one: -sign * one[1].value if one[1].value is not None else math.inf)
    if len(facts.weights) > 1 or len(scores) > 1:
        scores.append(("blend", blend))
    pictures = "" if blend.n is None else f", {blend.n:,} pictures"
    chosen, tried = str(facts.blended.get("chosen_on") or ""), tried_blends(facts.run)
    return {
        "ranges": ranges(scores, f"{facts.metric} on validation{pictures}", sign > 0),
        "gain": gain_words(facts.blended).replace(" %", "\N{NO-BREAK SPACE}%"),
        "chosen": f"{chosen[:1].upper()}{chosen[1:]}",
        "tried": tried if len(tried) > 1 else (),
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
        charts.append(ranges(scores, title, facts.competition.scoring.greater_is_better))
    return charts


def _gained(facts: Facts) -> list[tuple[str, int, int]]:
    """Member → pictures that the blend fixed and broke, where each picture has one class."""
    if facts.blend is None or "confusions" not in facts.task.sections:
        return []
    labels, blend = facts.blend.validation_labels, facts.decide(facts.blend)
    right, found = blend == labels, []
    for name, member in facts.members.items():
        own = facts.decide(member) == labels
        found.append((name, int(np.sum(right & ~own)), int(np.sum(own & ~right))))
    return found
