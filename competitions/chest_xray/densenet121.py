"""DenseNet121 on chest X-rays: the ImageNet network frozen, dense layers on each place of its map.

Published, on 879 of all 5,856 pictures at random (641 PNEUMONIA, 238 NORMAL): accuracy 0.9704,
precision 0.9680, recall 0.9922, specificity 0.912. Batch, epochs and optimizer are those of its
repository. Its other rows, in accuracy, precision, recall and specificity:

dropout: 0.9681, 0.9623, 0.9953, 0.895
    --set "head_layers=dense 8, dropout 0.2, dense 5, dropout 0.2, flatten"
augmented: 0.9659, 0.9650, 0.9891, 0.903, but trained without it in the saved notebook
    --set horizontal_flip=0.5 --set vertical_flip=0.5 --set rotation=72

From a clone of the repository: python submit.py pneumonia --model densenet121 [--dry-run], and by
patient with --set split=grouped.
"""

RECIPE: dict = dict(
    backbone="DenseNet121",
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
    epochs=12,
    optimizer="adam",
    schedule="constant",
    lr_max=1e-3,  # Keras' own: none is published
    rotation=0.0,  # degrees, to either side
    horizontal_flip=0.0,
    vertical_flip=0.0,
    refit=False,
    total_parameters=7_046_391,
    trainable_parameters=8_887,
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
