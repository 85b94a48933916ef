"""The blend: members and blend with their intervals, the weights, and what the blend gained."""

import math
from collections.abc import Iterator

from markupsafe import Markup

from common.blending.figures import weight_curve
from kernels.report.analysis import fixed_and_broken
from kernels.report.charts import Axes, bounds, dot, drawing, grid, steps
from kernels.report.facts import Facts, Left
from kernels.report.markup import (
    UNKNOWN,
    Cell,
    count,
    duration,
    figure,
    join,
    number,
    section,
    signed,
    table,
    tag,
)
from kernels.report.ranges import ranges
from kernels.results.scores import Score, gain_words, greater_is_better, interval_words, read_score

ACCURACY = "validation_accuracy"


def blend_section(facts: Facts) -> Markup | None:
    """Members and blend as ranges and in a table, the weights, and what the blend gained."""
    if not facts.models:  # an audit alone
        return None
    method = str(facts.blended.get("method", ""))
    return section(
        "blend",
        f"The blend{f': {method}' if method else ''}",
        score_ranges(facts),
        *(tag("p", words) for words in comparison(facts)),
        _members(facts),
        *_fold_scores(facts),
        *_effects(facts, method),
    )


def score_ranges(facts: Facts) -> Markup:
    """Members and blend on one axis, the best member first."""
    sign = facts.competition.scoring.sign
    scores = [(model, facts.member_score(model)) for model in facts.models]
    scores.sort(key=lambda one: -sign * one[1].value if one[1].value is not None else math.inf)
    blend = read_score(facts.blended)
    if len(weights(facts)) > 1 or len(scores) > 1:
        scores.append(("blend", blend))
    return ranges(scores, f"{facts.metric} on validation{_pictures(blend)}", sign > 0)


def _pictures(score: Score) -> str:
    return "" if score.n is None else f", {score.n:,} pictures"


def comparison(facts: Facts) -> Iterator[str]:
    """Whether the blend beats the best member, and what was chosen on the same pictures."""
    gain = gain_words(facts.blended)
    if gain:
        yield gain.replace(" %", "\N{NO-BREAK SPACE}%")
    chosen = str(facts.blended.get("chosen_on") or "")
    if chosen:
        yield f"{chosen[0].upper()}{chosen[1:]}: on others the blend will score a little worse."


def weights(facts: Facts) -> dict[str, float]:
    """The blend's weights by member; empty where there is no blend."""
    return {str(name): float(w) for name, w in facts.blended.get("weights", {}).items()}


def _members(facts: Facts) -> Markup:
    """The table of members and blend; accuracy where the task has it."""
    chosen = weights(facts)
    accuracy = facts.metric != "accuracy" and any(ACCURACY in k.metrics for k in facts.kernels)
    heads = ["member", "weight", facts.metric, "95 %", *(["accuracy"] if accuracy else [])]
    rows = [_member(facts, model, chosen, accuracy) for model in facts.models]
    if facts.ensemble:
        rows.append(_blend(facts.ensemble, accuracy))
    heads += ["seconds", "accelerator"]
    return table("Members and blend on validation", heads, rows)


def _member(facts: Facts, model: str, chosen: dict[str, float], accuracy: bool) -> list[Cell]:
    kernels, member = facts.models[model], facts.members.get(model)
    right = known(kernels[0].metrics.get(ACCURACY)) if len(kernels) == 1 else math.nan
    if accuracy and member is not None:
        found = facts.task.summary(member.validation_labels, member.validation)
        right = known(found.get(ACCURACY))
    seconds = sum(left.known.seconds for left in kernels)
    return [
        Cell(model),
        number(chosen.get(model, math.nan), 3, bar=True),
        *score_cells(facts.member_score(model)),
        *([number(right)] if accuracy else []),
        Cell(duration(seconds), seconds),
        Cell(", ".join(dict.fromkeys(accelerator(left) for left in kernels))),
    ]


def _blend(ensemble: Left, accuracy: bool) -> list[Cell]:
    return [
        Cell(tag("strong", "blend")),
        number(1.0, 3),
        *score_cells(read_score(ensemble.metrics)),
        *([number(known(ensemble.metrics.get(ACCURACY)))] if accuracy else []),
        Cell(duration(ensemble.known.seconds), ensemble.known.seconds),
        Cell(accelerator(ensemble)),
    ]


