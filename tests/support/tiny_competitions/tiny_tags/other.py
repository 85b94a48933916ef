"""Tiny Tags in scikit-learn: naive Bayes a label.

From a clone of the repository: python submit.py tags --model other
"""

RECIPE: dict = dict(
    smoothing=1e-9,
)
PARAMETERS: dict = {}

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.naive_bayes import GaussianNB

from common.declaration import Kernel
from common.files.predictions import Predictions
from common.inputs import competition_folder
from common.kernel import KernelRun
from common.outputs import write_outputs
from competitions.tiny_tags import COMPETITION

FEATURES = ["x0", "x1", "x2"]


@dataclass(frozen=True)
class TinyRecipe:
    """A model of scikit-learn.

    Attributes:
        smoothing: of the variances.
    """

    smoothing: float = 1e-9


def train(run: KernelRun) -> None:
    """Fit on two thirds of train, predict the rest and test."""
    root = competition_folder(COMPETITION.slug, run.parameters.internet, COMPETITION.layout)
    table, test = pd.read_csv(root / "train.csv"), pd.read_csv(root / "test.csv")
    labels = COMPETITION.task.encode(table["labels"].str.split().tolist())
    held_out = table.index % 3 == 0
    model = [GaussianNB(var_smoothing=run.recipe.smoothing) for _ in COMPETITION.task.classes]
    for one, column in zip(model, labels.T, strict=True):
        one.fit(table[FEATURES][~held_out], column[~held_out])

    def probabilities(rows: pd.DataFrame) -> np.ndarray:
        return np.stack([one.predict_proba(rows)[:, 1] for one in model], axis=1)

    predictions = Predictions(
        table["id"][held_out].to_numpy(str),
        labels[held_out],
        probabilities(table[FEATURES][held_out]),
        test["id"].to_numpy(str),
        probabilities(test[FEATURES]),
    )
    write_outputs(run.folder, COMPETITION, predictions, run.parameters.kernel)


KERNEL = Kernel(COMPETITION, TinyRecipe(**RECIPE), work=train, accelerators=("cpu",))

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
