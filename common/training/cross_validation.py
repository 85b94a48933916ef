"""All folds of a model in one kernel: logistic regressions on features that are computed once."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.blending.members import join_folds, splits_of
from common.data.balance import Balance
from common.data.rows import Rows
from common.data.splits import fold_rows
from common.files.predictions import Predictions, fold_folder, save_predictions, split_folder
from common.kernel import KernelRun
from common.tasks.task import Task
from common.training.logistic import choose_heads, end_of_grid, fit_parts
from common.training.stages import Trained, predictions_of


def cross_validate(
    network: Any, run: KernelRun, rows: Rows, test: Rows, task: Task, explain: Any
) -> Trained:
    """Fit a head on all ``rows`` but one fold's, for each fold of each split.

    ``rows`` are those of all labelled pictures, as ``common.data.splits.join_labelled`` has them.
    The predictions of each fold are written for the ensemble, and those of each of several splits,
    validation alone, for a sweep; what is returned is out of fold, and on test the mean over the
    folds. With the first fold's head, the ``network`` is asked to
    ``explain`` what it predicts of that fold; it gets a head of all pictures, with the folds' C.
    """
    recipe, seed = run.recipe, run.parameters.seed
    number, balance = recipe.folds * recipe.repeats, Balance(recipe.balance, seed)
    parts = [fold_rows(rows.records, task, recipe.folds, n, seed) for n in range(number)]
    found: dict[str, Predictions] = {}
    with run.stage("training"):
        heads, losses = choose_heads(
            lambda fold: (rows.take(~parts[fold]), rows.take(parts[fold])), number, task, balance
        )
        for fold, head in enumerate(heads):
            validation = rows.take(parts[fold])
            outputs = [head.outputs(one.views, task.activation) for one in (validation, test)]
            found[f"fold {fold}"] = predictions_of(validation, outputs[0], test, outputs[1])
        c = heads[0].c
        whole = fit_parts([rows], task, c, balance)
    if at_end := end_of_grid(c):
        run.warn(at_end)
    network.layers[-1].set_weights([heads[0].kernel, heads[0].bias])
    with run.stage("figures"):
        first = np.flatnonzero(parts[0])
        files = explain(network, task.predictions(found["fold 0"].validation), rows=first)
    network.layers[-1].set_weights([whole.kernel, whole.bias])
    if run.primary:
        _save(run, found)
    facts = {"c": c, "val_loss": losses[c]}
    return Trained(join_folds(found, recipe.repeats), network, [], facts, files)


def _save(run: KernelRun, found: Mapping[str, Predictions]) -> None:
    """Write the predictions of each fold, and of each split where there are several."""
    folders = {fold_folder(run.folder, n): one for n, one in enumerate(found.values())}
    repeats = run.recipe.repeats
    for number, split in enumerate(splits_of(found, repeats) if repeats > 1 else ()):
        joined = join_folds(split)
        rows = np.arange(len(joined.validation_ids))
        folders[split_folder(run.folder, number)] = joined.take(rows, np.arange(0))
    for folder, predictions in folders.items():
        folder.mkdir(exist_ok=True)
        save_predictions(folder, predictions, folder.name)
    run.facts["stays"] = [*run.facts.get("stays", ()), "fold*/*"]  # the ensemble reads them there
