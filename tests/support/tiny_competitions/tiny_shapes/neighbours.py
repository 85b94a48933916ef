"""Nearest neighbours of the pixels of shapes."""

RECIPE: dict = dict(neighbours=5, folds=0, fold=0)
PARAMETERS: dict = {}

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from common.data.dealing import stratified_folds
from common.data.pictures import Pictures
from common.data.records import Records, join
from common.declaration import Kernel
from common.files.predictions import Predictions
from common.kernel import KernelRun
from common.outputs import write_outputs
from competitions.tiny_shapes import COMPETITION, data


@dataclass(frozen=True)
class NeighboursRecipe:
    """How many ``neighbours`` vote; ``folds``, and which ``fold`` this is."""

    neighbours: int = 5
    folds: int = 0
    fold: int = 0


def pixels(records: Records) -> np.ndarray:
    """Grey pictures of 12 x 12, ``(pictures, 144)``."""
    pictures = Pictures(records, 12)
    return np.stack([pictures[row].mean(axis=2).ravel() for row in range(len(pictures))])


def train(run: KernelRun) -> None:
    """Fit, and predict validation and test."""
    train, validation, test = data.load(12, run.parameters)
    recipe = run.recipe
    if recipe.folds:
        both = join("train", train, validation)
        chosen = stratified_folds(both.labels, recipe.folds, run.parameters.seed) == recipe.fold
        train, validation = both.take(~chosen), both.take(chosen)
    model = KNeighborsClassifier(recipe.neighbours).fit(pixels(train), train.labels)
    classes = len(COMPETITION.task.classes)
    predictions = Predictions(
        validation.ids,
        validation.labels,
        model.predict_proba(pixels(validation)),
        np.array([], str) if test is None else test.ids,
        np.zeros((0, classes)) if test is None else model.predict_proba(pixels(test)),
        None if test is None else test.labels,
    )
    write_outputs(run.folder, COMPETITION, predictions, run.parameters.kernel, resamples=20)


KERNEL = Kernel(COMPETITION, NeighboursRecipe(**RECIPE), work=train, accelerators=("cpu",))

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
