"""The records that a training reads: what the competition's ``load`` gives, or a fold of it."""

import dataclasses
from typing import Any

from common.data.records import Records, join
from common.data.splits import stratified_folds
from common.errors import UserError
from common.parameters import Parameters
from common.recipes.classifier import ClassifierRecipe
from common.tasks.task import Task


def load_records(
    kernel: Any, recipe: Any, parameters: Parameters
) -> tuple[Records, Records, Records]:
    """What the kernel's ``load`` reads. Raises UserError when it is not three Records."""
    try:
        parts = kernel.load(recipe.image_size, parameters)
    except FileNotFoundError as error:
        facts, name = kernel.competition, error.filename or "a file of its data"
        raise UserError(
            f"{name}: no such file; the data of {facts.name} must have {facts.layout}"
        ) from None
    if (
        not isinstance(parts, tuple)
        or len(parts) != 3
        or not all(isinstance(part, Records) for part in parts)
    ):
        raise UserError(
            f"load of {kernel.competition.name} gave no (train, validation, test) of Records: look "
            f"at the competition's data.py"
        )
    return parts


def fold_of(
    train: Records, validation: Records, task: Task, recipe: ClassifierRecipe, seed: int
) -> tuple[Records, Records]:
    """Train and validation of one fold of both together."""
    both = join(train.name, train, validation)
    assert both.labels is not None
    held_out = stratified_folds(task.strata(both.labels), recipe.folds, seed) == recipe.fold
    kept = dataclasses.replace(both.take(held_out), name=validation.name)
    return both.take(~held_out), kept
