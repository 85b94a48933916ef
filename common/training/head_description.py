"""``--describe`` of a head: what is known of it before the networks below it have been trained."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from common.accelerator import REPLICAS
from common.errors import shown_in_one_line
from common.parameters import Parameters
from common.recipe import field_types
from common.recipes.classifier import chosen_recipe
from common.recipes.head import HeadKernel
from common.training.describe import (
    Rows,
    choose_accelerator,
    course_rows,
    learning_rows,
    read_arguments,
    recipe_rows,
    show,
    show_schedule,
    stay_on_cpu,
    told_parameters,
)
from common.training.heads import head_network


@shown_in_one_line()
def describe_head(kernel: HeadKernel, values: Mapping[str, Any], arguments: Sequence[str]) -> None:
    """As ``common.training.describe.describe``; the head is built for the networks below it."""
    parameters = read_arguments(values, arguments)
    read = kernel.below()
    own, below = _settings(kernel.recipe, read.recipe, parameters)
    recipe = chosen_recipe(kernel.recipe, kernel.best, kernel.dry_run, own)
    accelerator = choose_accelerator(kernel.accelerators, parameters)
    networks = chosen_recipe(read.recipe, read.best, read.dry_run, below)
    number, each = int(getattr(networks, "parts", 1)), networks.embedding
    stay_on_cpu()
    print("building the head ...", file=sys.stderr, flush=True)
    model = head_network(recipe, number * each, kernel.classes)
    print(f"{model.name}: {kernel.competition.title}, on {accelerator}\n")
    show(
        *recipe_rows(kernel.recipe, recipe, parameters),
        ("weights", "random"),
        ("parameters", told_parameters(model)),
        ("input", f"{number * each} numbers: {number} networks x {each}, side by side"),
        *_layer_rows(model),
        *learning_rows(recipe),
        *course_rows(recipe, REPLICAS[accelerator], {}, ""),
        ("hours", f"unknown on {accelerator}"),
    )
    show_schedule(recipe, REPLICAS[accelerator])


def _settings(
    own_recipe: Any, below_recipe: Any, parameters: Parameters
) -> tuple[Parameters, Parameters]:
    """The head's parameters and those of the networks below it: each has its own settings.

    As in a run, where a setting reaches every kernel whose recipe has it; the head keeps what is
    neither's, to be refused.
    """
    head, networks = map(field_types, (own_recipe, below_recipe))
    given = parameters.settings.items()
    own = {name: value for name, value in given if name in head or name not in networks}
    below = {name: value for name, value in given if name in networks}
    return replace(parameters, settings=own), replace(parameters, settings=below)


def _layer_rows(model: Any) -> Rows:
    """Those that change the numbers, each with how many it gives."""
    kinds = [(type(layer).__name__, layer.output.shape[-1]) for layer in model.layers[1:]]
    return [("layers", ", ".join(f"{kind} {width}" for kind, width in kinds))]
