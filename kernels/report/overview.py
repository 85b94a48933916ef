"""The head of the page: what the run scored, and what each member and the blend did."""

import math
import re
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from common.blending.blend import mix
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


def headline(facts: Facts) -> Markup:
    """Competition, time and scores, as large numbers."""
    kind = "Dry run" if facts.run.dry_run else "Run"
    link = tag("a", facts.competition.slug, href=facts.competition.url)
    said = [
        tag("span", kind, class_="badge"),
        link,
        _when(facts),
        tag("span", facts.run.folder.name),
    ]
    if facts.run.dry_run:
        data = "generated pictures" if "generated" in facts.run.data else "own data"
        words = f"small settings, {data}: the score says that the path works"
        said.append(tag("span", words))
    return tag(
        "header",
        tag("h1", facts.competition.title),
        tag("p", join(said, " "), class_="said"),
        tag("dl", *_tiles(facts), class_="tiles"),
    )


def _when(facts: Facts) -> Markup | str:
    written = [str(left.manifest.get("written", "")) for left in facts.kernels]
    last = max(written, default="")
    if not re.fullmatch(r"[\d-]{10}T[\d:]{8}Z", last):
        return ""
    return tag("time", f"{last[:10]} {last[11:16]} UTC", datetime=last)


def _tiles(facts: Facts) -> list[Markup]:
    public = facts.sent.public_score if facts.sent else None
    ours = blend_score(facts)
    gap = None if public is None or ours is None else public - ours
    sent = "nothing was sent"
    if facts.sent:
        sent = f"submission {facts.sent.ref}" if facts.sent.ref else "sent"
    tiles = [
        _tile("Public score", _five(public), sent, "main"),
        _tile("Validation", _five(ours), f"{facts.metric} of the blend{_out_of_fold(facts)}"),
        _tile("Gap", UNKNOWN if gap is None else signed(gap, 5), "public score less validation"),
    ]
    if facts.sent and facts.sent.private_score is not None:
        tiles.append(_tile("Private score", _five(facts.sent.private_score), "as Kaggle tells it"))
    if facts.blend is not None:
        pictures = f"{len(facts.blend.validation_ids):,}"
        right = (facts.blend.validation.argmax(axis=1) == facts.blend.validation_labels).mean()
        tiles.append(_tile("Validation pictures", pictures, f"{right:.2%} of them right"))
    return [*tiles, *_parts(facts)]


def _parts(facts: Facts) -> list[Markup]:
    """What the blend scores on pairs of seen and of unseen classes."""
    told = facts.ensemble.metrics if facts.ensemble and facts.pairs else {}
    many = facts.competition.called[1]
    parts = {part: told.get(f"validation_{part}") for part in ("seen", "unseen")}
    return [
        _tile(f"{part.capitalize()} {many}", _five(value), f"{facts.metric} of their pairs")
        for part, value in parts.items()
        if isinstance(value, int | float)
    ]


def _out_of_fold(facts: Facts) -> str:
    split = any(len(names) > 1 for names in facts.folds.values())
    return ", out of fold" if split and not facts.pairs else ""


def _tile(name: str, value: str, below: str, class_: str | None = None) -> Markup:
    words = tag("dd", value, class_="value"), tag("dd", below, class_="below")
    return tag("div", tag("dt", name), *words, class_=class_)


def _five(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.5f}"


def blend_score(facts: Facts) -> float | None:
    """The blend's score on validation, as its kernel measured it."""
    told = facts.ensemble.metrics.get("validation_score") if facts.ensemble else None
    return float(told) if isinstance(told, int | float) else None


def weights(facts: Facts) -> dict[str, float]:
    """The blend's weights by member; empty where there is no blend."""
    told = facts.ensemble.metrics.get("weights", {}) if facts.ensemble else {}
    return {str(name): float(weight) for name, weight in told.items()}


def blend_section(facts: Facts) -> Markup | None:
    """Members and blend in one table, the weights, and what the blend gained."""
    if not facts.models:  # an audit alone
        return None
    chosen = weights(facts)
    heads = ["member", "weight", f"validation {facts.metric}", "accuracy", "seconds", "accelerator"]
    rows = [_member(facts, model, kernels, chosen) for model, kernels in facts.models.items()]
    method = str(facts.ensemble.metrics.get("method", "")) if facts.ensemble else ""
    if facts.ensemble:
        rows.append(_blend(facts, facts.ensemble))
    pieces = [table("Members and blend on validation", heads, rows), *_fold_scores(facts)]
    if len(chosen) < 2:
        pieces.append(tag("p", "One member: the blend is that member itself."))
    elif facts.blend is not None:
        pieces += [tag("h3", "What the blend gained"), _gained(facts)]
        if len(facts.members) == 2 and set(facts.members) == set(chosen):
            pieces += [tag("h3", "The weights"), _weight_curve(facts, chosen, method)]
    return section("blend", f"The blend{f': {method}' if method else ''}", *pieces)


