"""The ensemble kernel of a competition of pairs: score, blend, stream out a submission."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.competition import Competition
from common.errors import UserError
from common.files.vectors import Vectors, align, load_vectors
from common.inputs import kernel_output_folder
from common.kernel import KernelRun
from common.manifest import read_manifest, write_json
from common.metrics.bootstrap import compare, interval
from common.metrics.verification import best_threshold, roc
from common.pairs.blend import (
    METHODS,
    SCALES,
    PairBlend,
    Platt,
    apply_in_parts,
    find_pair_blend,
    fit_platt,
    linked,
    mix,
    scale_of,
)
from common.pairs.bootstrap import RESAMPLES, resampled_auc
from common.pairs.figures import draw_pairs
from common.pairs.networks import join_networks, network_groups
from common.pairs.scored import save_scored_pairs
from common.pairs.scores import pair_scores
from common.pairs.table import Pairs, read_pairs, write_pair_scores
from common.pairs.validation import ValidationPairs, pairs_of
from common.parameters import Parameters
from common.progress import report
from common.recipe import nearest
from common.submission import NAME as SUBMISSION

Members = Mapping[str, Vectors]


@dataclass(frozen=True)
class PairBlendRecipe:
    """How the members' scores are blended (``common.pairs.blend``).

    Attributes:
        method: ``mean``, ``weighted`` or ``greedy``.
        blend_scale: what the scores are brought to, ``rank`` or ``logit``.
        resamples: of validation's pictures, for the intervals (``common.pairs.bootstrap``).
    """

    method: str = "mean"
    blend_scale: str = "logit"
    resamples: int = RESAMPLES

    def __post_init__(self) -> None:
        """Hold the fields to what there is. Raises UserError for the first that is not."""
        for name, known in (("method", METHODS), ("blend_scale", SCALES)):
            if getattr(self, name) not in known:
                hint = nearest(getattr(self, name), known)
                raise UserError(f"setting {name}={getattr(self, name)}: {hint}")
        if not 0 <= self.resamples <= 100_000:
            raise UserError(f"setting resamples={self.resamples}: it must be from 0 to 100000")


@dataclass(frozen=True)
class Validated:
    """What is known from validation.

    Attributes:
        pairs: validation's.
        scores: channel (``member`` or ``member/classes``) → ``(pairs,)`` float32.
        platts: channel → its logistic regression.
    """

    pairs: ValidationPairs
    scores: Mapping[str, np.ndarray]
    platts: Mapping[str, Platt]


def run_pair_ensemble(
    competition: Competition,
    recipe: PairBlendRecipe,
    run: KernelRun,
    members: Members,
    pairs_file: Path,
    unreadable: Collection[str],
) -> None:
    """Blend ``members`` and leave submission, metrics and figures in ``run``'s folder.

    ``pairs_file`` holds the pairs to be scored; those with a picture in ``unreadable`` get the
    share of same pairs in validation. Raises UserError for what does not fit.
    """
    with run.stage("validation", members=len(members)):
        validated = validate(members)
        blend, total = blended(validated, recipe)
        write_metrics(run.folder, members, validated, blend, total, recipe.resamples)
    with run.stage("pairs"):
        first = next(iter(members.values()))
        pairs = read_pairs(pairs_file, first.test_ids.tolist(), unreadable)
        report("scoring", pairs=len(pairs), channels=len(validated.scores))
        chances = score(members, pairs, blend, validated)
    with run.stage("submission"):
        form = competition.submission
        header = (form.id_column, form.target_column)
        write_pair_scores(run.folder / SUBMISSION, header, pairs.index, chances)
    with run.stage("figures"):
        told = blend.platt.probability(total)
        draw_pairs(run.folder, validated.pairs, told)
        save_scored_pairs(run.folder, validated.pairs, told)


def read_members(parameters: Parameters, others: Collection[str]) -> dict[str, Vectors]:
    """Every source's vectors but those of ``others``, rows in the first one's order.

    Several networks of a model are one member. Raises UserError for an output that is damaged,
    unfinished, or another run's, for a network that is missing, and for members of different
    pictures.
    """
    folders: dict[str, Path] = {}
    recipes: dict[str, Mapping[str, Any]] = {}
    for name, source in parameters.sources.items():
        if name not in others:
            folders[name] = kernel_output_folder(source)
            nonce = parameters.source_nonces.get(name, "")
            recipes[name] = read_manifest(folders[name], name, nonce).get("recipe") or {}
    if not folders:
        raise UserError("the ensemble has no members among its sources: run a model first")
    return align(
        {
            model: join_networks((name, load_vectors(folders[name], name)) for name in networks)
            for model, networks in network_groups(recipes).items()
        }
    )


def validate(members: Members) -> Validated:
    """Score validation's pairs in every channel."""
    pairs = pairs_of(next(iter(members.values())))
    counted = pairs.parts["all"]
    same = pairs.labelled.same[counted]
    scores = {
        channel_name(name, channel): pairs.scores(rows)
        for name, member in members.items()
        for channel, rows in member.validation.items()
    }
    platts = {n: fit_platt(same, linked(n, found[counted])) for n, found in scores.items()}
    return Validated(pairs, scores, platts)


