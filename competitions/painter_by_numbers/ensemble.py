"""The pairs of the submission, scored by every member and blended: writes ``submission.csv``.

Reads each member's vectors from its sources, finds the blend on validation's pairs, scores the
21,916,047 pairs in bounded memory and streams them out. Published: 0.92890 AUC for 18 networks of
the winner's kind. CPU, no internet, a few minutes.

From a clone of the repository: python submit.py painter --ensemble --blend weighted
"""

RECIPE: dict = dict(
    method="mean",  # or weighted, or greedy: found on validation's pairs by AUC
    blend_scale="logit",  # or rank: what the members' scores are brought to
)
PARAMETERS: dict = {}

from common.data.tables import find_table
from common.declaration import Kernel
from common.files.prepared import prepared_folder, read_broken
from common.kernel import KernelRun
from common.pairs.ensemble import PairBlendRecipe, read_members, run_pair_ensemble
from competitions.painter_by_numbers import COMPETITION
from competitions.painter_by_numbers.data import PAIRS_TABLE


def blend(run: KernelRun) -> None:
    """Blend the kernels that PARAMETERS names as sources."""
    root = COMPETITION.data_folder()
    prepared = prepared_folder(run.parameters)
    members = read_members(run.parameters, ("prepare",))
    broken = {broken.file for broken in read_broken(prepared) if broken.part == "test"}
    table = find_table(root, PAIRS_TABLE) or root / PAIRS_TABLE
    run_pair_ensemble(COMPETITION, run, members, table, broken)


KERNEL = Kernel(
    COMPETITION,
    PairBlendRecipe(**RECIPE),
    work=blend,
    accelerators=("cpu",),
    sources=("prepare",),
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
