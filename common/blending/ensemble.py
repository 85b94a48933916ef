"""The work of an ensemble kernel: read the members, blend, leave a submission."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.blending.blend import Blend, align, find_blend, mix
from common.blending.calibration import at_temperature, fit_temperature, negative_log_likelihood
from common.blending.figures import draw_blend
from common.blending.folds import fold_groups, join_folds
from common.competition import Competition
from common.files.predictions import Predictions, load_predictions, save_predictions
from common.inputs import kernel_output_folder
from common.kernel import KernelRun
from common.manifest import read_manifest, write_json
from common.metrics.classification import accuracy, macro_f1
from common.parameters import Parameters
from common.submission import NAME as SUBMISSION
from common.submission import write_submission

Members = dict[str, Predictions]


@dataclass(frozen=True)
class BlendRecipe:
    """How the members are blended.

    Attributes:
        method: ``mean``, ``weighted`` or ``greedy`` (``common.blending.blend``).
        calibrate: each member's probabilities are tempered first (``common.blending.calibration``).
    """

    method: str = "mean"
    calibrate: bool = False


@dataclass(frozen=True)
class Joined:
    """What the sources come to: members to blend, and how each came about.

    Attributes:
        members: by model; the folds of one model are one member.
        fold_scores: model → fold kernel → its macro F1 on its own part; of those with folds.
        calibration: model → ``temperature``, ``nll_before`` and ``nll_after`` on validation.
    """

    members: Members
    fold_scores: Mapping[str, Mapping[str, float]]
    calibration: Mapping[str, Mapping[str, float]]


def run_ensemble(competition: Competition, run: KernelRun) -> None:
    """Read the members, blend, and leave submission, predictions, metrics and figures.

    The run's recipe is a BlendRecipe.
    """
    recipe = run.recipe
    with run.stage("reading", members=len(run.parameters.sources)):
        joined = read_members(run.parameters, recipe.calibrate)
    with run.stage("blending", method=recipe.method):
        members = joined.members
        blend, mixed = blend_members(recipe.method, members)
        save_predictions(run.folder, mixed, "blend")
        labels = mixed.test.argmax(axis=1)
        write_submission(run.folder / SUBMISSION, competition, mixed.test_ids.tolist(), labels)
        write_metrics(run.folder, blend, joined, mixed)
    with run.stage("figures"):
        draw_blend(run.folder, competition, members, blend, mixed)


def read_members(parameters: Parameters, calibrate: bool = False) -> Joined:
    """Every source's predictions, folds joined, rows in the same order; tempered, if asked.

    Raises UserError for an output that is damaged, unfinished, or another run's, and for folds
    that do not fit together.
    """
    folders = {name: kernel_output_folder(source) for name, source in parameters.sources.items()}
    recipes: dict[str, Mapping[str, Any]] = {}
    for name, folder in folders.items():
        manifest = read_manifest(folder, name, parameters.source_nonces.get(name, ""))
        recipes[name] = manifest.get("recipe") or {}
    sources = {name: load_predictions(folder, name) for name, folder in folders.items()}
    groups = fold_groups(recipes)
    parts = {model: {n: sources[n] for n in kernels} for model, kernels in groups.items()}
    joined = {model: join_folds(folds) for model, folds in parts.items()}
    calibration = {}
    if calibrate:
        for model, member in joined.items():
            joined[model], calibration[model] = calibrated(member, parts[model])
    scores = {
        model: {name: validation_score(sources[name]) for name in kernels}
        for model, kernels in groups.items()
        if kernels != (model,)
    }
    return Joined(align(joined), scores, calibration)


def calibrated(
    member: Predictions, folds: Mapping[str, Predictions]
) -> tuple[Predictions, dict[str, float]]:
    """A member at its own temperature, found on its validation, and what that did.

    Of ``folds`` each is tempered before they are averaged: validation and test alike are then of
    networks at that temperature.
    """
    labels = member.validation_labels
    temperature = fit_temperature(labels, member.validation)
    tempered = join_folds({name: at_temperature(part, temperature) for name, part in folds.items()})
    facts = {
        "temperature": temperature,
        "nll_before": negative_log_likelihood(labels, member.validation),
        "nll_after": negative_log_likelihood(labels, tempered.validation),
    }
    return tempered, facts


def validation_score(member: Predictions) -> float:
    """Macro F1 of a member alone."""
    return macro_f1(member.validation_labels, member.validation.argmax(axis=1))


def blend_members(method: str, members: Members) -> tuple[Blend, Predictions]:
    """The blend found on validation, and what it predicts for validation and test."""
    first = next(iter(members.values()))
    validation = [member.validation for member in members.values()]
    blend = find_blend(method, first.validation_labels, validation)
    mixed = Predictions(
        first.validation_ids,
        first.validation_labels,
        mix(blend.weights, validation),
        first.test_ids,
        mix(blend.weights, [member.test for member in members.values()]),
    )
    return blend, mixed


def write_metrics(folder: Path, blend: Blend, joined: Joined, mixed: Predictions) -> None:
    """``metrics.json``: the blend and its score on validation, each member's alone.

    Of members with folds each fold's score, of tempered ones their temperature and what it did.
    """
    members, labels = joined.members, mixed.validation_labels
    more = {"folds": joined.fold_scores, "calibration": joined.calibration}
    write_json(
        folder / "metrics.json",
        {
            "method": blend.method,
            "weights": dict(zip(members, blend.weights, strict=True)),
            "validation_score": blend.validation_score,
            "validation_accuracy": accuracy(labels, mixed.validation.argmax(axis=1)),
            "members": {name: validation_score(member) for name, member in members.items()},
            **{name: facts for name, facts in more.items() if facts},
        },
    )
