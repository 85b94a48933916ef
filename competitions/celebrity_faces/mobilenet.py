"""MobileNet on 14 celebrities, all layers trained, for a phone.

Published accuracy 0.7656 and loss 0.6371 on 64 of the 70 validation pictures (49 right), 0.9898 and
0.1889 on train. Its 50 epochs are said to be found by early stopping, which its code lacks.

From a clone of the repository: python submit.py celebrities --model mobilenet [--dry-run], and
without dropout with --set "head_layers=average, flatten".
"""

RECIPE: dict = dict(
    backbone="MobileNet",
    weights="imagenet",
    freeze_backbone=False,
    head_layers="average, flatten, dropout 0.6",
    preprocessing="backbone",
    image_size=224,
    crop_margin=0,
    batch_size=8,  # per replica: 16 on a GPU's two
    epochs=50,
    optimizer="rmsprop",
    schedule="piecewise",
    # From an epoch on, per replica: 5e-4, 2e-4, 1e-4, 5e-5, 2e-5 and 1e-5 on a GPU's two.
    lr_rates="0: 2.5e-4, 4: 1e-4, 8: 5e-5, 12: 2.5e-5, 16: 1e-5, 20: 5e-6",
    lr_max=2.5e-4,  # of other schedules
    rotation=10.0,  # degrees, to either side; borders are mirrored (published: edges repeated)
    zoom=0.1,
    shift=0.1,
    horizontal_flip=0.5,  # and never top to bottom: they are faces
    refit=False,  # there is no test to predict
    total_parameters=3_243_214,
    trainable_parameters=3_221_326,
)
PARAMETERS: dict = {}

from common.networks.classifier import SMALL
from common.recipes.classifier import ClassifierRecipe
from common.training.classifier_training import ClassifierKernel
from competitions.celebrity_faces import COMPETITION, data

KERNEL = ClassifierKernel(
    COMPETITION,
    ClassifierRecipe(**RECIPE),
    load=data.load,
    dry_run={**SMALL, "schedule": "ramp"},  # its rates are of pretrained weights
    accelerators=("gpu", "cpu"),
    hours={"gpu": 0.1},  # a rough estimate, not measured
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
