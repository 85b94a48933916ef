"""One of two halves: knows every second row."""

RECIPE: dict = dict(bias=0.0, parts=2, part=0)
PARAMETERS: dict = {}

import numpy as np

from common.declaration import Kernel
from common.files.predictions import Predictions
from common.kernel import KernelRun
from competitions.tiny_steps import COMPETITION
from competitions.tiny_steps.data import HalfRecipe, probabilities, read, save, source_folders


def half(run: KernelRun) -> None:
    sources = source_folders(run)
    ids, numbers, labels = read(sources["prepare"] / "parts" / "val.csv")
    test_ids, test_numbers, _ = read(sources["prepare"] / "parts" / "test.csv")
    mine = [
        np.where(np.arange(len(values))[:, None] % 2 == run.recipe.part, found, 1 / found.shape[1])
        for values in (numbers, test_numbers)
        for found in [probabilities(values)]
    ]
    save(run, Predictions(ids, labels, mine[0], test_ids, mine[1]), 0.4 + run.recipe.part / 10)


KERNEL = Kernel(COMPETITION, HalfRecipe(**RECIPE), work=half, sources=("prepare",))

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
