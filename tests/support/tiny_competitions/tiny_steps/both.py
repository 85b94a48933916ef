"""The halves together."""

RECIPE: dict = dict(bias=0.0)
PARAMETERS: dict = {}

from dataclasses import replace

from common.declaration import Kernel
from common.kernel import KernelRun
from competitions.tiny_steps import COMPETITION
from competitions.tiny_steps.data import StepRecipe, load, save, source_folders


def both(run: KernelRun) -> None:
    first, second = load(source_folders(run), "half-part0", "half-part1")
    whole = replace(
        first,
        validation=first.validation + second.validation - 1 / 3,  # of the half that does not know
        test=first.test + second.test - 1 / 3,
    )
    save(run, whole, 0.6)


KERNEL = Kernel(COMPETITION, StepRecipe(**RECIPE), work=both, sources=("half",))

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
