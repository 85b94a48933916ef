"""The tiny competition's ensemble."""

RECIPE: dict = dict(method="mean", calibrate=False, resamples=20)
PARAMETERS: dict = {}

from common.blending.ensemble import BlendRecipe, EnsembleKernel
from competitions.tiny_digits import COMPETITION

KERNEL = EnsembleKernel(COMPETITION, BlendRecipe(**RECIPE))

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
