"""The stages of a classifier's training: train, validate, refit, predict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.data.rows import Rows
from common.files.predictions import Predictions
from common.recipes.hours import refit_epochs
from common.tasks.task import Task
from common.training.trainer import Part, Trainer


@dataclass(frozen=True)
class Trained:
    """What a classifier's training gives.

    Attributes:
        model: the network that has predicted test.
        history: the rows of ``history.csv``.
        facts: for ``metrics.json``.
    """

    predictions: Predictions
    model: Any
    history: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any]


def train_in_stages(trainer: Trainer, parts: Sequence[Part], task: Task) -> Predictions:
    """All stages, in order, from where the checkpoint is. Raises OutOfTimeError.

    ``parts`` are train, validation and test, with ``labels`` and ``records``.
    """
    run, recipe, kept, model = trainer.run, trainer.recipe, trainer.state.kept, None
    train, validation, test = parts
    if "validation" not in kept:
        with run.stage("training"):
            model = trainer.new_model([train])
            trainer.fit(model, "training", [train], recipe.epochs, validation)
        with run.stage("validation"):
            kept["validation"] = trainer.predict(model, validation, recipe.tta)
    if epochs := refit_epochs(recipe):
        with run.stage("refit"):
            if recipe.refit_fresh:
                model = None  # where another one is built, its memory is needed
            if model is None:  # or the checkpoint is of the refit
                model = trainer.new_model([train, validation] if recipe.refit_fresh else [train])
            if recipe.patience:
                epochs = min(epochs, trainer.best_epoch)
            first = 0 if recipe.refit_fresh else recipe.epochs
            trainer.fit(model, "refit", [train, validation], epochs, first_epoch=first)
    with run.stage("prediction"):
        return Predictions(
            validation.records.ids,
            validation.labels,
            task.predictions(kept["validation"]),
            test.records.ids,
            task.predictions(trainer.predict(model, test, recipe.tta)),
            test.records.labels,  # for the ensemble, which alone measures with them
            validation.records.groups,
            test.records.groups,
        )


def predictions_of(
    validation: Rows, found: np.ndarray, test: Rows, of_test: np.ndarray
) -> Predictions:
    """What a head predicts, ``(n, units)`` float32 of each part."""
    (own, others), known = (validation.records, test.records), (validation.labels, found)
    groups = own.groups, others.groups
    return Predictions(own.ids, *known, others.ids, of_test, others.labels, *groups)