def score_cells(score: Score) -> list[Cell]:
    """A score and its interval."""
    return [number(known(score.value)), Cell(interval_words(score.interval) or UNKNOWN)]


def _fold_scores(facts: Facts) -> list[Markup]:
    """Each fold's score on its own part beside the one out of fold, a chart a model."""
    measured = facts.blended.get("folds", {})
    pieces = []
    for model in (model for model in facts.folds if model in measured):
        whole = facts.member_score(model)
        scores = [(f"{model}, out of fold", whole)]
        for place, left in enumerate(facts.models[model]):
            own = read_score(left.metrics)
            value = measured[model].get(left.name)
            scores.append((f"fold {place}", Score(value, own.interval, own.n)))
        values = [score.value for _, score in scores[1:] if score.value is not None]
        spread = f", from {min(values):.4f} to {max(values):.4f}" if values else ""
        title = f"{facts.metric} of each fold of {model} on its own part{spread}"
        pieces.append(ranges(scores, title, greater_is_better(facts.blended)))
    words = (
        "A fold is validated on a part of train and validation that it was not trained on. Out of "
        "fold is the score over all parts together."
    )
    return [tag("h3", "The folds"), *pieces, tag("p", words)] if pieces else []


def _effects(facts: Facts, method: str) -> list[Markup]:
    """What the blend changed, and what its weights do."""
    chosen = weights(facts)
    if len(chosen) < 2:
        return [tag("p", "One member: the blend is that member itself.")]
    pieces: list[Markup] = []
    if facts.blend is not None and "confusions" in facts.task.sections:
        pieces += [tag("h3", "What the blend gained"), _gained(facts)]
    if facts.blend is not None and len(facts.members) == 2 and set(facts.members) == set(chosen):
        pieces += [tag("h3", "The weights"), _weight_curve(facts, chosen, method)]
    return pieces


def known(value: object) -> float:
    """A number that a kernel tells; NaN where it tells none."""
    return float(value) if isinstance(value, int | float) else math.nan


def accelerator(left: Left) -> str:
    """What a kernel saw, as its manifest tells it."""
    seen = left.manifest.get("accelerator") or {}
    return str(seen.get("seen", "unknown")) if isinstance(seen, dict) else "unknown"


def _gained(facts: Facts) -> Markup:
    assert facts.blend is not None
    labels, blend = facts.blend.validation_labels, facts.decide(facts.blend)
    rows = []
    for name, member in facts.members.items():
        fixed, broken = fixed_and_broken(labels, facts.decide(member), blend)
        net = len(fixed) - len(broken)
        rows.append(
            [Cell(name), count(len(fixed)), count(len(broken)), Cell(signed(net, 0), float(net))]
        )
    words = "Fixed: the member is wrong and the blend right. Broken: the other way round."
    heads = ["against", "fixed", "broken", "net"]
    return join((table("Pictures that the blend fixed and broke", heads, rows), tag("p", words)))


def _weight_curve(facts: Facts, chosen: dict[str, float], method: str) -> Markup:
    """The metric over the weight of the first of two members."""
    assert facts.blend is not None
    (first, one), (second, two) = facts.members.items()
    shares, scores = weight_curve(facts.competition, one, two)
    points = list(zip(shares.tolist(), scores, strict=True))
    own = facts.competition.score(
        facts.blend.validation_labels, facts.blend.validation, facts.thresholds
    )
    ends = bounds([*scores, own])
    axes = Axes((0.0, 1.0), ends, width=360, height=210, left=50, right=16, top=24)
    best = max(scores) if facts.competition.scoring.greater_is_better else min(scores)
    label = (
        f"{facts.metric} of the blend over the weight of {first}: {scores[-1]:.4f} alone, "
        f"{scores[0]:.4f} for {second} alone, {best:.4f} at best; "
        f"{own:.4f} at the weight taken, {chosen[first]:.3f}"
    )
    mark = dot(axes, chosen[first], own, "two", f"{method}: {chosen[first]:.3f}, {own:.4f}", 6)
    below = grid(axes, f"weight of {first} (the rest is {second})", facts.metric)
    curve = drawing(label, axes.width, axes.height, below, steps(axes, points, "one"), mark)
    better = "" if facts.competition.scoring.greater_is_better else " (lower is better)"
    caption = (
        f"{facts.metric[0].upper()}{facts.metric[1:]} on validation{better} by weight. The dot is "
        f"the weight that was taken; both ends are one member alone."
    )
    return figure(curve, caption)
