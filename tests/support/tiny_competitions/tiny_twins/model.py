"""Tiny Twins in scikit-learn: a discriminant analysis whose projection is the vector.

From a clone of the repository: python submit.py twins --model model
"""

RECIPE: dict = dict(
    components=2,
)
PARAMETERS: dict = {}

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from common.declaration import Kernel
from common.files.vectors import Vectors, save_vectors
from common.kernel import KernelRun
from common.pairs.ensemble import write_pair_metrics
from competitions.tiny_twins import COMPETITION

FEATURES = ["x0", "x1", "x2"]


@dataclass(frozen=True)
class TinyRecipe:
    """A model of scikit-learn.

    Attributes:
        components: of a vector.
    """

    components: int = 2


def train(run: KernelRun) -> None:
    """Fit on two thirds of train; vectors of the rest and of test."""
    root = COMPETITION.data_folder(run.parameters.internet)
    table, test = pd.read_csv(root / "train.csv"), pd.read_csv(root / "test.csv")
    kept, labels = table.index % 3 == 0, table["label0"].to_numpy()
    model = LinearDiscriminantAnalysis(n_components=run.recipe.components)
    model.fit(table[FEATURES][~kept], labels[~kept])

    def vectors(rows: pd.DataFrame) -> dict[str, np.ndarray]:
        found = model.transform(rows[FEATURES])
        return {"embedding": found / np.linalg.norm(found, axis=1, keepdims=True)}

    written = Vectors(
        table["id"][kept].to_numpy(str),
        labels[kept],
        np.isin(labels[kept], labels[~kept]),
        vectors(table[kept]),
        test["id"].to_numpy(str),
        vectors(test),
    )
    save_vectors(run.folder, written, run.parameters.kernel)
    write_pair_metrics(run.folder, written, {})


KERNEL = Kernel(COMPETITION, TinyRecipe(**RECIPE), work=train, accelerators=("cpu",))

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
