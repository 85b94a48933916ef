"""Blend of the members' probabilities: the kernel that writes ``submission.csv``.

Reads ``predictions.npz`` of every member from its sources, finds the blend on validation, and
predicts test with it. The published mean of DenseNet201 and EfficientNetB7 scored 0.95461 on the
public leaderboard, 0.92 and 0.93 alone. CPU, no internet, under a minute.

    python submit.py petals --ensemble --blend weighted
"""

import sys
from collections.abc import Sequence

from common.blending.ensemble import BlendRecipe, run_ensemble
from common.errors import shown_in_one_line
from common.parameters import Parameters, refuse_arguments
from common.recipe import override
from competitions.petals_to_metal import COMPETITION

PARAMETERS: dict = {}
RECIPE = BlendRecipe()
ACCELERATORS = ("cpu",)


@shown_in_one_line()
def main(arguments: Sequence[str] = ()) -> None:
    """Blend the kernels that PARAMETERS names as sources."""
    refuse_arguments(arguments)
    parameters = Parameters.from_dict(PARAMETERS)
    run_ensemble(COMPETITION, override(RECIPE, parameters.settings), parameters)


if __name__ == "__main__":
    main(sys.argv[1:])
