"""DenseNet121 on 14 celebrities, all layers trained, with the head of ``densenet201``.

Published as about 0.10 less accurate than DenseNet201; its head is not stated, and taken to be the
same: the parameters are computed.

From a clone of the repository: python submit.py celebrities --model densenet121 [--dry-run]
"""

RECIPE: dict = dict(
    backbone="DenseNet121",
    weights="imagenet",
    freeze_backbone=False,
    head_layers="average, dense 4096, dropout 0.2",
    preprocessing="backbone",
    image_size=256,
    crop_margin=0,
    batch_size=8,  # per replica: 16 on a GPU's two
    epochs=45,
    optimizer="adam",
    schedule="constant",
    lr_max=1e-4,
    rotation=10.0,  # degrees, to either side; borders are mirrored (published: edges repeated)
    zoom=0.1,
    shift=0.1,
    horizontal_flip=0.5,  # and never top to bottom: they are faces
    refit=False,  # there is no test to predict
    total_parameters=11_293_262,
    trainable_parameters=11_209_614,
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
