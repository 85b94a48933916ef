"""The recipes and changes that ``ablation.py`` compares, from random and from ImageNet weights."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from common.recipes.classifier import ClassifierRecipe
from competitions.petals_to_metal import CLASSES, efficientnetlite0

RANDOM = ClassifierRecipe(
    image_size=72,
    crop_margin=7,  # as 331 to 361
    batch_size=16,
    epochs=24,
    lr_start=1e-3,
    lr_max=4e-3,
    lr_min=1e-5,
    lr_ramp_epochs=5,
    lr_decay=0.82,
    weights=None,
    batchnorm_momentum=0.9,
    cache="memory",
)
PLAIN = {
    "rot90_probability": 0.0,
    "horizontal_flip": 0.0,
    "vertical_flip": 0.0,
    "transpose_probability": 0.0,
}
FROM_RANDOM: dict[str, dict[str, Any]] = {
    "base": {},
    "constant": {"schedule": "constant"},
    "constant and a quarter": {"schedule": "constant", "lr_max": 1e-3},
    "cosine": {"schedule": "cosine"},
    "step": {"schedule": "step", "lr_patience": 8, "lr_decay": 0.3},
    "plateau": {"schedule": "plateau", "lr_patience": 3, "lr_decay": 0.4},
    "no crop, turn or flip": {**PLAIN, "crop_margin": 0},
    "whole pictures": {"evaluation": "whole"},
    "colour_jitter 0.2": {"colour_jitter": 0.2},
    "mixup 0.2": {"mixup": 0.2},
    "cutmix 1": {"cutmix": 1.0},
    "mixup 0.2 and cutmix 1": {"mixup": 0.2, "cutmix": 1.0},
    "label_smoothing 0.1": {"label_smoothing": 0.1},
    "balance weights": {"balance": "weights"},
    "logit_adjustment 1": {"logit_adjustment": 1.0},
    "ema 0.99": {"ema": 0.99},
    "adamw": {"optimizer": "adamw"},
    "cosine and ema 0.99": {"schedule": "cosine", "ema": 0.99},
}
# From ImageNet weights the recipe learns for five epochs, each of which stands for five of the 25
# of the published schedule: its ramp is of one, and 0.8 to the power of 5 its decay.
IMAGENET = dataclasses.replace(
    ClassifierRecipe(**efficientnetlite0.RECIPE),
    freeze_backbone=False,
    head="dense",
    epochs=5,
    schedule="cosine",
    lr_max=1e-3,
    lr_min=1e-5,
    lr_ramp_epochs=0,
    batchnorm_momentum=0.9,
    horizontal_flip=0.5,
    trainable_parameters=0,
)
FROM_IMAGENET: dict[str, dict[str, Any]] = {
    "base": {},
    "constant": {"schedule": "constant"},
    "published ramp and decay": {
        **{"schedule": "ramp", "lr_start": 1e-5, "lr_ramp_epochs": 1, "lr_decay": 0.33}
    },
    "a third of the rate": {"lr_max": 3e-4},
    "three times the rate": {"lr_max": 3e-3},
    "batchnorm_momentum 0.99": {"batchnorm_momentum": 0.99},
    "no flip": {"horizontal_flip": 0.0},
    "flips and crops": {"crop_margin": 24},
    "colour_jitter 0.2": {"colour_jitter": 0.2},
    "mixup 0.2": {"mixup": 0.2},
    "cutmix 1": {"cutmix": 1.0},
    "label_smoothing 0.1": {"label_smoothing": 0.1},
    "ema 0.99": {"ema": 0.99},
    "logistic head first": {"head": "logistic"},
    "logistic head first and a third of the rate": {"head": "logistic", "lr_max": 3e-4},
    "twice the epochs": {"epochs": 10},
}


@dataclasses.dataclass(frozen=True)
class Study:
    """A base recipe, the changes to it, and the views of a picture at prediction."""

    base: ClassifierRecipe
    rows: Mapping[str, Mapping[str, Any]]
    views: tuple[int, ...]


def small_network(weights: str | None, recipe: ClassifierRecipe) -> Any:
    """A stem and six 3 x 3 convolutions from 32 to 128 channels; 0.3 million weights."""
    import keras
    from keras import layers

    def convolved(x: Any, filters: int, kernel: int, strides: int) -> Any:
        x = layers.Conv2D(filters, kernel, strides, padding="same", use_bias=False)(x)
        return layers.Activation("relu")(layers.BatchNormalization()(x))

    inputs = keras.Input((recipe.image_size, recipe.image_size, 3))
    x = convolved(layers.Rescaling(1 / 127.5, -1.0)(inputs), 16, 5, 2)
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    for filters, strides in ((32, 1), (64, 2), (128, 2)):
        x = convolved(convolved(x, filters, 3, strides), filters, 3, 1)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(len(CLASSES), activation="softmax")(x), name="ablation")


STUDIES = {
    "random": Study(RANDOM, FROM_RANDOM, (1, 2, 4, 8, 16)),
    "imagenet": Study(IMAGENET, FROM_IMAGENET, (1, 2)),
}