def blended(validated: Validated, recipe: PairBlendRecipe) -> tuple[PairBlend, np.ndarray]:
    """The blend, found on the pairs that count, and its sums of all pairs, ``(pairs,)`` float32."""
    counted = validated.pairs.parts["all"]
    columns = {}
    for name, scores in validated.scores.items():
        scale = scale_of(recipe.blend_scale, name, scores[counted], validated.platts[name])
        columns[name] = apply_in_parts(scale, scores)
    same, share = validated.pairs.labelled.same[counted], validated.pairs.share
    few = {name: column[counted] for name, column in columns.items()}
    blend, _ = find_pair_blend(recipe.method, recipe.blend_scale, same, few, share)
    return blend, mix(list(blend.weights.values()), list(columns.values()))


def channel_name(member: str, channel: str) -> str:
    """How a channel is called in blends: its member's name, and which of its channels it is."""
    return f"{member}/{channel}"


def score(members: Members, pairs: Pairs, blend: PairBlend, validated: Validated) -> np.ndarray:
    """The probability of each pair, ``(pairs,)`` float32, one channel in memory at a time."""
    total = np.zeros(len(pairs), np.float32)
    known = (pairs.first >= 0) & (pairs.second >= 0)
    for name, member in members.items():
        for channel, rows in member.test.items():
            key = channel_name(name, channel)
            if blend.weights[key]:
                found = pair_scores(np.ascontiguousarray(rows), pairs)
                scale = scale_of(blend.scale, key, found[known], validated.platts[key])
                total += np.float32(blend.weights[key]) * apply_in_parts(scale, found)
    chances = apply_in_parts(blend.platt.probability, total)
    chances[~known] = validated.pairs.share
    return chances


def write_metrics(
    folder: Path,
    members: Members,
    validated: Validated,
    blend: PairBlend,
    total: np.ndarray,
    resamples: int,
) -> None:
    """``metrics.json``: the blend and what it scores on validation, and each channel alone.

    A member's score is that of its first channel. Intervals are of ``n`` pictures.
    """
    pairs = validated.pairs
    same, counted = pairs.labelled.same, pairs.parts["all"]
    channels = {name: pairs.auc(scores) for name, scores in validated.scores.items()}
    curve = roc(same[counted], total[counted])
    threshold, accuracy = best_threshold(curve, pairs.share)
    parts = pairs.auc(total)
    first = {name: channel_name(name, next(iter(m.validation))) for name, m in members.items()}
    alone: dict[str, Any] = {name: channels[channel]["all"] for name, channel in first.items()}
    every = {name: float(found["all"] or 0.0) for name, found in channels.items()}
    compared = {**validated.scores, "blend": total}
    ends, gain = intervals(pairs, {**every, "blend": parts["all"] or 0.0}, compared, resamples)
    told: dict[str, Any] = {
        "metric": "roc_auc",
        "greater_is_better": True,
        "method": blend.method,
        "scale": blend.scale,
        "weights": dict(blend.weights),
        "validation_score": blend.validation_score,
        "interval": ends["blend"],
        "n": int(np.count_nonzero(pairs.counted)),
        "intervals": {name: ends[channel] for name, channel in first.items()},
        "gain": gain,
        "chosen_on": "weights chosen on the same pictures" if blend.method != "mean" else "",
        "validation_seen": parts["seen"],
        "validation_unseen": parts["unseen"],
        "validation_accuracy": accuracy,
        "threshold": float(blend.platt.probability(np.array([threshold]))[0]),
        "validation_balanced_accuracy": best_threshold(curve, 0.5)[1],
        "same_share": pairs.share,
        "same_pairs": {part: int(same[mask].sum()) for part, mask in pairs.parts.items()},
        "members": alone,
        "channels": channels,
    }
    write_json(folder / "metrics.json", told)
    report("blended", **{k: v for k, v in told.items() if isinstance(v, (str, float))})


def intervals(
    pairs: ValidationPairs,
    auc: Mapping[str, float],
    scores: Mapping[str, np.ndarray],
    resamples: int,
) -> tuple[dict[str, list[float] | None], dict[str, Any]]:
    """Intervals of the AUC of channels and ``blend``, and what that gains over the best channel.

    ``auc`` and ``scores`` ``(pairs,)`` are of the same names.
    """
    drawn = resampled_auc(pairs, scores, resamples)
    ends = {name: interval(found, auc[name], 0, 1) for name, found in drawn.items()}
    best = max((name for name in auc if name != "blend"), key=lambda name: auc[name])
    gain = compare(best, auc["blend"] - auc[best], drawn["blend"], drawn[best], 1)
    return ends, gain
