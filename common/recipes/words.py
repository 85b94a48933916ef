"""A recipe in words: the one description that ``--describe``, ``--plan`` and the report show."""

import math
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from common.recipes.classifier import ALL_ANEW
from common.recipes.hours import refit_epochs
from common.recipes.schedules import RAMPED, parse_rates
from common.recipes.training import TrainingRecipe
from common.recipes.unused import is_fitted

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
_BALANCE = {  # what is done to classes of unequal size
    "weights": "each picture weighs by how rare its class is",
    "copies": "pictures of rarer classes repeated, to the size of the largest",
    "augmented": "pictures of rarer classes repeated, to the size of the largest; the copies alone "
    "are augmented",
    "undersample": "of each class as many pictures as the smallest has, drawn at random",
}
_SPLITS = {
    "random": "all labelled pictures 70/15/15 at random",
    "grouped": "all labelled pictures 70/15/15, those of one group and copies on one side",
    "random-validation": "train and validation 85/15 at random, groups on both sides",
}
_BOUNDS = {"copies": "at least ", "augmented": "at least ", "undersample": "at most "}  # of steps
_SIZES = ("image_size", "batch_size", "epochs", "refit_epochs")
_LOGISTIC = "logistic regression on features"
STATED = ("total_parameters", "trainable_parameters")
# What a recipe of any dataclass may lack.
_WITHOUT = {
    **dict.fromkeys((*_SIZES, *STATED, "folds", "parts", "networks", "patience"), 0),
    **{"fit": "squash", "padding": "", "crop_share": 1.0},
    **{"miniature": False, "pictures_per_epoch": None, "repeats": 1, "split": "given"},
    **dict.fromkeys(("head", "head_layers", "balance"), ""),
}


def describe_recipe(
    recipe: Any,
    replicas: int = 1,
    pictures: Mapping[str, int] | None = None,
    loss: str = "",
    validation: str = "",
) -> dict[str, str]:
    """What ``recipe`` trains, in words: a short name → a text, in a reader's order.

    Args:
        recipe: any frozen dataclass, which has the entries that its fields allow; a TrainingRecipe
            has most to say.
        replicas: devices that share a batch.
        pictures: of ``train`` and ``val``, for the steps of an epoch; without them no steps.
        loss: the task's, in words.
        validation: how the competition's data are split where the recipe says nothing of it.
    """
    has = _fields(recipe)
    rows = {
        "size": f"{has.image_size} x {has.image_size} pixels" if has.image_size else "",
        "parameters": _parameters(has),
        "square": _square(has),
        **(_training(recipe, has, replicas, loss) if isinstance(recipe, TrainingRecipe) else {}),
        "batch": f"{has.batch_size * replicas} = {has.batch_size} x {_several(replicas, 'replica')}"
        if has.batch_size
        else "",
        **_epochs(recipe, has, replicas, pictures),
        "balance": _BALANCE.get(has.balance, ""),
        "split": _SPLITS.get(
            has.split, validation if hasattr(recipe, "split") and not has.folds else ""
        ),
        "folds": _folds(has),
        "parts": f"one of {has.parts}" if has.parts > 1 else "",
        "networks": f"one of {has.networks}" if has.networks > 1 else "",
    }
    return {name: words for name, words in rows.items() if words}


def recipe_facts(recipe: Any) -> dict[str, Any]:
    """Sizes and schedule of a recipe in plain values, for ``--plan --json``; one replica's rates.

    A recipe of any dataclass has the entries that its fields allow.
    """
    has = {**vars(_fields(recipe)), "refit_epochs": refit_epochs(recipe)}
    facts = {name: has[name] for name in _SIZES if has[name]}
    for several, one in (("folds", "fold"), ("parts", "part"), ("networks", "network")):
        if has[several] > (several == "networks"):  # one network is no choice
            facts |= {several: has[several], **({} if has[one] is None else {one: has[one]})}
    if has["repeats"] > 1:
        facts["repeats"] = has["repeats"]
    if has["miniature"]:
        facts["miniature"] = True  # the parameters that a recipe states are of the whole network
    else:
        facts |= {name: has[name] for name in STATED if has[name]}
    if isinstance(recipe, TrainingRecipe):
        facts["learning_rates"] = [recipe.learning_rate(n, 1) for n in range(recipe.epochs)]
    return facts


