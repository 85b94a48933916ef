"""The work of an ensemble kernel: read the members, blend them, and write a submission.

Where nothing is submitted it measures instead (``common.blending.evaluation``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from common.blending.blend import find_weights, mix, search_classes, search_grid
from common.blending.calibration import at_temperature, fit_temperature
from common.blending.evaluation import TABLE, draw_test, evaluation_facts, write_predictions
from common.blending.figures import draw_blend
from common.blending.members import (
    join_folds,
    kernels_of_models,
    read_recipes,
    repeats_of,
    settings_of,
    splits_of,
)
from common.blending.recipe import BlendRecipe, with_threshold
from common.competition import Competition
from common.declaration import Kernel
from common.errors import UserError
from common.files.predictions import (
    Predictions,
    align,
    groups_of,
    load_predictions,
    save_predictions,
    test_labels_of,
)
from common.kernel import KernelRun
from common.manifest import write_json
from common.metrics.metric import log_loss
from common.outputs import (
    BLEND,
    check_predictions,
    chosen_on,
    score_models,
    threshold_facts,
    validation_score,
    without_none,
)
from common.parameters import Parameters
from common.progress import report
from common.submission import NAME as SUBMISSION
from common.submission import find_sample, write_submission

_ROUNDS = 2

Members = Mapping[str, Predictions]


@dataclass(frozen=True)
class Joined:
    """The sources as members to blend."""

    members: Members  # by model; the folds of one model are one member
    folds: Mapping[str, Members]  # model → fold kernel → its own part; of models with folds
    calibration: Mapping[str, Mapping[str, float]]  # model → what ``calibrated`` returns
    repeats: Mapping[str, int] = field(default_factory=dict)  # model → how often it was split
    setting: str = ""  # of the competition's protocol, if it has one


@dataclass(frozen=True)
class EnsembleKernel(Kernel):
    """The Kernel that blends its competition's models and ends the run; on a CPU."""

    accelerators: tuple[str, ...] = ("cpu",)

    def __post_init__(self) -> None:
        """As Kernel's; raises UserError for a threshold where there is none, too."""
        super().__post_init__()
        self.decided(self.recipe)

    def resolve(
        self, best: bool = False, small: bool = False, settings: Mapping[str, Any] | None = None
    ) -> Any:
        """As Kernel's; raises UserError for a threshold where there is none, too."""
        recipe = super().resolve(best, small, settings)
        self.decided(recipe)
        return recipe

    def decided(self, recipe: BlendRecipe) -> Competition:
        """The competition, with the threshold that a recipe asks for."""
        return with_threshold(self.competition, recipe.threshold, recipe.recall)

    def carry_out(self, run: KernelRun) -> None:
        """Read the members, blend, and write predictions, metrics, figures and the submission.

        Where nothing is submitted a table of the predictions takes its place.
        """
        competition, recipe = self.decided(run.recipe), run.recipe
        with run.stage("reading", members=len(run.parameters.sources)):
            joined = read_members(competition, run.parameters, recipe.calibrate)
        with run.stage("blending", method=recipe.method):
            weights, blended = blend_members(competition, recipe.method, joined.members)
            thresholds = competition.find_thresholds(blended.validation_labels, blended.validation)
            if thresholds is None and competition is not self.competition:
                raise UserError(
                    f"{run.parameters.kernel}: a threshold was asked for, and validation has not "
                    f"both classes: leave out threshold and recall, or validate on both"
                )
            save_predictions(run.folder, blended, BLEND)
            if competition.submission is None:
                write_predictions(run.folder / TABLE, competition, blended, thresholds)
            else:
                write_submission(
                    run.folder / SUBMISSION,
                    competition,
                    blended.test_ids.tolist(),
                    blended.test,
                    thresholds,
                    find_sample(competition),
                )
        with run.stage("scoring", resamples=recipe.resamples):
            write_metrics(run.folder, competition, recipe, joined, weights, blended)
        with run.stage("figures"):
            draw_blend(run.folder, competition, joined.members, recipe.method, weights, blended)
            if competition.submission is None:
                draw_test(run.folder, competition, blended, thresholds)


def read_members(
    competition: Competition, parameters: Parameters, calibrate: bool = False
) -> Joined:
    """Return every source's predictions, folds joined, rows in the same order; tempered, if asked.

    Raises UserError for an output that is damaged, unfinished, or another run's, for labels that
    are not of the competition's task, and for folds that do not fit together.
    """
    folders, recipes = read_recipes(parameters)
    sources = {name: load_predictions(folder, name) for name, folder in folders.items()}
    for name, source in sources.items():
        check_predictions(competition, source, name)
    groups, calibration = kernels_of_models(recipes), {}
    parts: dict[str, Members] = {m: {n: sources[n] for n in names} for m, names in groups.items()}
    repeats = {model: repeats_of(recipes[names[0]]) for model, names in groups.items()}
    if calibrate:
        for model, folds in parts.items():
            parts[model], calibration[model] = calibrated(folds, repeats[model])
    joined = {model: join_folds(folds, repeats[model]) for model, folds in parts.items()}
    split = {model: folds for model, folds in parts.items() if list(folds) != [model]}
    protocol = competition.protocol
    setting = protocol.widest(settings_of(parameters)) if protocol else ""
    return Joined(align(joined), split, calibration, repeats, setting)


