"""Members and blend on validation, as the kernels left them; what does not fit becomes a note."""

from collections.abc import Callable, Mapping
from typing import Any

from common.blending.calibration import at_temperature
from common.blending.folds import join_folds
from common.competition import Competition
from common.errors import UserError
from common.files.predictions import Predictions, align
from common.variants import Recipes


def group_kernels(
    manifests: Mapping[str, Mapping[str, Any]],
    groups: Callable[[Recipes], dict[str, tuple[str, ...]]],
    kind: str,
    notes: list[str],
) -> dict[str, tuple[str, ...]]:
    """The kernels of each model; where their ``manifests`` do not say so, each is its own."""
    recipes = {name: manifest.get("recipe") or {} for name, manifest in manifests.items()}
    try:
        return groups(recipes)
    except (UserError, AttributeError, KeyError, TypeError) as error:
        notes.append(f"{kind} are not joined: {error}.")
        return {name: (name,) for name in recipes}


def join_members(
    folds: Mapping[str, tuple[str, ...]], predictions: Mapping[str, Predictions], notes: list[str]
) -> dict[str, Predictions]:
    """The predictions of each model that has all of its own."""
    found = {}
    for model, names in folds.items():
        if not all(name in predictions for name in names):
            continue
        try:
            found[model] = join_folds({name: predictions[name] for name in names})
        except UserError as error:
            notes.append(f"{error}.")
    return found


def temper(
    members: Mapping[str, Predictions], calibration: Mapping[str, Mapping[str, float]]
) -> dict[str, Predictions]:
    """The members as they were blended: at the temperatures of ``calibration``, if any."""
    return {
        name: at_temperature(member, calibration[name]["temperature"])
        if name in calibration
        else member
        for name, member in members.items()
    }


def of_the_task(
    blend: Predictions | None, competition: Competition, notes: list[str]
) -> Predictions | None:
    """The blend, if it has pictures whose labels and predictions are those of the task."""
    if blend is None or not len(blend.validation_labels):
        return None
    try:
        competition.task.check_labels(blend.validation_labels, "the blend")
        competition.task.check_predictions(blend.validation, "the blend")
    except UserError as error:
        notes.append(f"Pictures are not shown: {error}.")
        return None
    return blend


def comparable(
    blend: Predictions | None, predictions: Mapping[str, Predictions], notes: list[str]
) -> dict[str, Predictions]:
    """The members that were validated on the blend's own pictures, in its order."""
    if blend is None:
        return {}
    found = {}
    for name, member in predictions.items():
        try:
            found[name] = align({"the blend": blend, name: member})[name]
        except UserError:
            notes.append(f"{name} was validated on other pictures than the blend.")
    return found
