"""DenseNet201 on 104 flowers, all layers trained.

Full size, 331 x 331, 25 epochs: published accuracy 0.9450 and loss 0.2462 on validation, 0.9998 and
0.0052 on train, 0.9832 and 0.0669 of the refit, public macro F1 0.92 alone (one run: how far it
spreads is not published), and with efficientnetb7 2,480 s on a TPU v3-8. ``published.py`` says how
the source is read. The dry run's miniature is another, much smaller network (about 0.95 on
generated data, in half a minute on two cores): its score says only that the path works.

    python submit.py petals --model densenet201 [--dry-run]
    python -m competitions.petals_to_metal.densenet201    # here, as it stands
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
    backbone="DenseNet201",
    optimizer="adam",
    weights="imagenet",
    total_parameters=18_521_768,
    trainable_parameters=18_292_712,
)
# Hours of a session with the refit. TPU: half of the published 2,480 s (v3-8) for this network and
# EfficientNetB7. GPU: a rough estimate, not measured: 634,000 pictures (both trainings), 9.4 GMAC
# forward each, at an assumed 50 a second on one T4 in mixed precision.
HOURS = {"tpu": 0.35, "gpu": 3.5}
DRY_RUN = miniatures.SETTINGS
BEST: dict = published.BEST


def build_model(weights: str | None = "imagenet", recipe: ClassifierRecipe = RECIPE) -> Any:
    """The recipe's backbone, average pooling, softmax over the classes: a ``keras.Model``.

    From pictures in 0..255. ``weights`` is None, ``imagenet``, or the path of a weights file.
    """
    import keras

    if recipe.miniature:
        backbone = miniatures.densenet(recipe.image_size)
    else:
        backbone = build_backbone(recipe.backbone, weights, recipe.image_size, recipe.preprocessing)
    backbone.trainable = not recipe.freeze_backbone
    x = keras.layers.GlobalAveragePooling2D()(backbone.output)
    classes = len(COMPETITION.classes)
    outputs = keras.layers.Dense(classes, activation="softmax", dtype="float32")(x)
    return keras.Model(backbone.input, outputs, name="densenet201")


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
