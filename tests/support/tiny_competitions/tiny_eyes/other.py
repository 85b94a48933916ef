"""Tiny Eyes in scikit-learn: a ridge regression.

From a clone of the repository: python submit.py eyes --model other
"""

RECIPE: dict = dict(
    alpha=1.0,
)
PARAMETERS: dict = {}

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge

from common.declaration import Kernel
from common.files.predictions import Predictions
from common.inputs import competition_folder
from common.kernel import KernelRun
from common.outputs import write_outputs
from competitions.tiny_eyes import COMPETITION

FEATURES = ["x0", "x1", "x2"]


@dataclass(frozen=True)
class TinyRecipe:
    """A model of scikit-learn.

    Attributes:
        alpha: the L2 penalty.
    """

    alpha: float = 1.0


def train(run: KernelRun) -> None:
    """Fit on two thirds of train, predict the rest and test."""
    root = competition_folder(COMPETITION.slug, run.parameters.internet, COMPETITION.layout)
    table, test = pd.read_csv(root / "train.csv"), pd.read_csv(root / "test.csv")
    labels = table["diagnosis"].to_numpy()
    held_out = table.index % 3 == 0
    model = Ridge(alpha=run.recipe.alpha)
    model.fit(table[FEATURES][~held_out], labels[~held_out])

    def probabilities(rows: pd.DataFrame) -> np.ndarray:
        return model.predict(rows)[:, None]

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
