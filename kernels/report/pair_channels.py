"""The blend of a competition of pairs: each member's channels and their weights in one table."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from kernels.report.blend import accelerator, comparison, known, score_ranges, weights
from kernels.report.facts import Facts, Left
from kernels.report.markup import Cell, duration, number, section, signed, table, tag
from kernels.report.pair_facts import auc_of, channel_scores, model_channels
from kernels.results.scores import read_number

PARTS = ("all", "seen", "unseen")
SCALES = {"rank": "their ranks", "logit": "log-odds, by a logistic regression on validation"}


def channels_section(facts: Facts) -> Markup | None:
    """Members, channels and blend in one table, and what the blend gained; none without any."""
    if not facts.models:  # an audit alone
        return None
    told = facts.blended
    heads = ["member", "channel", *(f"AUC {part}" for part in PARTS)]
    heads += ["weight", "seconds", "accelerator"]
    rows = [
        _row(model, kernels, channel, scores, weights(facts))
        for model, kernels in facts.models.items()
        for channel, scores in _scores(facts, model, kernels[0])
    ]
    if facts.ensemble:
        rows.append(_blend(facts.ensemble))
    method = str(told.get("method", ""))
    return section(
        "blend",
        f"The blend{f': {method}' if method else ''}",
        score_ranges(facts),
        *(tag("p", words) for words in comparison(facts)),
        table("Members and blend on validation", heads, rows),
        *(tag("p", words) for words in _words(facts, told)),
    )


def _scores(facts: Facts, model: str, left: Left) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each channel of a model with its AUC, as the ensemble measured it or the model itself."""
    own = model_channels(model, left.metrics, facts.blended)
    yield from own.items() or [("", {"all": left.metrics.get("validation_score")})]


def _row(
    model: str,
    kernels: Sequence[Left],
    channel: str,
    scores: Mapping[str, Any],
    chosen: Mapping[str, float],
) -> list[Cell]:
    seconds = sum(left.known.seconds for left in kernels)
    return [
        Cell(model),
        Cell(channel),
        *(number(known(scores.get(part)), 4) for part in PARTS),
        number(known(chosen.get(f"{model}/{channel}")), 3, bar=True),
        Cell(duration(seconds), seconds),
        Cell(", ".join(dict.fromkeys(accelerator(left) for left in kernels))),
    ]


def _blend(ensemble: Left) -> list[Cell]:
    told = [ensemble.metrics.get(f"validation_{part}") for part in ("score", "seen", "unseen")]
    return [
        Cell(tag("strong", "blend")),
        Cell("all"),
        *(number(known(value), 4) for value in told),
        number(1.0, 3),
        Cell(duration(ensemble.known.seconds), ensemble.known.seconds),
        Cell(accelerator(ensemble)),
    ]


def _words(facts: Facts, told: Mapping[str, Any]) -> Iterator[str]:
    one, many = facts.task.one, facts.task.many
    yield (
        "A channel's score of a pair is the dot product of the two pictures' vectors: the cosine "
        f"of embeddings, or how far two tell the same classes. Seen: both {many} have pictures "
        "in train; unseen: neither has; all: pairs of "
        f"all pictures of seen {many} and of as many of each unseen {one}."
    )
    scale = SCALES.get(str(told.get("scale")))
    if scale and len(weights(facts)) > 1:
        yield f"Before the scores are added up they are brought to one scale: {scale}."
    alone = {name: auc_of(found) for name, found in channel_scores(told).items()}
    ours = read_number(told.get("validation_score"))
    if len(alone) > 1 and ours is not None and "gain" not in told:
        best = max(alone, key=lambda name: alone[name])
        gained = signed(ours - alone[best], 4)
        yield f"The best channel alone is {best}: the blend less that channel is {gained}."
    accuracy, threshold, share = (
        known(told.get(name)) for name in ("validation_accuracy", "threshold", "same_share")
    )
    if math.isfinite(accuracy + threshold + share):
        always = f"one {one}" if share > 0.5 else f"two {many}"
        yield (
            f"Called pictures of one {one} from a chance of {threshold:.3f} on, {accuracy:.2%} of "
            f"the pairs are right; always saying {always}, {max(share, 1 - share):.2%} would be."
        )
