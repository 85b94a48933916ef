"""``--describe``: what a kernel would train, and how, without training and without data."""

import argparse
import dataclasses
import math
import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from common.accelerator import KNOWN, REPLICAS
from common.competition import Competition
from common.data.tfrecords import count_in_name, record_files
from common.declaration import Kernel
from common.errors import UserError
from common.inputs import competition_folder
from common.metrics import figures
from common.networks.backbones import check_weights
from common.networks.full_size import parameter_counts
from common.parameters import Parameters
from common.recipe import split_setting
from common.recipes.hours import refit_epochs, scaled_hours, tell_hours
from common.recipes.image import ImageRecipe
from common.recipes.training import TrainingRecipe, check_batch
from common.recipes.words import augmentations, seen_in_prediction, value_in_words
from common.training.terminal_plot import EIGHTHS, PLAIN, bars

PICTURE = "schedule.png"
Rows = list[tuple[str, str]]
_MARGIN = 14  # columns of the labels


@dataclasses.dataclass(frozen=True)
class Asked:
    """The options of ``--describe``: which recipe, on which accelerator (empty: the first)."""

    accelerator: str = ""
    best: bool = False
    small: bool = False
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def describe(kernel: Any, parameters: Parameters, arguments: Sequence[str]) -> None:
    """Print what ``kernel`` would do, and draw its learning rate (``schedule.png``, here).

    The network is built with random weights; nothing is trained, read or downloaded.

    Args:
        kernel: a ClassifierKernel or an EmbeddingKernel.
        parameters: the script's.
        arguments: of the command line; they come before ``parameters``.
    """
    asked = read_arguments(kernel, parameters, arguments)
    recipe = kernel.resolve(asked.best, asked.small, asked.settings)
    accelerator = choose_accelerator(kernel.accelerators, asked)
    model = _build(kernel, recipe)
    print(f"{model.name}: {kernel.competition.title}, on {accelerator}\n")
    show(
        *recipe_rows(kernel.recipe, recipe, asked),
        *_model_rows(model, recipe),
        *_training_rows(recipe),
        *course_rows(recipe, REPLICAS[accelerator], *count_pictures(kernel.competition)),
        ("hours", _hours(kernel, recipe, accelerator)),
    )
    show_schedule(recipe, REPLICAS[accelerator])


def read_arguments(kernel: Kernel, parameters: Parameters, arguments: Sequence[str]) -> Asked:
    """What ``arguments`` ask for. Raises UserError for what is unknown, or not there."""
    parser = _Parser(
        description="Show what this kernel would train, and how, without training.",
        allow_abbrev=False,
    )
    parser.add_argument("--describe", action="store_true", help="this")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="override a field of the recipe (repeatable)")  # fmt: skip
    parser.add_argument("--accelerator", choices=KNOWN, help="default: the kernel's first")
    parser.add_argument("--recipe", choices=("published", "best"), default="published",
                        help="default published")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="the small settings, on CPU")
    args = parser.parse_args(arguments)
    best, settings = args.recipe == "best", dict(map(split_setting, args.set))
    if best and kernel.best is None:
        raise UserError("this kernel has no best recipe: leave out --recipe best")
    accelerator = args.accelerator or parameters.accelerator
    return Asked(accelerator, best, args.dry_run, settings)


def choose_accelerator(able: Sequence[str], asked: Asked) -> str:
    """The one asked for, else CPU for a dry run, else the first that the kernel is ``able`` to use.

    Raises UserError when the kernel cannot run on it.
    """
    chosen = asked.accelerator or ("cpu" if asked.small else able[0])
    if chosen not in able:
        known = ", ".join(able)
        raise UserError(f"this kernel cannot run on {chosen}: it runs on {known}")
    return chosen


def count_pictures(competition: Competition) -> tuple[Mapping[str, int], str]:
    """Pictures of ``train`` and ``val``, and where they are counted; empty when nobody knows.

    From the names of TFRecords where a kernel looks for them, else Kaggle's published counts.
    """
    try:
        root = competition_folder(competition.slug, False, competition.layout)
        folder = next(
            path.parent
            for path in sorted([*root.glob("train"), *root.glob("*/train")])
            if path.is_dir()
        )
        files = {part: record_files(folder / part) for part in ("train", "val")}
        return {part: sum(map(count_in_name, files[part])) for part in files}, str(folder)
    except (UserError, StopIteration):
        return competition.pictures, "Kaggle's own data"


def training_pictures(recipe: Any, pictures: Mapping[str, int]) -> int:
    """How many pictures an epoch trains on; with folds, all of train + validation but one fold."""
    if not getattr(recipe, "folds", 0):
        return pictures["train"]
    labelled = pictures["train"] + pictures["val"]
    held_out = (labelled - recipe.fold + recipe.folds - 1) // recipe.folds
    return labelled - held_out


class _Parser(argparse.ArgumentParser):
    """Tells a wrong argument as every other wrong input is told."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"--describe: {message}; --describe --help lists the options")


def stay_on_cpu() -> None:
    """Before Keras is imported: what is built to be described is built on this machine's CPU."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # that there is no GPU is no news here


def _build(kernel: Any, recipe: ImageRecipe) -> Any:
    """The network with random weights, on this machine's CPU."""
    stay_on_cpu()
    size, backbone = recipe.image_size, getattr(recipe, "backbone", "")
    if backbone and not recipe.miniature:
        check_weights(backbone, getattr(recipe, "weights", None))
    print(f"building the network at {size} x {size} ...", file=sys.stderr, flush=True)
    try:
        return kernel.network(recipe)
    except ValueError as error:  # Keras's word for a picture that is too small, for example
        reason = str(error).strip().splitlines() or ["no message"]
        raise UserError(f"the network cannot be built with this recipe: {reason[0]}") from error