def _member(
    facts: Facts, model: str, kernels: Sequence[Left], chosen: dict[str, float]
) -> list[Cell]:
    member = facts.members.get(model)
    accuracy = math.nan
    if member is not None:
        accuracy = float((member.validation.argmax(axis=1) == member.validation_labels).mean())
    seconds = sum(left.known.seconds for left in kernels)
    return [
        Cell(model),
        number(chosen.get(model, math.nan), 3, bar=True),
        number(_score(facts, model, kernels), 5),
        number(accuracy),
        Cell(duration(seconds), seconds),
        Cell(", ".join(dict.fromkeys(accelerator(left) for left in kernels))),
    ]


def _score(facts: Facts, model: str, kernels: Sequence[Left]) -> float:
    """A kernel's own score; of folds the one out of fold, as the ensemble measured it."""
    if len(kernels) == 1:
        return known(kernels[0].metrics.get("validation_score"))
    told = facts.ensemble.metrics.get("members", {}) if facts.ensemble else {}
    return known(told.get(model))


def _fold_scores(facts: Facts) -> list[Markup]:
    """Each fold's score on its own part beside the one out of fold, a row a model."""
    told = facts.ensemble.metrics.get("folds", {}) if facts.ensemble else {}
    split = {model: names for model, names in facts.folds.items() if model in told}
    if not split:
        return []
    most = max(len(names) for names in split.values())
    rows = []
    for model, names in split.items():
        scores = [known(told[model].get(name)) for name in names]
        own = [number(score, 5) for score in scores] + [number(math.nan)] * (most - len(names))
        whole = number(_score(facts, model, facts.models[model]), 5)
        rows.append([Cell(model), whole, number(max(scores) - min(scores), 5), *own])
    heads = ["model", "out of fold", "spread", *(f"fold {fold}" for fold in range(most))]
    words = (
        "A fold is validated on a part of train and validation that it was not trained on. Out of "
        "fold is the score over all parts together; spread is the best fold less the worst."
    )
    caption = f"{facts.metric} of each fold on its own part"
    return [tag("h3", "The folds"), table(caption, heads, rows), tag("p", words)]


def _blend(facts: Facts, ensemble: Left) -> list[Cell]:
    accuracy = known(ensemble.metrics.get("validation_accuracy"))
    score = number(known(ensemble.metrics.get("validation_score")), 5)
    seconds = Cell(duration(ensemble.known.seconds), ensemble.known.seconds)
    cells = [number(1.0, 3), score, number(accuracy), seconds, Cell(str(accelerator(ensemble)))]
    return [Cell(tag("strong", "blend")), *cells]


def known(value: object) -> float:
    """A number that a kernel tells; NaN where it tells none."""
    return float(value) if isinstance(value, int | float) else math.nan


def accelerator(left: Left) -> str:
    """What a kernel saw, as its manifest tells it."""
    seen = left.manifest.get("accelerator") or {}
    return str(seen.get("seen", "unknown")) if isinstance(seen, dict) else "unknown"


def _gained(facts: Facts) -> Markup:
    assert facts.blend is not None
    labels, blend = facts.blend.validation_labels, facts.blend.validation.argmax(axis=1)
    rows = []
    for name, member in facts.members.items():
        fixed, broken = fixed_and_broken(labels, member.validation.argmax(axis=1), blend)
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
    labels = facts.blend.validation_labels
    points = []
    for share in np.linspace(0, 1, 101):
        mixed = mix((share, 1 - share), (one.validation, two.validation))
        points.append((float(share), facts.score(labels, mixed.argmax(axis=1))))
    scores = [score for _, score in points]
    own = facts.score(labels, facts.blend.validation.argmax(axis=1))
    axes = Axes(
        (0.0, 1.0), bounds([*scores, own]), width=360, height=210, left=50, right=16, top=24
    )
    label = (
        f"{facts.metric} of the blend over the weight of {first}: {scores[-1]:.4f} alone, "
        f"{scores[0]:.4f} for {second} alone, at most {max(scores):.4f}; "
        f"{own:.4f} at the weight taken, {chosen[first]:.3f}"
    )
    mark = dot(axes, chosen[first], own, "two", f"{method}: {chosen[first]:.3f}, {own:.5f}", 6)
    below = grid(axes, f"weight of {first} (the rest is {second})", facts.metric)
    curve = drawing(label, axes.width, axes.height, below, steps(axes, points, "one"), mark)
    caption = (
        f"{facts.metric[0].upper()}{facts.metric[1:]} on validation by weight. The dot is the "
        f"weight that was taken; both ends are one member alone."
    )
    return figure(curve, caption)
