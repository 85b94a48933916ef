"""``--describe``: what a kernel would train, and how, without training and without data."""

import argparse
import os
import sys
import textwrap
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from common.accelerator import KNOWN, REPLICAS
from common.declaration import Kernel
from common.errors import UserError
from common.metrics import figures
from common.networks.backbones import check_weights
from common.networks.full_size import parameter_counts
from common.recipe import split_setting
from common.recipes.hours import hours_in_words, scaled_hours
from common.recipes.training import check_batch
from common.recipes.words import describe_recipe, training_pictures, value_in_words

PICTURE = "schedule.png"
Described = tuple[Any, Any, dict[str, str]]


@dataclass(frozen=True)
class TrainingKernel(Kernel):
    """A Kernel that trains a network, and describes itself with ``--describe``."""

    arguments: ClassVar[str] = "no arguments but --describe: change its RECIPE instead"

    @abstractmethod
    def network_to_describe(
        self, best: bool, small: bool, settings: Mapping[str, Any]
    ) -> Described:
        """The recipe, as ``resolve``'s, its network with random weights, and what is special."""

    def describe(self, parameters: Mapping[str, Any], arguments: Sequence[str]) -> None:
        """Print what this kernel would do, and draw its learning rate (``schedule.png``, here).

        Nothing is trained, read or downloaded. ``arguments`` of the command line come before the
        script's ``parameters``. Raises UserError for arguments without ``--describe``, unknown
        ones, and a recipe that cannot be built.
        """
        if "--describe" not in arguments:
            super().describe(parameters, arguments)
        args = _read(arguments)
        best = args.recipe == "best"
        if best and self.best is None:
            raise UserError("this kernel has no best recipe: leave out --recipe best")
        first = "cpu" if args.dry_run else self.accelerators[0]
        accelerator = args.accelerator or parameters.get("accelerator") or first
        if accelerator not in self.accelerators:
            able = ", ".join(self.accelerators)
            raise UserError(f"this kernel cannot run on {accelerator}: it runs on {able}")
        _stay_on_cpu()
        settings = dict(map(split_setting, args.set))
        recipe, model, special = self.network_to_describe(best, args.dry_run, settings)
        small = ", with a dry run's small settings" if args.dry_run else ""
        changed = [
            f"{name} {value_in_words(value)} -> {value_in_words(getattr(recipe, name))}"
            for name, value in vars(self.recipe).items()
            if value != getattr(recipe, name)
        ]
        print(f"{model.name}: {self.competition.title}, on {accelerator}\n")
        rows = {"recipe": args.recipe + small, "changed": ", ".join(changed), **special}
        rows["parameters"] = "{:,} in all, {:,} trainable".format(*parameter_counts(model).values())
        for label, words in (rows | self._training(recipe, accelerator)).items():
            if words:
                folded = textwrap.wrap(words, 66, break_on_hyphens=False)
                print(f"{label:<14}" + f"\n{'':<14}".join(folded))

    def _training(self, recipe: Any, accelerator: str) -> dict[str, str]:
        """How ``recipe`` is trained; draws its schedule, but for a plateau's, which depends."""
        replicas = REPLICAS[accelerator]
        pictures = self.competition.pictures if hasattr(recipe, "image_size") else {}
        if pictures:
            check_batch(recipe.batch_size, replicas, training_pictures(recipe, pictures))
        words = describe_recipe(recipe, replicas, pictures, self.competition.task.loss_in_words)
        if recipe.schedule == "plateau":
            drawn = ": not drawn, for it depends on the epochs before"
        else:
            rates = [recipe.learning_rate(epoch, replicas) for epoch in range(recipe.epochs)]
            figures.schedule(rates, Path(PICTURE))
            drawn = f" ({PICTURE})"
        counts = ", ".join(f"{count:,} {part}" for part, count in pictures.items())
        hours = scaled_hours(self.hours.get(accelerator), recipe, self.recipe)
        return {
            **{name: text for name, text in words.items() if name not in ("size", "parameters")},
            "pictures": f"{counts} (Kaggle's own data)" if counts else "unknown",
            "hours": f"{hours_in_words(hours) if hours else 'unknown'} on {accelerator}",
            "schedule": words["schedule"] + drawn,
        }


def picture_network(kernel: Any, best: bool, small: bool, settings: Mapping[str, Any]) -> Described:
    """``network_to_describe`` of a kernel whose ``network(recipe)`` takes pictures."""
    recipe = kernel.resolve(best, small, settings)
    size, backbone = recipe.image_size, getattr(recipe, "backbone", "")
    if backbone and not recipe.miniature:
        check_weights(backbone, recipe.weights)
    print(f"building the network at {size} x {size} ...", file=sys.stderr, flush=True)
    try:
        model = kernel.network(recipe)
    except ValueError as error:  # Keras's word for a picture that is too small, for example
        reason = str(error).strip().splitlines() or ["no message"]
        raise UserError(f"the network cannot be built with this recipe: {reason[0]}") from error
    frozen = ", backbone frozen" if getattr(recipe, "freeze_backbone", False) else ""
    divided = getattr(recipe, "preprocessing", "") == "1/255" and not recipe.miniature
    pixels = "divided by 255" if divided else "preprocessed"
    return recipe, model, {
        "weights": f"{getattr(recipe, 'weights', None) or 'random'}{frozen}",
        "input": f"{size} x {size} x 3, 0 to 255; {pixels} inside the network",
    }  # fmt: skip


class _Parser(argparse.ArgumentParser):
    """Shows a wrong argument as every other wrong input is shown."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"--describe: {message}; --describe --help lists the options")


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    words = "Show what this kernel would train, and how, without training."
    parser = _Parser(description=words, allow_abbrev=False)
    add = parser.add_argument
    add("--describe", action="store_true", help="this")
    setting = "override a field of the recipe (repeatable)"
    add("--set", action="append", default=[], metavar="KEY=VALUE", help=setting)
    add("--accelerator", choices=KNOWN, help="default: the kernel's first")
    recipes = ("published", "best")
    add("--recipe", choices=recipes, default="published", help="default published")
    add("--dry-run", action="store_true", help="the small settings, on CPU")
    return parser.parse_args(arguments)


def _stay_on_cpu() -> None:
    """Before Keras is imported: what is described is built on this machine's CPU."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # that there is no GPU is no news here