def recipe_rows(published: Any, recipe: Any, asked: Asked) -> Rows:
    """Which recipe, and what of the published one is changed."""
    name = "best" if asked.best else "published"
    small = ", with a dry run's small settings" if asked.small else ""
    stated = dataclasses.asdict(published)
    changes = [
        f"{name} {value_in_words(stated[name])} -> {value_in_words(value)}"
        for name, value in dataclasses.asdict(recipe).items()
        if value != stated[name]
    ]
    told = [("recipe", name + small)]
    return [*told, ("changed", ", ".join(changes))] if changes else told


def _model_rows(model: Any, recipe: ImageRecipe) -> Rows:
    taken = model.inputs[0]
    shape = " x ".join(str(size) for size in taken.shape[1:])
    frozen = ", backbone frozen" if getattr(recipe, "freeze_backbone", False) else ""
    divided = getattr(recipe, "preprocessing", "") == "1/255" and not recipe.miniature
    pixels = "divided by 255" if divided else "preprocessed"
    return [
        ("weights", f"{getattr(recipe, 'weights', None) or 'random'}{frozen}"),
        ("parameters", told_parameters(model)),
        ("input", f"{shape}, {taken.dtype}, 0 to 255; {pixels} inside the network"),
    ]


def told_parameters(model: Any) -> str:
    """How many a model has."""
    total, trainable = parameter_counts(model).values()
    return f"{total:,} in all, {trainable:,} trainable"


def _training_rows(recipe: ImageRecipe) -> Rows:
    views = (
        [("prediction", seen_in_prediction(recipe))] if recipe.tta > 1 or recipe.crop_margin else []
    )
    return [("augmentation", augmentations(recipe)), *learning_rows(recipe), *views]


def learning_rows(recipe: TrainingRecipe) -> Rows:
    """What is learnt, and by what."""
    average = f"; moving average of the weights {value_in_words(recipe.ema)}" if recipe.ema else ""
    waits = getattr(recipe, "patience", 0)
    patience = [("patience", f"{waits} epochs without a better AUC")] if waits else []
    return [("loss", recipe.told_loss), ("optimizer", recipe.optimizer + average), *patience]


def course_rows(
    recipe: TrainingRecipe, replicas: int, pictures: Mapping[str, int], source: str
) -> Rows:
    """Pictures, batch, epochs and refit with their steps."""
    batch, again = recipe.batch_size * replicas, refit_epochs(recipe)
    labelled = pictures["train"] + pictures["val"] if pictures else None
    trained = training_pictures(recipe, pictures) if pictures else None
    if trained is not None:
        check_batch(recipe.batch_size, replicas, trained)
    most = getattr(recipe, "pictures_per_epoch", None)
    counts = ", ".join(f"{count:,} {part}" for part, count in pictures.items())
    folds = getattr(recipe, "folds", 0)
    part = f"train + val but fold {getattr(recipe, 'fold', 0)} of {folds}" if folds else "train"
    network = "a new network" if getattr(recipe, "refit_fresh", True) else "the trained network"
    refit = f"{_several(again, 'epoch')} of {network} on train + val, "
    return [
        ("pictures", f"{counts} ({source})" if pictures else "unknown"),
        ("batch", f"{batch} = {recipe.batch_size} x {_several(replicas, 'replica')}"),
        ("epochs", f"{recipe.epochs} on {part}, {_steps(trained, batch, most)}"),
        ("refit", refit + _steps(labelled, batch, most) if again else "none"),
    ]


def _steps(pictures: int | None, batch: int, most: int | None) -> str:
    """An epoch's steps on ``most`` of the pictures; its last batch is padded, and drops none."""
    if pictures is None:
        return "steps unknown"
    seen = min(pictures, most or pictures)
    part = f" of {seen:,} pictures" if seen < pictures else ""
    return f"{math.ceil(seen / batch):,} steps each{part}"


def _several(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def show(*rows: tuple[str, str]) -> None:
    """Labels and what they say, within 80 columns."""
    for label, text in rows:
        folded = textwrap.wrap(text, 80 - _MARGIN, break_on_hyphens=False) or [""]
        for number, line in enumerate(folded):
            print(f"{'' if number else label:<{_MARGIN}}{line}")


def _hours(kernel: Kernel, recipe: ImageRecipe, accelerator: str) -> str:
    hours = scaled_hours(kernel.hours.get(accelerator), recipe, kernel.recipe)
    return ("unknown" if hours is None else tell_hours(hours)) + f" on {accelerator}"


def show_schedule(recipe: TrainingRecipe, replicas: int) -> None:
    """The schedule in words, in the terminal and as a PNG; a plateau cannot be drawn before."""
    times = "" if recipe.schedule == "constant" else f" x {replicas}"
    words = f"{recipe.schedule}, lr_max {value_in_words(recipe.lr_max)}{times}"
    if recipe.schedule == "plateau":
        show(("schedule", f"{words}, {_plateau(recipe)}"))
        return
    rates = [recipe.learning_rate(epoch, replicas) for epoch in range(recipe.epochs)]
    figures.schedule(rates, Path(PICTURE))
    show(("schedule", f"{words} ({PICTURE})"))
    print("", *bars(rates, blocks=_blocks()), sep="\n")


def _plateau(recipe: TrainingRecipe) -> str:
    decay, lowest = value_in_words(recipe.lr_decay), value_in_words(recipe.lr_min)
    return (
        f"times {decay} whenever {recipe.lr_patience} epochs brought no {recipe.told_judged}, "
        f"never below {lowest}: not drawn, for it depends on the epochs before"
    )


def _blocks() -> str:
    """What bars are drawn with, where standard output can show it."""
    try:
        (EIGHTHS + "┤").encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return PLAIN
    return EIGHTHS
