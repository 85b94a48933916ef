"""A discriminant analysis of scikit-learn, whose projection is the vector."""

RECIPE: dict = dict(components=2)
PARAMETERS: dict = {}

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from common.declaration import Kernel
from common.files.predictions import Vectors, save_vectors
from common.kernel import KernelRun
from common.pairs.ensemble import write_pair_metrics
from competitions.tiny_made import COMPETITION


@dataclass(frozen=True)
class TinyRecipe:
    """How many ``components`` a vector has."""

    components: int = 2


def train(run: KernelRun) -> None:
    """Fit on two thirds of train; vectors of the rest and of test."""
    root = COMPETITION.data_folder(run.parameters.internet)
    table, test = pd.read_csv(root / "train.csv"), pd.read_csv(root / "test.csv")
    kept, labels = table.index % 3 == 0, table["label0"].to_numpy()
    model = LinearDiscriminantAnalysis(n_components=run.recipe.components)
    model.fit(table[~kept].filter(like="x"), labels[~kept])

    def vectors(rows: pd.DataFrame) -> dict[str, np.ndarray]:
        found = model.transform(rows.filter(like="x"))
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
