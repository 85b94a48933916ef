"""EfficientNetB7 on 104 flowers, all layers trained, from noisy-student weights.

Full size, 331 x 331, 25 epochs: published accuracy 0.9504 and loss 0.2402 on validation, 0.9889 and
0.0415 on train, 0.9992 and 0.0096 of the refit, public macro F1 0.93 alone (one run: how far it
spreads is not published), and with densenet201 2,480 s on a TPU v3-8. ``published.py`` says how the
source is read. The weights are the file of the ``efficientnet`` package, in the same network of
keras.applications. The dry run's miniature is another, much smaller network (about 0.94 on
generated data, in half a minute on two cores): its score says only that the path works.

    python submit.py petals --model efficientnetb7 [--dry-run]
    python -m competitions.petals_to_metal.efficientnetb7    # here, as it stands
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
    backbone="EfficientNetB7",
    optimizer="adam",
    weights="noisy-student",
    total_parameters=64_364_024,
    trainable_parameters=64_053_304,
)
# Hours of a session with the refit. TPU: half of the published 2,480 s (v3-8) for this network and
# DenseNet201, though it is likely the larger half. GPU: a rough estimate, not measured: 634,000
# pictures (both trainings), 11.3 GMAC forward each, at an assumed 25 a second on one T4 in mixed
# precision: half of DenseNet201's, because depthwise convolutions wait for memory.
HOURS = {"tpu": 0.35, "gpu": 7.0}
DRY_RUN = miniatures.SETTINGS
BEST: dict = published.BEST


def build_model(weights: str | None = "noisy-student", recipe: ClassifierRecipe = RECIPE) -> Any:
    """The recipe's backbone, average pooling, softmax over the classes: a ``keras.Model``.

    From pictures in 0..255. ``weights`` is None, ``noisy-student``, ``imagenet``, or the path of a
    weights file.
    """
    import keras

    if recipe.miniature:
        backbone = miniatures.efficientnet(recipe.image_size)
    else:
        backbone = build_backbone(recipe.backbone, weights, recipe.image_size, recipe.preprocessing)
    backbone.trainable = not recipe.freeze_backbone
    x = keras.layers.GlobalAveragePooling2D()(backbone.output)
    classes = len(COMPETITION.classes)
    outputs = keras.layers.Dense(classes, activation="softmax", dtype="float32")(x)
    return keras.Model(backbone.input, outputs, name="efficientnetb7")


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
