"""A recipe in words: the one description that ``--describe``, ``--plan`` and the report show."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from common.recipes.embedding import LOSSES, MARGIN_LOSSES, METRIC_LOSSES
from common.recipes.hours import refit_epochs

_NETWORK_SETTINGS = ("distance", "miner", "margin", "scale")
_UNUSED = {  # settings that a loss does not use
    **dict.fromkeys(LOSSES, _NETWORK_SETTINGS),
    **dict.fromkeys(MARGIN_LOSSES, ("distance", "miner")),
    **dict.fromkeys(METRIC_LOSSES, ("scale",)),
    "contrastive": ("miner", "scale"),
}
_AUGMENTATIONS = {  # fields, as people call them
    "rot90_probability": "each quarter turn",
    "horizontal_flip": "horizontal flip",
    "vertical_flip": "vertical flip",
    "transpose_probability": "transposition",
    "colour_jitter": "colour jitter",
    "rotation": "rotation in degrees",
    "zoom": "zoom",
    "shift": "shift",
    "shear": "shear",
    "mixup": "MixUp",
    "cutmix": "CutMix",
}
_PLAIN = ("image_size", "batch_size", "epochs", "refit_epochs")
_STATED = ("total_parameters", "trainable_parameters")


def describe_recipe(
    recipe: Any, replicas: int = 1, pictures: Mapping[str, int] | None = None
) -> dict[str, str]:
    """What ``recipe`` trains, in words: a short name → a text, in a reader's order.

    A recipe of any dataclass has the entries that its fields allow: ``size``, ``parameters``,
    ``augmentation``, ``loss``, ``optimizer``, ``patience``, ``prediction``, ``batch``, ``epochs``,
    ``refit``, ``schedule``, ``folds``, ``parts``, ``networks``.

    Args:
        recipe: any frozen dataclass; a TrainingRecipe has most to say.
        replicas: devices that share a batch.
        pictures: of ``train`` and ``val``, for the steps of an epoch; without them no steps.
    """
    rows = {
        "size": _size(recipe),
        "parameters": _parameters(recipe),
        "augmentation": _augmentation(recipe),
        **_learning(recipe),
        "prediction": _prediction(recipe),
        "batch": _batch(recipe, replicas),
        "epochs": _epochs(recipe, replicas, pictures),
        "refit": _refit(recipe, replicas, pictures),
        "schedule": _schedule(recipe, replicas),
        **_one_of_several(recipe),
    }
    return {name: words for name, words in rows.items() if words}


def recipe_facts(recipe: Any) -> dict[str, Any]:
    """Sizes and schedule of a recipe in plain values, for ``--plan --json``; one replica's rates.

    A recipe of any dataclass has the entries that its fields allow.
    """
    has = {**dataclasses.asdict(recipe), "refit_epochs": refit_epochs(recipe)}
    facts = {name: has[name] for name in _PLAIN if has.get(name)}
    for several, one in (("folds", "fold"), ("parts", "part"), ("networks", "network")):
        if has.get(several, 0) > (several == "networks"):  # one network is no choice
            facts |= {several: has[several], one: has[one]}
    if has.get("miniature"):
        facts["miniature"] = True  # the parameters that a recipe states are of the whole network
    else:
        facts |= {name: has[name] for name in _STATED if has.get(name)}
    if hasattr(recipe, "learning_rate"):
        facts["learning_rates"] = [recipe.learning_rate(n, 1) for n in range(recipe.epochs)]
    return facts


def unused_settings(recipe: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields of a recipe, as a manifest has it, that its loss does not use."""
    return _UNUSED.get(str(recipe.get("loss")), ())


