"""The competition of steps's ensemble."""

RECIPE: dict = dict(method="mean", calibrate=False)
PARAMETERS: dict = {}

from common.blending.ensemble import BlendRecipe, run_ensemble
from common.declaration import Kernel
from common.kernel import KernelRun
from competitions.tiny_steps import COMPETITION


def blend(run: KernelRun) -> None:
    run_ensemble(COMPETITION, run)


KERNEL = Kernel(COMPETITION, BlendRecipe(**RECIPE), work=blend, accelerators=("cpu",))

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
