"""The end of a run: all metrics of validation and test, figures, and a table of predictions.

Blends the models where there are several. CPU, no internet, under a minute.

From a clone of the repository: python submit.py omniglot --ensemble
"""

RECIPE: dict = dict(
    method="mean",  # or weighted, or greedy: found on validation
    calibrate=False,  # temper each member before the blend
    resamples=1000,  # for the intervals
)
PARAMETERS: dict = {}

from common.blending.ensemble import BlendRecipe, EnsembleKernel
from competitions.omniglot import COMPETITION

KERNEL = EnsembleKernel(COMPETITION, BlendRecipe(**RECIPE))

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