def value_in_words(value: object) -> str:
    """A field's value, numbers in four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return "none" if value is None else str(value)


def training_pictures(recipe: Any, pictures: Mapping[str, int]) -> int:
    """How many pictures an epoch trains on; with folds, all of train + validation but one fold."""
    if not getattr(recipe, "folds", 0):
        return pictures["train"]
    labelled = pictures["train"] + pictures["val"]
    return labelled - (labelled - recipe.fold + recipe.folds - 1) // recipe.folds


def _size(recipe: Any) -> str:
    size = getattr(recipe, "image_size", 0)
    return f"{size} x {size} pixels" if size else ""


def _parameters(recipe: Any) -> str:
    if getattr(recipe, "miniature", False):
        return "those of a miniature of the network"
    total, trainable = (getattr(recipe, name, 0) for name in _STATED)
    return f"{total:,} in all, {trainable:,} trainable" if total else ""


def _augmentation(recipe: Any) -> str:
    if not hasattr(recipe, "crop_margin"):
        return ""
    size, margin = recipe.image_size, recipe.crop_margin
    crop = [f"crop {size} of {size + margin} ({recipe.interpolation})"] if margin else []
    strengths = {words: getattr(recipe, name, 0) for name, words in _AUGMENTATIONS.items()}
    on = [f"{words} {value_in_words(value)}" for words, value in strengths.items() if value]
    return ", ".join(crop + on) or "none"


def _learning(recipe: Any) -> dict[str, str]:
    if not hasattr(recipe, "loss_in_words"):
        return {}
    average = f"; moving average of the weights {value_in_words(recipe.ema)}"
    waits = getattr(recipe, "patience", 0)
    return {
        "loss": recipe.loss_in_words,
        "optimizer": recipe.optimizer + (average if recipe.ema else ""),
        "patience": f"{waits} epochs without a better AUC" if waits else "",
    }


def _prediction(recipe: Any) -> str:
    """What of a picture validation and test see, where that is not simply all of it."""
    if not getattr(recipe, "crop_margin", 0) and getattr(recipe, "tta", 1) < 2:
        return ""
    size = recipe.image_size
    centre = f"the middle {size} of {size + recipe.crop_margin}"
    seen = "the whole picture" if recipe.evaluates_whole or not recipe.crop_margin else centre
    return f"mean of {recipe.tta} views of a picture, {seen}" if recipe.tta > 1 else seen


def _batch(recipe: Any, replicas: int) -> str:
    size = getattr(recipe, "batch_size", 0)
    return f"{size * replicas} = {size} x {_several(replicas, 'replica')}" if size else ""


def _epochs(recipe: Any, replicas: int, pictures: Mapping[str, int] | None) -> str:
    if not hasattr(recipe, "epochs"):
        return ""
    folds = getattr(recipe, "folds", 0)
    part = f"train + val but fold {recipe.fold} of {folds}" if folds else "train"
    seen = training_pictures(recipe, pictures) if pictures else None
    return f"{recipe.epochs} on {part}{_steps(recipe, replicas, seen)}"


def _refit(recipe: Any, replicas: int, pictures: Mapping[str, int] | None) -> str:
    again = refit_epochs(recipe)
    if not again:
        return "none" if hasattr(recipe, "refit") else ""
    network = "a new network" if recipe.refit_fresh else "the trained network"
    seen = pictures["train"] + pictures["val"] if pictures else None
    steps = _steps(recipe, replicas, seen)
    return f"{_several(again, 'epoch')} of {network} on train + val{steps}"


def _steps(recipe: Any, replicas: int, pictures: int | None) -> str:
    """An epoch's steps; its last batch is padded, and drops no picture."""
    if pictures is None or not hasattr(recipe, "batch_size"):
        return ""
    seen = min(pictures, getattr(recipe, "pictures_per_epoch", None) or pictures)
    part = f" of {seen:,} pictures" if seen < pictures else ""
    return f", {math.ceil(seen / (recipe.batch_size * replicas)):,} steps each{part}"


def _schedule(recipe: Any, replicas: int) -> str:
    """The schedule's name and its rates; those of a plateau depend on what is measured."""
    if not hasattr(recipe, "learning_rate"):
        return ""
    times = "" if recipe.schedule == "constant" else f" x {replicas}"
    words = f"{recipe.schedule}, lr_max {value_in_words(recipe.lr_max)}{times}"
    if recipe.schedule == "plateau":
        decay, lowest = value_in_words(recipe.lr_decay), value_in_words(recipe.lr_min)
        return (
            f"{words}, times {decay} whenever {recipe.lr_patience} epochs brought no "
            f"{recipe.plateau_in_words}, never below {lowest}"
        )
    rates = [recipe.learning_rate(epoch, replicas) for epoch in range(recipe.epochs)]
    peak = max(rates)
    if min(rates) == peak:
        return words
    first, last = (value_in_words(rate) for rate in (rates[0], rates[-1]))
    top = f"{value_in_words(peak)} in epoch {rates.index(peak) + 1}"
    return f"{words}: {first} in the first epoch, {top}, {last} in the last"


def _one_of_several(recipe: Any) -> dict[str, str]:
    """Which kernels it takes to make one model, where it is more than this one."""
    folds = getattr(recipe, "folds", 0)
    alike = {name: getattr(recipe, name, 0) for name in ("parts", "networks")}
    return {
        "folds": f"one of {folds} parts is kept for validation" if folds else "",
        **{name: f"one of {number}" for name, number in alike.items() if number > 1},
    }


def _several(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
