"""``--describe``: what a kernel would train, and how, without training and without data."""

import argparse
import os
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
from common.recipe import split_setting
from common.recipes.hours import hours_in_words, scaled_hours
from common.recipes.training import check_batch
from common.recipes.unused import check_used
from common.recipes.words import STATED, describe_recipe, training_pictures, value_in_words
from common.training.model import parameter_counts

PICTURE = "schedule.png"
Described = tuple[Any, Any, dict[str, str]]


@dataclass(frozen=True)
class TrainingKernel(Kernel):
    """A Kernel that trains a network, and describes itself with ``--describe``."""

    arguments: ClassVar[str] = "no arguments but --describe: change its RECIPE instead"

    @abstractmethod
    def described(self, best: bool, small: bool, settings: Mapping[str, Any]) -> Described:
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
        recipe, model, special = self.described(best, args.dry_run, settings)
        check_used(settings, [("this kernel", recipe)])
        small = ", with a dry run's small settings" if args.dry_run else ""
        changed = [
            f"{name} {value_in_words(value)} -> {value_in_words(getattr(recipe, name))}"
            for name, value in vars(self.recipe).items()
            if value != getattr(recipe, name) and name not in STATED
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
            check_batch(recipe, replicas, training_pictures(recipe, pictures))
        loss, validation = self.competition.task.loss_in_words, self.competition.validation
        words = describe_recipe(recipe, replicas, pictures, loss, validation)
        if "schedule" not in words:
            drawn = ""  # nothing is trained in epochs
        elif recipe.schedule == "plateau":
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
            "schedule": words.get("schedule", "") + drawn,
        }


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
