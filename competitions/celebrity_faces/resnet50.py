"""ResNet50 on 14 celebrities, all layers trained, with two hidden layers.

Published accuracy 0.7656 and loss 0.8883 on 64 of the 70 validation pictures (49 right), 0.9904 and
0.0611 on train, and 29,856,590 parameters: a misprint for 29,896,590, with 13,120 for 53,120 that
are not trained and 6,300,878 for the head's 6,308,878. The number of epochs is not stated.

From a clone of the repository: python submit.py celebrities --model resnet50 [--dry-run]
"""

RECIPE: dict = dict(
    backbone="ResNet50",
    weights="imagenet",
    freeze_backbone=False,
    head_layers="average, dense 2048, dropout 0.5, dense 1024, dropout 0.5",
    preprocessing="backbone",
    image_size=224,
    crop_margin=0,
    batch_size=8,  # per replica: 16 on a GPU's two
    epochs=45,
    optimizer="adam",
    schedule="constant",
    # The published decay of 1e-7 a step is left out: after 45 epochs of 14 steps the rate would be
    # 3e-5 / (1 + 630 * 1e-7), 0.006 % lower.
    lr_max=3e-5,
    rotation=10.0,  # degrees, to either side; borders are mirrored (published: edges repeated)
    zoom=0.1,
    shift=0.1,
    horizontal_flip=0.5,  # and never top to bottom: they are faces
    refit=False,  # there is no test to predict
    total_parameters=29_896_590,
    trainable_parameters=29_843_470,
)
PARAMETERS: dict = {}

from common.recipes.classifier import ClassifierRecipe
from common.training.classifier_training import ClassifierKernel
from competitions.celebrity_faces import COMPETITION, data

KERNEL = ClassifierKernel(
    COMPETITION,
    ClassifierRecipe(**RECIPE),
    load=data.load,
    accelerators=("gpu", "cpu"),
    hours={"gpu": 0.15},  # a rough estimate, not measured
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
