"""The stages of a classifier's training: train, validate, refit, predict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from common.data.rows import Rows
from common.files.predictions import Predictions
from common.recipes.hours import refit_epochs
from common.tasks.task import Task
from common.training.trainer import Part, Trainer

_FILE = "file_"  # kept of the network before any refit
# From a network and what it predicts of validation to files by name.
Explain = Callable[[Any, np.ndarray], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Trained:
    """What a classifier's training gives.

    Attributes:
        model: the network that has predicted test.
        history: the rows of ``history.csv``.
        facts: for ``metrics.json``.
        files: further files by name, bytes ``(n,)`` uint8 (``common.training.explaining``).
    """

    predictions: Predictions
    model: Any
    history: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any]
    files: Mapping[str, np.ndarray] = field(default_factory=dict)


def train_in_stages(
    trainer: Trainer, parts: Sequence[Part], task: Task, explain: Explain
) -> tuple[Predictions, Mapping[str, np.ndarray]]:
    """All stages, in order, from where the checkpoint is. Raises OutOfTimeError.

    ``parts`` are train, validation and test, with ``labels`` and ``records``. Returns what is
    predicted, and the files that ``explain`` makes of the network that validation is predicted by.
    """
    run, recipe, kept, model = trainer.run, trainer.recipe, trainer.state.kept, None
    train, validation, test = parts
    if "validation" not in kept:
        with run.stage("training"):
            model = trainer.new_model([train])
            trainer.fit(model, "training", [train], recipe.epochs, validation)
        with run.stage("validation"):
            kept["validation"] = trainer.predict(model, validation, recipe.tta)
        with run.stage("figures"):
            files = explain(model, task.predictions(kept["validation"]))
            kept |= {f"{_FILE}{name}": content for name, content in files.items()}
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
    files = {n.removeprefix(_FILE): one for n, one in kept.items() if n.startswith(_FILE)}
    with run.stage("prediction"):
        predictions = Predictions(
            validation.records.ids,
            validation.labels,
            task.predictions(kept["validation"]),
            test.records.ids,
            task.predictions(trainer.predict(model, test, recipe.tta)),
            test.records.labels,  # for the ensemble, which alone measures with them
            validation.records.groups,
            test.records.groups,
        )
    return predictions, files


def predictions_of(
    validation: Rows, found: np.ndarray, test: Rows, of_test: np.ndarray
) -> Predictions:
    """What a head predicts, ``(n, units)`` float32 of each part."""
    (own, others), known = (validation.records, test.records), (validation.labels, found)
    groups = own.groups, others.groups
    return Predictions(own.ids, *known, others.ids, of_test, others.labels, *groups)
