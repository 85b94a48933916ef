"""View 2 of LFW by its protocol: ten folds of 300 + 300 pairs, with what ``lite`` is made of.

Each fold of ``pairs.txt`` (or ``pairs.csv``) is scored by what pictures of the people in the nine
others teach, its threshold is theirs, too. It ends in the mean accuracy of ten folds and its
standard error. View 1 chose the recipe; nothing is to be chosen here. View 2 is not measured, its
pictures are not at hand. Ten folds of 96 + 96 pairs made of DevTrain (``benchmarks/lfw_folds.py``),
on which the recipe was chosen, have 0.871 ± 0.008, in 285 s of a core.

From a clone of the repository: python submit.py faces --model view2 [--dry-run]
"""

RECIPE: dict = dict(
    backbone="EfficientNetLite0",
    weights="imagenet",
    preprocessing="backbone",
    image_size=160,
    crop_share=0.5,  # around the face
    batch_size=32,
    tta=2,  # as it is, and mirrored
    grid=5,
    components=200,  # of 34,800 means
    total_parameters=3_413_024,
)
PARAMETERS: dict = {}

from common.recipes.frozen import FrozenRecipe
from common.training.verifying_folds import FoldedVerificationKernel
from competitions.labeled_faces import COMPETITION, data

KERNEL = FoldedVerificationKernel(
    COMPETITION,
    FrozenRecipe(**RECIPE),
    load=data.load_fold_people,
    pairs=data.load_folds,
    layers=tuple(f"block{number}_depthwise_relu" for number in (4, 7, 10)),
    dry_run={},
    supervision="unrestricted",
    accelerators=("cpu", "gpu", "tpu"),
    hours={"cpu": 1.5},  # a rough estimate, not measured
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
