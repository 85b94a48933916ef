"""Before the first epoch: the accelerator, the records and pictures, pretrained weights."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from common.accelerator import Accelerator, choose
from common.data.pictures import Pictures, choose_cache
from common.data.records import Records, join
from common.data.splits import stratified_folds
from common.declaration import Kernel
from common.errors import UserError
from common.kernel import KernelRun
from common.networks.backbones import weights_files
from common.networks.full_size import check_full_size
from common.networks.weights import resolve_weights
from common.parameters import Parameters
from common.recipe import override
from common.recipes.classifier import ClassifierRecipe
from common.recipes.image import BackboneRecipe, ImageRecipe
from common.recipes.training import check_batch
from common.tasks.task import Task


class Parts(NamedTuple):
    """The pictures of a training."""

    train: Pictures
    validation: Pictures
    test: Pictures

    @property
    def counts(self) -> dict[str, int]:
        """How many each part has, for the checkpoint."""
        return {f"{part.records.name}_pictures": len(part) for part in self}


def take_accelerator(kernel: Kernel, run: KernelRun) -> Accelerator:
    """Choose the accelerator, and build the network at full size if that is asked for.

    Raises UserError as ``choose``, and for parameter counts other than the recipe's.
    """
    asked = run.parameters.accelerator
    with run.stage("accelerator", asked=asked or "any"):
        accelerator = choose(asked, kernel.accelerators)
        run.facts["accelerator"] = dataclasses.asdict(accelerator)
        run.primary = accelerator.process == 0
    if run.parameters.full_size:
        with run.stage("full_size"):
            whole = override(run.recipe, run.parameters.full_size)
            run.facts["full_size"] = check_full_size(dataclasses.replace(kernel, recipe=whole))
    return accelerator


def pretrained(recipe: Any, parameters: Parameters) -> str | None:
    """What the network begins with; a recipe without a backbone begins at random."""
    if not isinstance(recipe, BackboneRecipe):
        return None
    files = weights_files(recipe.backbone) if recipe.backbone else {}
    return resolve_weights(recipe.weights, files, parameters)


def load_records(kernel: Any, run: KernelRun) -> tuple[Records, Records, Records]:
    """What the kernel's ``load`` reads. Raises UserError when it is not three Records."""
    facts = kernel.competition
    try:
        parts = kernel.load(run.recipe.image_size, run.parameters)
    except FileNotFoundError as error:
        name = error.filename or "a file of its data"
        raise UserError(
            f"{name}: no such file; the data of {facts.name} must have {facts.files}"
        ) from None
    if (
        not isinstance(parts, tuple)
        or len(parts) != 3
        or not all(isinstance(part, Records) for part in parts)
    ):
        raise UserError(
            f"load of {facts.name} gave no (train, validation, test) of Records: look at the "
            f"competition's data.py"
        )
    return parts


def labels_of(part: Records) -> np.ndarray:
    """Raises UserError when it has none."""
    if part.labels is None:
        raise UserError(f"{part.name} has no labels: look at the competition's data.py")
    return part.labels


def fold_of(
    train: Records, validation: Records, task: Task, recipe: ClassifierRecipe, seed: int
) -> tuple[Records, Records]:
    """Train and validation of one fold of both together; both as they are without folds."""
    if not recipe.folds:
        return train, validation
    both = join(train.name, train, validation)
    assert both.labels is not None
    chosen = stratified_folds(task.strata(both.labels), recipe.folds, seed) == recipe.fold
    return both.take(~chosen), dataclasses.replace(both.take(chosen), name=validation.name)


def open_pictures(
    records: tuple[Records, Records, Records], recipe: ImageRecipe, replicas: int
) -> Parts:
    """Their pictures at the recipe's size, cached where they fit.

    Every picture of test is decoded once, for what would otherwise be found after hours of
    training. Raises UserError for a broken one, and for a batch larger than train.
    """
    size = recipe.image_size + recipe.crop_margin
    # Test is seen once a view, so that one view caches nothing of it. Whole pictures come from
    # their records, at their own size.
    again = recipe.tta > (8 if recipe.evaluates_whole else 1)
    counts = [len(part) for part in records]
    cache = choose_cache(recipe.cache, sum(counts if again else counts[:2]), size)
    caches = (cache, cache, cache if again else "none")
    train, validation, test = (
        Pictures(part, size, how, recipe.interpolation)
        for part, how in zip(records, caches, strict=True)
    )
    check_batch(recipe.batch_size, replicas, len(train))
    test.decode_all()
    return Parts(train, validation, test)
