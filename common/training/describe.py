"""``--describe``: what a kernel would train, and how, without training and without data."""

import argparse
import dataclasses
import math
import os
import sys
import textwrap
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from common.accelerator import KNOWN, REPLICAS
from common.competition import Competition
from common.data.tfrecords import count_in_name, record_files
from common.declaration import Kernel
from common.errors import UserError
from common.metrics import figures
from common.networks.backbones import check_weights
from common.networks.full_size import parameter_counts
from common.parameters import Parameters
from common.recipe import split_setting
from common.recipes.hours import hours_in_words, scaled_hours
from common.recipes.training import check_batch
from common.recipes.words import describe_recipe, training_pictures, value_in_words

PICTURE = "schedule.png"
_EIGHTHS, _PLAIN = " ▁▂▃▄▅▆▇█", " #"  # what bars are drawn with; the second is ASCII
_MARGIN, _WIDTH = 14, 80  # columns: of the labels, of all


@dataclass(frozen=True)
class Asked:
    """The options of ``--describe``: which recipe, on which accelerator (empty: the first)."""

    accelerator: str = ""
    best: bool = False
    small: bool = False
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class TrainingKernel(Kernel):
    """A Kernel that trains a network, and describes itself with ``--describe``."""

    arguments: ClassVar[str] = "no arguments but --describe: change its RECIPE instead"

    @abstractmethod
    def network_to_describe(self, asked: Asked) -> tuple[Any, Any, dict[str, str]]:
        """The recipe asked for, its network with random weights, and what is special about it."""

    def describe(self, parameters: Mapping[str, Any], arguments: Sequence[str]) -> None:
        """Print what this kernel would do, and draw its learning rate (``schedule.png``, here).

        Nothing is trained, read or downloaded. ``arguments`` of the command line come before the
        script's ``parameters``. Raises UserError for arguments without ``--describe``, unknown
        ones, and a recipe that cannot be built.
        """
        if "--describe" not in arguments:
            super().describe(parameters, arguments)
        asked = read_arguments(self, Parameters.from_dict(parameters), arguments)
        accelerator = choose_accelerator(self.accelerators, asked)
        _stay_on_cpu()
        recipe, model, special = self.network_to_describe(asked)
        sees_pictures = hasattr(recipe, "image_size")
        pictures, source = count_pictures(self.competition) if sees_pictures else ({}, "")
        replicas = REPLICAS[accelerator]
        if pictures:
            check_batch(recipe.batch_size, replicas, training_pictures(recipe, pictures))
        counts = ", ".join(f"{count:,} {part}" for part, count in pictures.items())
        hours = scaled_hours(self.hours.get(accelerator), recipe, self.recipe)
        words = describe_recipe(recipe, replicas, pictures)
        schedule = words.pop("schedule")
        words.pop("size", "")  # the input says it
        print(f"{model.name}: {self.competition.title}, on {accelerator}\n")
        _show(
            {
                **_chosen(self.recipe, recipe, asked),
                **special,
                **words,
                "parameters": "{:,} in all, {:,} trainable".format(
                    *parameter_counts(model).values()
                ),
                "pictures": f"{counts} ({source})" if pictures else "unknown",
                "hours": f"{hours_in_words(hours) if hours else 'unknown'} on {accelerator}",
            }
        )
        _show_schedule(schedule, recipe, replicas)


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
    return Asked(args.accelerator or parameters.accelerator, best, args.dry_run, settings)


def choose_accelerator(able: Sequence[str], asked: Asked) -> str:
    """The one asked for, else CPU for a dry run, else the first that the kernel is ``able`` to use.

    Raises UserError when the kernel cannot run on it.
    """
    chosen = asked.accelerator or ("cpu" if asked.small else able[0])
    if chosen not in able:
        raise UserError(f"this kernel cannot run on {chosen}: it runs on {', '.join(able)}")
    return chosen


def count_pictures(competition: Competition) -> tuple[Mapping[str, int], str]:
    """Pictures of ``train`` and ``val``, and where they are counted; empty when nobody knows.

    From the names of TFRecords where a kernel looks for them, else Kaggle's published counts.
    """
    try:
        root = competition.data_folder()
        folder = next(
            path.parent
            for path in sorted([*root.glob("train"), *root.glob("*/train")])
            if path.is_dir()
        )
        files = {part: record_files(folder / part) for part in ("train", "val")}
        return {part: sum(map(count_in_name, files[part])) for part in files}, str(folder)
    except (UserError, StopIteration):
        return competition.pictures, "Kaggle's own data"


