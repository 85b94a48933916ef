"""The blend of the models of shapes."""

RECIPE: dict = dict(method="mean", calibrate=False, resamples=50)
PARAMETERS: dict = {}

from common.blending.ensemble import BlendRecipe, EnsembleKernel
from competitions.tiny_shapes import COMPETITION

KERNEL = EnsembleKernel(COMPETITION, BlendRecipe(**RECIPE))

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