def value_in_words(value: object) -> str:
    """A field's value, numbers in four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return "none" if value is None else str(value)


def training_pictures(recipe: Any, pictures: Mapping[str, int]) -> int:
    """How many pictures are trained on; with folds, all of train + validation but one fold.

    About 70 % of all where they are split anew, 85 % where test is as given.
    """
    split = getattr(recipe, "split", "given")
    if split in ALL_ANEW:
        return sum(pictures.values()) * 7 // 10
    if split != "given":
        return (pictures["train"] + pictures["val"]) * 85 // 100
    if not getattr(recipe, "folds", 0):
        return pictures["train"]
    labelled = pictures["train"] + pictures["val"]
    part = (recipe.fold or 0) % recipe.folds
    return labelled - (labelled - part + recipe.folds - 1) // recipe.folds


def _labelled(recipe: Any, pictures: Mapping[str, int]) -> int:
    """Pictures of train and validation."""
    if getattr(recipe, "split", "given") in ALL_ANEW:
        return sum(pictures.values()) * 85 // 100
    return pictures["train"] + pictures["val"]


def _fields(recipe: Any) -> SimpleNamespace:
    return SimpleNamespace(**{**_WITHOUT, **vars(recipe)})


def _folds(has: Any) -> str:
    if not has.folds:
        return ""
    if has.fold is None:
        times = f" of {has.repeats} splits" if has.repeats > 1 else ""
        return f"each of {has.folds} parts{times} is validation once, in this kernel"
    repeat = has.fold // has.folds + 1
    times = f", split {repeat} of {has.repeats}" if has.repeats > 1 else ""
    return f"one of {has.folds} parts is kept for validation{times}"


def _parameters(has: Any) -> str:
    if has.miniature:
        return "those of a miniature of the network"
    trainable = f", {has.trainable_parameters:,} trainable" if has.trainable_parameters else ""
    return f"{has.total_parameters:,} in all{trainable}" if has.total_parameters else ""


def _training(recipe: TrainingRecipe, has: Any, replicas: int, loss: str) -> dict[str, str]:
    if is_fitted(vars(has)):
        return {**_pictures(has), "head": _head(has, f"{_LOGISTIC}, C from validation")}
    average = f"; moving average of the weights {value_in_words(recipe.ema)}"
    return {
        **(_pictures(has) if hasattr(recipe, "crop_margin") else {}),
        "tower": _tower(has),
        "head": _head(has, f"begins as a {_LOGISTIC}" if has.head == "logistic" else ""),
        "loss": recipe.loss_in_words(loss),
        "optimizer": recipe.optimizer + (average if recipe.ema else ""),
        "patience": f"{_several(has.patience, 'epoch')} without a {recipe.plateau_in_words}"
        if has.patience
        else "",
        "schedule": _schedule(recipe, replicas),
    }


def _tower(has: Any) -> str:
    """What a twin's convolutions see and are kept small by."""
    if not hasattr(has, "dropouts") or has.backbone:
        return ""
    said = {
        "grey pictures" if has.grey else "pictures in colour": True,
        "BatchNormalization": has.batchnorm,
        f"dropouts {has.dropouts}": has.dropouts,
        f"L2 penalty {value_in_words(has.l2)}": has.l2,
    }
    return ", ".join(words for words, there in said.items() if there)


def _head(has: Any, last: str) -> str:
    """The layers below the last one where they are not the usual one, and how that begins."""
    layers = "" if has.head_layers == "average" else has.head_layers
    return "; ".join(words for words in (layers, last) if words)


def _square(has: Any) -> str:
    """How a picture becomes a square where that is not simply all of it."""
    share = f"the middle {has.crop_share:.0%} of each side" if has.crop_share < 1 else ""
    fits = {"crop": "the centre of a picture", "pad": f"padded, {has.padding}"}
    return "; ".join(words for words in (share, fits.get(has.fit, "")) if words)