def picture_network(kernel: Any, asked: Asked) -> tuple[Any, Any, dict[str, str]]:
    """``network_to_describe`` of a kernel whose ``network(recipe)`` takes pictures."""
    recipe = kernel.resolve(asked.best, asked.small, asked.settings)
    size, backbone = recipe.image_size, getattr(recipe, "backbone", "")
    if backbone and not recipe.miniature:
        check_weights(backbone, getattr(recipe, "weights", None))
    print(f"building the network at {size} x {size} ...", file=sys.stderr, flush=True)
    try:
        model = kernel.network(recipe)
    except ValueError as error:  # Keras's word for a picture that is too small, for example
        reason = str(error).strip().splitlines() or ["no message"]
        raise UserError(f"the network cannot be built with this recipe: {reason[0]}") from error
    taken = model.inputs[0]
    shape = " x ".join(str(size) for size in taken.shape[1:])
    frozen = ", backbone frozen" if getattr(recipe, "freeze_backbone", False) else ""
    divided = getattr(recipe, "preprocessing", "") == "1/255" and not recipe.miniature
    pixels = "divided by 255" if divided else "preprocessed"
    return recipe, model, {
        "weights": f"{getattr(recipe, 'weights', None) or 'random'}{frozen}",
        "input": f"{shape}, {taken.dtype}, 0 to 255; {pixels} inside the network",
    }  # fmt: skip


class _Parser(argparse.ArgumentParser):
    """Shows a wrong argument as every other wrong input is shown."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"--describe: {message}; --describe --help lists the options")


def _stay_on_cpu() -> None:
    """Before Keras is imported: what is described is built on this machine's CPU."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # that there is no GPU is no news here


def _chosen(published: Any, recipe: Any, asked: Asked) -> dict[str, str]:
    """Which recipe, and what of the published one is changed."""
    name = "best" if asked.best else "published"
    small = ", with a dry run's small settings" if asked.small else ""
    stated = dataclasses.asdict(published)
    changes = [
        f"{name} {value_in_words(stated[name])} -> {value_in_words(value)}"
        for name, value in dataclasses.asdict(recipe).items()
        if value != stated[name]
    ]
    return {"recipe": name + small, **({"changed": ", ".join(changes)} if changes else {})}


def _show(rows: Mapping[str, str]) -> None:
    """Labels and what they say, within 80 columns."""
    for label, text in rows.items():
        folded = textwrap.wrap(text, _WIDTH - _MARGIN, break_on_hyphens=False) or [""]
        for number, line in enumerate(folded):
            print(f"{'' if number else label:<{_MARGIN}}{line}")


def _show_schedule(words: str, recipe: Any, replicas: int) -> None:
    """The schedule in words, in the terminal and as a PNG; a plateau cannot be drawn before."""
    if recipe.schedule == "plateau":
        _show({"schedule": f"{words}: not drawn, for it depends on the epochs before"})
        return
    rates = [recipe.learning_rate(epoch, replicas) for epoch in range(recipe.epochs)]
    figures.schedule(rates, Path(PICTURE))
    _show({"schedule": f"{words} ({PICTURE})"})
    try:
        _EIGHTHS.encode(sys.stdout.encoding or "ascii")
        blocks = _EIGHTHS
    except UnicodeEncodeError:
        blocks = _PLAIN
    print("\nlearning rate", *draw_bars(rates, blocks), sep="\n")


def draw_bars(rates: Sequence[float], blocks: str = _EIGHTHS, height: int = 10) -> list[str]:
    """A bar for each epoch, from 0 to the highest, with an axis; no library for one small chart.

    Where there are more epochs than columns, a column shows the highest of several.
    """
    label = f"{max(rates):.3g}"
    room = _WIDTH - len(label) - 2
    grouped = math.ceil(len(rates) / room)
    shown = [max(rates[at : at + grouped]) for at in range(0, len(rates), grouped)]
    wide, full = min(6, room // len(shown)), len(blocks) - 1
    # Never empty, so that every epoch is seen.
    tops = [max(1, round(rate / (max(rates) or 1) * height * full)) for rate in shown]
    lines = []
    for row in reversed(range(height)):
        bars = "".join(blocks[min(full, max(0, top - row * full))] * wide for top in tops)
        at = label if row == height - 1 else "" if row else "0"
        lines.append(f"{at:>{len(label)}} |{bars}".rstrip())
    last = f"{len(rates)}" if len(rates) > 1 else ""
    marks = f"1{last:>{len(shown) * wide - 1}}"
    several = f", {grouped} in a column" if grouped > 1 else ""
    return [*lines, *(" " * (len(label) + 2) + text for text in (marks, f"epoch{several}"))]