def calibrated(folds: Members, repeats: int = 1) -> tuple[Members, dict[str, float]]:
    """Return the folds of a model at its temperature, found on its validation, and what that did.

    They are tempered before they are averaged: validation and test alike are then of networks at
    that temperature.
    """
    whole = join_folds(folds, repeats)
    temperature = fit_temperature(whole.validation_labels, whole.validation)
    tempered = {name: at_temperature(part, temperature) for name, part in folds.items()}
    before, after = (
        log_loss(whole.validation_labels, member.validation)
        for member in (whole, join_folds(tempered, repeats))
    )
    return tempered, {"temperature": temperature, "nll_before": before, "nll_after": after}


def blend_members(
    competition: Competition, method: str, members: Members
) -> tuple[np.ndarray, Predictions]:
    """Return the weights with the best score on validation, and what the blend predicts."""
    first = next(iter(members.values()))
    validation = [np.asarray(member.validation, np.float64) for member in members.values()]
    weights = search_weights(competition, method, first.validation_labels, validation)
    test = mix(weights, [member.test for member in members.values()])
    known: dict[str, Any] = {
        "test_labels": test_labels_of(members),
        "validation_groups": groups_of(members.values(), "validation"),
        "test_groups": groups_of(members.values(), "test"),
    }
    return weights, replace(first, validation=mix(weights, validation), test=test, **known)


def search_weights(
    competition: Competition, method: str, labels: np.ndarray, validation: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the weights with the best score of the competition's metric, in its own direction.

    Where labels need thresholds, weights are searched at those that suit the blend before, twice:
    thresholds for each of hundreds of candidates would take hours and fit their noise. The result
    is at its own thresholds not worse than the mean and than each member at theirs.
    """
    metric = competition.scoring
    exact = metric.kind == "labels" and competition.task.name == "classification"

    def score(mixed: np.ndarray, at: np.ndarray | None) -> float:
        return metric.sign * competition.score(labels, mixed, at)

    def own(weights: np.ndarray) -> float:
        mixed = mix(weights, validation)
        return score(mixed, competition.find_thresholds(labels, mixed))

    weights = find_weights("mean", validation, own, search_grid)
    if method == "mean":
        return weights
    candidates = [weights, *np.eye(len(validation))]
    for _ in range(_ROUNDS):
        thresholds = competition.find_thresholds(labels, mix(weights, validation))
        search = search_classes if exact and thresholds is None else search_grid
        weights = find_weights(method, validation, partial(score, at=thresholds), search)
        candidates.append(weights)
        if thresholds is None:
            return weights
    return max(candidates, key=own)


def _scores_of_folds(competition: Competition, joined: Joined) -> dict[str, Any]:
    """What each fold scores, by model, and each split of those that are repeated."""
    return {
        "folds": {
            model: {name: validation_score(competition, fold) for name, fold in folds.items()}
            for model, folds in joined.folds.items()
        },
        "repeats": {
            model: {
                f"split {n}": validation_score(competition, join_folds(split))
                for n, split in enumerate(splits_of(folds, joined.repeats[model]), 1)
            }
            for model, folds in joined.folds.items()
            if joined.repeats[model] > 1
        },
    }


def write_metrics(
    folder: Path,
    competition: Competition,
    recipe: BlendRecipe,
    joined: Joined,
    weights: np.ndarray,
    blended: Predictions,
) -> None:
    """Write ``metrics.json``.

    It has the blend's method, weights and score, each member's score, and the gain, with intervals
    (``common.outputs``); of members with folds each fold's score, and each split's where they are
    repeated, of tempered ones their temperature; the thresholds, what was chosen on validation, and
    the setting of the competition's protocol that all of them together are of.
    """
    scores = score_models(competition, {**joined.members, BLEND: blended}, recipe.resamples)
    thresholds = threshold_facts(competition, blended)
    facts: dict[str, Any] = {
        **scores.blend_facts({name: name for name in joined.members}),
        "method": recipe.method,
        "weights": dict(zip(joined.members, weights.tolist(), strict=True)),
        **thresholds,
        "chosen_on": chosen_on(
            "weights" if recipe.method != "mean" and len(joined.members) > 1 else "",
            "temperatures" if joined.calibration else "",
            "threshold" + "s" * (len(found) > 1) if (found := thresholds.get("thresholds")) else "",
        ),
        **without_none(
            **_scores_of_folds(competition, joined),
            calibration=dict(joined.calibration),
            setting=joined.setting or None,
        ),
    }
    if competition.submission is None:
        at = competition.find_thresholds(blended.validation_labels, blended.validation)
        facts |= evaluation_facts(competition, blended, at, recipe.resamples)
    write_json(folder / "metrics.json", facts)
    shown = {"score": scores.scores.get(BLEND), "n": scores.n, "test": facts.get("test_score")}
    report("blended", method=recipe.method, **without_none(**shown))