def _pictures(has: Any) -> dict[str, str]:
    """What is done to pictures; how they are predicted where that is not simply all of them."""
    size, whole = has.image_size, has.image_size + has.crop_margin
    crop = [f"crop {size} of {whole} ({has.interpolation})"] if has.crop_margin else []
    strengths = {words: getattr(has, name, 0) for name, words in _AUGMENTATIONS.items()}
    on = [f"{words} {value_in_words(value)}" for words, value in strengths.items() if value]
    if getattr(has, "warp_probability", 1) < 1:
        on.append(f"each warp with probability {value_in_words(has.warp_probability)}")
    all_of_it = has.evaluation == "whole" or not has.crop_margin
    seen = "the whole picture" if all_of_it else f"the middle {size} of {whole}"
    views = f"mean of {has.tta} views of a picture, {seen}"
    predicted = seen if has.crop_margin else ""
    return {
        "augmentation": ", ".join(crop + on) or "none",
        "prediction": views if has.tta > 1 else predicted,
    }


def _epochs(
    recipe: Any, has: Any, replicas: int, pictures: Mapping[str, int] | None
) -> dict[str, str]:
    """Training and refit; an epoch's last batch is padded, and drops no picture."""

    def steps(number: int) -> str:
        if not (number and has.batch_size):
            return ""
        seen = min(number, has.pictures_per_epoch or number)
        part = f" of {seen:,} pictures" if seen < number else ""
        bound = _BOUNDS.get(has.balance, "")
        return f", {bound}{math.ceil(seen / (has.batch_size * replicas)):,} steps each{part}"

    found = {}
    if is_fitted(vars(has)):
        return {"refit": "the head on train + val"} if refit_epochs(recipe) else {"refit": "none"}
    if has.epochs:
        part = "train"
        if has.folds:
            part = f"train + val but fold {has.fold % has.folds} of {has.folds}"
        number = training_pictures(recipe, pictures) if pictures else 0
        found["epochs"] = f"{has.epochs} on {part}{steps(number)}"
    if again := refit_epochs(recipe):
        network = "a new network" if recipe.refit_fresh else "the trained network"
        number = _labelled(recipe, pictures) if pictures else 0
        found["refit"] = f"{_several(again, 'epoch')} of {network} on train + val{steps(number)}"
    elif hasattr(recipe, "refit"):
        at_once = recipe.refit and not hasattr(recipe, "epochs")  # nothing is trained in epochs
        found["refit"] = "once more on train + val" if at_once else "none"
    return found


def _schedule(recipe: TrainingRecipe, replicas: int) -> str:
    """The schedule's name and its rates; those of a plateau depend on what is measured."""
    times = "" if recipe.schedule == "constant" else f" x {replicas}"
    if recipe.schedule == "piecewise":
        reached = [part for part in parse_rates(recipe.lr_rates).items() if part[0] < recipe.epochs]
        said = [f"{value_in_words(rate)} from epoch {first + 1}" for first, rate in reached]
        return f"{recipe.schedule}{times}: {', '.join(said)}"
    words = f"{recipe.schedule}, lr_max {value_in_words(recipe.lr_max)}{times}"
    if recipe.schedule == "plateau":
        decay, lowest = value_in_words(recipe.lr_decay), value_in_words(recipe.lr_min)
        return (
            f"{words}, times {decay} whenever {_several(recipe.lr_patience, 'epoch')} brought no "
            f"{recipe.plateau_in_words}, never below {lowest}"
        )
    rates = [recipe.learning_rate(epoch, replicas) for epoch in range(recipe.epochs)]
    peak = max(rates)
    unfinished = recipe.schedule in RAMPED and recipe.lr_ramp_epochs >= recipe.epochs
    if min(rates) == peak and not unfinished:
        return words
    first, last = (value_in_words(rate) for rate in (rates[0], rates[-1]))
    if unfinished:
        ramp = f"its ramp of {_several(recipe.lr_ramp_epochs, 'epoch')} does not come to lr_max"
        return f"{words}: {first} in the first epoch, {last} in the last; {ramp}"
    highest = rates.index(peak)
    top = f", {value_in_words(peak)} in epoch {highest + 1}" if highest else ""
    return f"{words}: {first} in the first epoch{top}, {last} in the last"


def _several(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
