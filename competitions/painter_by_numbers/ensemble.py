"""The pairs of the submission, scored by every member and blended: writes ``submission.csv``.

Reads each member's vectors from its sources, finds the blend on validation's pairs, scores the
21,916,047 pairs in bounded memory and streams them out. Published: 0.92890 AUC for 18 networks of
the winner's kind. CPU, no internet, a few minutes.

    python submit.py painter --ensemble --blend weighted
"""

import sys
from collections.abc import Sequence

from common.errors import shown_in_one_line
from common.inputs import competition_folder
from common.kernel import KernelRun
from common.pairs.ensemble import PairBlendRecipe, read_members, run_pair_ensemble
from common.parameters import Parameters, refuse_arguments
from common.recipe import override
from competitions.painter_by_numbers import COMPETITION, data

PARAMETERS: dict = {}
SOURCES = ("prepare",)
RECIPE = PairBlendRecipe()
ACCELERATORS = ("cpu",)


@shown_in_one_line()
def main(arguments: Sequence[str] = ()) -> None:
    """Blend the kernels that PARAMETERS names as sources."""
    refuse_arguments(arguments)
    parameters = Parameters.from_dict(PARAMETERS)
    recipe = override(RECIPE, parameters.settings)
    root = competition_folder(COMPETITION.slug, False, COMPETITION.layout)
    with KernelRun(parameters, recipe) as run:
        prepared = data.prepared_folder(parameters)
        members = read_members(parameters, SOURCES)
        broken = {broken.file for broken in data.read_broken(prepared) if broken.part == "test"}
        run_pair_ensemble(COMPETITION, recipe, run, members, data.pairs_table(root), broken)


if __name__ == "__main__":
    main(sys.argv[1:])
