"""The ensemble kernel of a competition of pairs: score, blend, write a submission."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from common.blending.blend import Method
from common.blending.members import join_networks, kernels_of_models, read_recipes
from common.competition import Competition
from common.errors import UserError
from common.files.predictions import Vectors, align, load_vectors
from common.kernel import KernelRun
from common.manifest import write_json
from common.metrics.bootstrap import Size
from common.metrics.metric import find_metric
from common.metrics.verification import best_threshold, roc, roc_auc
from common.outputs import BLEND, ModelScores, chosen_on, without_none
from common.pairs.blend import PairBlend, Scale, find_pair_blend
from common.pairs.scores import PairScorer
from common.pairs.table import PairTable, read_pairs, write_pair_scores
from common.pairs.validation import RESAMPLES, ValidationPairs, pairs_of, save_scored_pairs
from common.parameters import Parameters
from common.progress import report
from common.recipes.training import CheckedRecipe, Range
from common.submission import NAME as SUBMISSION

Members = Mapping[str, Vectors]


@dataclass(frozen=True)
class PairBlendRecipe(CheckedRecipe):
    """How the members' scores are blended (``common.pairs.blend``)."""

    method: Method = "mean"
    blend_scale: Scale = "logit"  # what the scores are brought to
    resamples: Annotated[int, Range(0, 100_000)] = RESAMPLES  # of pictures, for the intervals


def run_pair_ensemble(
    competition: Competition,
    run: KernelRun,
    members: Members,
    pairs_file: Path,
    unreadable: Collection[str],
) -> None:
    """Blend ``members``; write submission, metrics and scored pairs in ``run``'s folder.

    ``pairs_file`` has the pairs to be scored; those with a picture in ``unreadable`` get the share
    of same pairs in validation. The recipe is a PairBlendRecipe. Raises UserError for what does not
    fit.
    """
    recipe, first = run.recipe, next(iter(members.values()))
    with run.stage("validation", members=len(members)):
        known = pairs_of(first)
        channels = {name: known.scores(rows) for name, rows in channels_of(members, "validation")}
        blend, total = find_pair_blend(recipe.method, recipe.blend_scale, known, channels)
        write_metrics(run.folder, recipe, members, known, channels, blend, total)
        save_scored_pairs(run.folder, known, blend.platt.probability(total))
    with run.stage("pairs"):
        pairs = read_pairs(pairs_file, first.test_ids.tolist(), unreadable)
        report("scoring", pairs=len(pairs), channels=len(channels))
        probabilities = pair_probabilities(members, pairs, blend, known.share)
    with run.stage("submission"):
        form = competition.form
        header = (form.id_column, form.target_column)
        write_pair_scores(run.folder / SUBMISSION, header, pairs.index, probabilities)


def read_members(parameters: Parameters, others: Collection[str]) -> dict[str, Vectors]:
    """Return every source's vectors but those of ``others``, rows in the first one's order.

    Several networks of a model are one member. Raises UserError for an output that is damaged,
    unfinished, or another run's, for a network that is missing, and for members of different
    pictures.
    """
    folders, recipes = read_recipes(parameters, others)
    if not folders:
        raise UserError("the ensemble has no members among its sources: run a model first")
    return align(
        {
            model: join_networks((name, load_vectors(folders[name], name)) for name in networks)
            for model, networks in kernels_of_models(recipes).items()
        }
    )


def channels_of(members: Members, part: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the channels of all members as ``member/channel``, with the vectors of a part."""
    for name, member in members.items():
        for channel, rows in getattr(member, part).items():
            yield f"{name}/{channel}", rows


def pair_probabilities(
    members: Members, pairs: PairTable, blend: PairBlend, prior: float
) -> np.ndarray:
    """Return the probability of each pair, ``(pairs,)`` float32; ``prior`` without a vector.

    One channel is in memory at a time.
    """
    known = (pairs.first >= 0) & (pairs.second >= 0)
    probabilities = np.full(len(pairs), prior, np.float32)
    pictures = len(next(iter(members.values())).test_ids)
    scorer = PairScorer(pictures, pairs.first, pairs.second)
    probabilities[known] = blend.probabilities(
        (name, scorer.scores(rows)[known])
        for name, rows in channels_of(members, "test")
        if blend.weights[name]
    )
    return probabilities


def write_metrics(
    folder: Path,
    recipe: PairBlendRecipe,
    members: Members,
    pairs: ValidationPairs,
    channels: Mapping[str, np.ndarray],
    blend: PairBlend,
    total: np.ndarray,
) -> None:
    """Write ``metrics.json``: what the blend and each channel score on validation.

    A member's score is that of its first channel. Intervals are of ``n`` pictures.
    """
    counted = pairs.parts["all"]
    curve = roc(pairs.same[counted], total[counted])
    threshold, accuracy = best_threshold(curve, pairs.share)
    models = {**channels, BLEND: total}
    auc = {name: pairs.auc(scores) for name, scores in models.items()}
    scores = score_pairs(pairs, models, recipe.resamples)
    first = {name: f"{name}/{next(iter(member.validation))}" for name, member in members.items()}
    parts, found = auc.pop(BLEND), scores.blend_facts(first)
    found["intervals"] |= without_none(**{name: scores.interval(name) for name in channels})
    facts: dict[str, Any] = {
        **found,
        "method": recipe.method,
        "scale": blend.scale,
        "weights": dict(blend.weights),
        "chosen_on": chosen_on("weights" if recipe.method != "mean" else ""),
        "validation_seen": parts["seen"],
        "validation_unseen": parts["unseen"],
        "validation_accuracy": accuracy,
        "threshold": float(blend.platt.probability(np.array([threshold]))[0]),
        "validation_balanced_accuracy": best_threshold(curve, 0.5)[1],
        "same_share": pairs.share,
        "same_pairs": {part: int(pairs.same[mask].sum()) for part, mask in pairs.parts.items()},
        "channels": auc,
    }
    write_json(folder / "metrics.json", facts)
    report("blended", **{k: v for k, v in facts.items() if isinstance(v, (str, float))})


def write_pair_metrics(folder: Path, vectors: Vectors, facts: Mapping[str, Any]) -> None:
    """Write ``metrics.json`` of a kernel that embeds: the AUC of validation's pairs by channel.

    The score is that of the first channel; its ``interval`` is of ``n`` pictures. ``facts`` are
    written with them.
    """
    pairs = pairs_of(vectors)
    channels = {name: pairs.scores(rows) for name, rows in vectors.validation.items()}
    auc = {name: pairs.auc(scores) for name, scores in channels.items()}
    first = next(iter(channels))
    scored = {
        **score_pairs(pairs, {first: channels[first]}).facts(first),
        "validation_seen": auc[first]["seen"],
        "validation_unseen": auc[first]["unseen"],
        **facts,
    }
    write_json(folder / "metrics.json", {**scored, "channels": auc})
    report("scored", **{k: v for k, v in scored.items() if isinstance(v, str | int | float)})


def score_pairs(
    pairs: ValidationPairs, models: Mapping[str, np.ndarray], resamples: int = RESAMPLES
) -> ModelScores:
    """Return what ``models`` score on the pairs that count."""
    counted = pairs.parts["all"]
    scores = {m: roc_auc(pairs.same[counted], own[counted]) for m, own in models.items()}
    drawn = pairs.resampled_auc(models, resamples)
    n = int(np.count_nonzero(pairs.counted))
    return ModelScores(find_metric("roc_auc"), scores, drawn, n, Size(n))
