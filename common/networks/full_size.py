"""A network at full size checked against the parameter counts that its recipe states."""

import dataclasses
import math
from typing import Any

from common.accelerator import clear_session
from common.errors import UserError
from common.progress import report


def check_full_size(kernel: Any, backbone: str = "") -> dict[str, int]:
    """Build the network at full size and check its parameter counts against the recipe's.

    ``backbone`` builds with another one than the recipe's own, whose counts nobody has stated:
    they are only reported. Returns the counts. Raises UserError when they differ.
    """
    recipe = dataclasses.replace(kernel.recipe, **({"backbone": backbone} if backbone else {}))
    model = kernel.network(recipe)
    counted = parameter_counts(model)
    for name, number in counted.items():
        wanted = 0 if backbone else getattr(recipe, name)
        if wanted and wanted != number:
            raise UserError(f"{model.name} at full size has {number:,} {name}, not {wanted:,}")
    report("full_size", **counted)
    clear_session()
    return counted


def parameter_counts(model: Any) -> dict[str, int]:
    """``total_parameters`` and ``trainable_parameters`` of a Keras model."""
    trainable = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return {"total_parameters": model.count_params(), "trainable_parameters": trainable}
