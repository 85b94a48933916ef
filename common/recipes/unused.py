"""Fields of a recipe that change nothing, because of what another field is."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from common.errors import UserError
from common.recipes.embedding import LOSSES, MARGIN_LOSSES, METRIC_LOSSES

_RATES = (
    *("lr_start", "lr_max", "lr_min", "lr_ramp_epochs", "lr_sustain_epochs", "lr_decay"),
    *("lr_patience", "lr_rates"),
)
_OF_EPOCHS = (  # what a head that is fitted at once does not use
    *("epochs", "schedule", "optimizer", "ema", "patience", "loss", "label_smoothing"),
    *("logit_adjustment", "pictures_per_epoch", "refit_epochs", "refit_fresh"),
    *("batchnorm_momentum", *_RATES),
)
_STEPS = ("lr_max", "lr_min", "lr_decay", "lr_patience")
_USED = {  # fields that a schedule is made of
    "ramp": _RATES[:6],
    "constant": ("lr_max",),
    "cosine": ("lr_start", "lr_max", "lr_min", "lr_ramp_epochs"),
    "step": _STEPS,
    "plateau": _STEPS,
    "piecewise": ("lr_rates",),
}
_UNUSED = {  # fields without effect, by what another field is
    **dict.fromkeys((("loss", loss) for loss in LOSSES), ("distance", "miner", "margin", "scale")),
    **dict.fromkeys((("loss", loss) for loss in MARGIN_LOSSES), ("distance", "miner")),
    **dict.fromkeys((("loss", loss) for loss in METRIC_LOSSES), ("scale",)),
    ("loss", "contrastive"): ("miner", "scale"),
    **{
        ("schedule", name): tuple(field for field in _RATES if field not in used)
        for name, used in _USED.items()
    },
    **dict.fromkeys((("fit", "squash"), ("fit", "crop")), ("padding",)),
    ("head", "logistic"): _OF_EPOCHS,
    ("folds", "0"): ("near_duplicates",),
}


def unused_settings(recipe: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a recipe, as a manifest has it, without effect → the field that makes them so.

    The latter with its value, such as ``head=logistic``.
    """
    return {
        name: f"{field}={value}"
        for field, value in recipe.items()
        if field != "head" or is_fitted(recipe)
        for name in _UNUSED.get((field, str(value)), ())
        if name != "near_duplicates" or recipe.get("split") != "grouped"
    }


def check_used(
    settings: Mapping[str, Any], recipes: Iterable[tuple[str, Any]], given: str = "--set "
) -> None:
    """Raise UserError for a setting without effect in all ``recipes`` that have its field.

    These are the recipes of a run, each after the name of its kernel's script. ``given`` is what
    stands before a setting where it was given.
    """
    known = [(script, dataclasses.asdict(recipe)) for script, recipe in recipes]
    for key, value in settings.items():
        reasons = [(script, unused_settings(one).get(key)) for script, one in known if key in one]
        if reasons and all(reason for _, reason in reasons):
            script, reason = reasons[0]
            raise UserError(
                f"{given}{key}={value} changes nothing: {script} has {reason}; leave it out"
            )


def is_fitted(recipe: Mapping[str, Any]) -> bool:
    """Whether the head alone is trained, by logistic regression."""
    frozen = bool(recipe.get("freeze_backbone")) and not recipe.get("unfreeze")
    return recipe.get("head") == "logistic" and frozen
