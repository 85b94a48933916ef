"""The tiny competition's ensemble."""

from common.blending.ensemble import BlendRecipe, run_ensemble
from common.parameters import Parameters
from common.recipe import override
from competitions.tiny_digits import COMPETITION

PARAMETERS: dict = {}
RECIPE = BlendRecipe()


def main() -> None:
    parameters = Parameters.from_dict(PARAMETERS)
    run_ensemble(COMPETITION, override(RECIPE, parameters.settings), parameters)


if __name__ == "__main__":
    main()
