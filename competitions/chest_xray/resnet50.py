"""ResNet50 on chest X-rays: the ImageNet network frozen, dense layers on each place of its map.

Published, on 879 of all 5,856 pictures at random (641 PNEUMONIA, 238 NORMAL): accuracy 0.9295,
specificity 0.908. Batch, epochs and optimizer are those of its repository. Trained on for six more
epochs with flips and rotation: accuracy 0.9317, precision 0.968, recall 0.938, specificity 0.916.
That is a run with --publish, and one that begins with its weights:

    --weights-source OWNER/pneumonia-weights
    --set horizontal_flip=0.5 --set vertical_flip=0.5 --set rotation=72

From a clone of the repository: python submit.py pneumonia --model resnet50 [--dry-run], and by
patient with --set split=grouped.
"""

RECIPE: dict = dict(
    backbone="ResNet50",
    weights="imagenet",
    freeze_backbone=True,
    unfreeze="",
    head_layers="dense 8, dense 5, flatten",  # dense: at each position
    preprocessing="1/255",  # of pixels, whatever the pretrained weights expect
    image_size=255,
    crop_margin=0,
    fit="squash",
    split="random",  # as published: all pictures 70/15/15, patients on both sides
    balance="none",
    batch_size=32,  # per replica: 64 on a GPU's two
    epochs=6,
    optimizer="adam",
    schedule="constant",
    lr_max=1e-3,  # Keras' own: none is published
    rotation=0.0,  # degrees, to either side
    horizontal_flip=0.0,
    vertical_flip=0.0,
    refit=False,
    total_parameters=23_604_791,
    trainable_parameters=17_079,
)
PARAMETERS: dict = {}

from common.recipes.classifier import ClassifierRecipe
from common.training.classifier_training import ClassifierKernel
from competitions.chest_xray import COMPETITION, data

KERNEL = ClassifierKernel(
    COMPETITION,
    ClassifierRecipe(**RECIPE),
    load=data.load,
    accelerators=("gpu", "cpu"),
    hours={"gpu": 0.1, "cpu": 0.5},  # rough estimates, not measured
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
