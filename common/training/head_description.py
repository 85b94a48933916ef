"""``--describe`` of a head: what is known of it before the networks below it have been trained."""

import sys
from collections.abc import Sequence
from typing import Any

from common.accelerator import REPLICAS
from common.parameters import Parameters
from common.recipe import field_types
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


def describe_head(kernel: Any, parameters: Parameters, arguments: Sequence[str]) -> None:
    """As ``common.training.describe.describe``; the head is built for the networks below it.

    As in a run, a setting reaches every kernel whose recipe has it; the head keeps what is
    neither's, to be refused.
    """
    asked = read_arguments(kernel, parameters, arguments)
    read = kernel.below()
    has_head, has_networks = field_types(kernel.recipe), field_types(read.recipe)
    given = asked.settings.items()
    own = {name: value for name, value in given if name in has_head or name not in has_networks}
    recipe = kernel.resolve(asked.best, asked.small, own)
    accelerator = choose_accelerator(kernel.accelerators, asked)
    below = {name: value for name, value in given if name in has_networks}
    networks = read.resolve(asked.best, asked.small, below)
    number, each = int(getattr(networks, "parts", 1)), networks.embedding
    stay_on_cpu()
    print("building the head ...", file=sys.stderr, flush=True)
    model = head_network(recipe, number * each, kernel.classes)
    print(f"{model.name}: {kernel.competition.title}, on {accelerator}\n")
    show(
        *recipe_rows(kernel.recipe, recipe, asked),
        ("weights", "random"),
        ("parameters", told_parameters(model)),
        ("input", f"{number * each} numbers: {number} networks x {each}, side by side"),
        *_layer_rows(model),
        *learning_rows(recipe),
        *course_rows(recipe, REPLICAS[accelerator], {}, ""),
        ("hours", f"unknown on {accelerator}"),
    )
    show_schedule(recipe, REPLICAS[accelerator])


def _layer_rows(model: Any) -> Rows:
    """Those that change the numbers, each with how many it gives."""
    kinds = [(type(layer).__name__, layer.output.shape[-1]) for layer in model.layers[1:]]
    return [("layers", ", ".join(f"{kind} {width}" for kind, width in kinds))]
