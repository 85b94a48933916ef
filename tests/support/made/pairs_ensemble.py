"""The pairs, scored."""

RECIPE: dict = dict(method="mean", blend_scale="logit", resamples=50)
PARAMETERS: dict = {}

from common.declaration import Kernel
from common.kernel import KernelRun
from common.pairs.ensemble import PairBlendRecipe, read_members, run_pair_ensemble
from competitions.tiny_made import COMPETITION


def blend(run: KernelRun) -> None:
    """Score the table of pairs by the kernels that PARAMETERS names as sources."""
    root = COMPETITION.data_folder()
    members = read_members(run.parameters, ())
    run_pair_ensemble(COMPETITION, run, members, root / COMPETITION.sample, ())


KERNEL = Kernel(COMPETITION, PairBlendRecipe(**RECIPE), work=blend, accelerators=("cpu",))

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
