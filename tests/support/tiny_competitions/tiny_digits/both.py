"""The halves together: a model that only reads other kernels' outputs."""

RECIPE: dict = dict()
PARAMETERS: dict = {}

from dataclasses import replace

from common.blending.members import read_recipes
from common.declaration import Kernel
from common.files.predictions import load_predictions
from common.kernel import KernelRun
from competitions.tiny_digits import COMPETITION
from competitions.tiny_digits.data import TinyRecipe, save


def both(run: KernelRun) -> None:
    folders, _ = read_recipes(run.parameters)
    first, second = (load_predictions(folder, name) for name, folder in folders.items())
    whole = replace(
        first,
        validation=first.validation + second.validation - 1 / 3,  # of the half that does not know
        test=first.test + second.test - 1 / 3,
    )
    save(run, whole)


KERNEL = Kernel(COMPETITION, TinyRecipe(**RECIPE), work=both, sources=("half",))

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
