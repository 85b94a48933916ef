"""Xception on 104 flowers: the ImageNet network frozen, a small head trained.

Full size, 331 x 331, 25 epochs: published accuracy 0.8357 and loss 0.6770 on validation, 0.9061 and
0.3525 on train (one run: how far it spreads is not published). The cheapest of the three, and not
in the default ensemble. ``published.py`` says how the source is read; its ramp, 1e-5 to 4e-4 to
1.56e-5, takes the place of the 5e-4 that RMSprop is made with. In the dry run a miniature is
trained whole.

    python submit.py petals --model xception [--dry-run]
    python -m competitions.petals_to_metal.xception    # here, as it stands
"""

import sys
from typing import Any

from common.networks.backbones import build_backbone
from common.recipes.classifier import ClassifierKernel, ClassifierRecipe
from common.training.classifier_training import train_classifier
from competitions.petals_to_metal import COMPETITION, data, miniatures, published

PARAMETERS: dict = {}
ACCELERATORS = ("tpu", "gpu", "cpu")
RECIPE = ClassifierRecipe(
    **published.SETTINGS,
    backbone="Xception",
    optimizer="rmsprop",
    freeze_backbone=True,
    weights="imagenet",
    total_parameters=21_974_160,
    trainable_parameters=1_107_560,
)
# Hours of a session with the refit. Rough estimates, not measured: about a third of DenseNet201's,
# whose forward pass costs as much (10.3 GMAC here), because the backbone has no backward pass.
HOURS = {"tpu": 0.15, "gpu": 1.2}
DRY_RUN = {
    **miniatures.SETTINGS,
    "freeze_backbone": False,  # there are no pretrained weights to keep
}
BEST: dict = published.BEST


def build_model(weights: str | None = "imagenet", recipe: ClassifierRecipe = RECIPE) -> Any:
    """The recipe's backbone, pooling, a hidden layer, softmax over the classes: a ``keras.Model``.

    From pictures in 0..255. ``weights`` is None, ``imagenet``, or the path of a weights file.
    """
    import keras
    from keras import layers

    if recipe.miniature:
        backbone = miniatures.xception(recipe.image_size)
    else:
        backbone = build_backbone(recipe.backbone, weights, recipe.image_size, recipe.preprocessing)
    backbone.trainable = not recipe.freeze_backbone
    # Frozen statistics too: trainable = False puts BatchNormalization in inference mode.
    x = layers.GlobalAveragePooling2D()(backbone.output)
    x = layers.BatchNormalization()(x)
    x = layers.Dense(512, activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(0.2)(x)
    classes = len(COMPETITION.classes)
    outputs = layers.Dense(classes, activation="softmax", dtype="float32")(x)
    return keras.Model(backbone.input, outputs, name="xception")


KERNEL = ClassifierKernel(
    COMPETITION,
    data.load,
    build_model,
    RECIPE,
    DRY_RUN,
    BEST,
    ACCELERATORS,
    HOURS,
)


def main() -> None:
    """Train, predict, and leave everything in the working folder."""
    train_classifier(KERNEL, PARAMETERS, sys.argv[1:])


if __name__ == "__main__":
    main()
