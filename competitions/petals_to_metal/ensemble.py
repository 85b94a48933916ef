"""Blend of the members' probabilities: the kernel that writes ``submission.csv``.

Reads ``predictions.npz`` of every member from its sources, finds the blend on validation, and
predicts test with it. The published mean of DenseNet201 and EfficientNetB7 scored 0.95461 on the
public leaderboard, 0.92 and 0.93 alone. CPU, no internet, under a minute.

From a clone of the repository: python submit.py petals --ensemble --blend weighted
"""

RECIPE: dict = dict(
    method="mean",  # or weighted, or greedy: found on validation by macro F1
    calibrate=False,  # temper each member before the blend
    resamples=500,  # of validation, for the intervals
)
PARAMETERS: dict = {}

from common.blending.ensemble import BlendRecipe, EnsembleKernel
from competitions.petals_to_metal import COMPETITION

KERNEL = EnsembleKernel(COMPETITION, BlendRecipe(**RECIPE))

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
