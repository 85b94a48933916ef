"""A kernel whose network is built at once, for ``--describe``."""

from dataclasses import replace
from typing import Any

from common.recipes.classifier import ClassifierRecipe
from common.tasks.classification import Classification
from common.training.classifier_training import ClassifierKernel
from support import small_classifier

COMPETITION = replace(
    small_classifier.COMPETITION,
    task=Classification(("red", "green")),
    pictures={"train": 100, "val": 61},
)
RECIPE = ClassifierRecipe(
    image_size=24,
    crop_margin=0,
    batch_size=8,
    epochs=10,
    lr_ramp_epochs=5,
    refit_epochs=2,
    rot90_probability=0.2,
    horizontal_flip=0.5,
    vertical_flip=0.5,
    transpose_probability=0.25,
)


def load(*_: Any) -> Any:
    """Describing reads no data."""
    raise AssertionError


def build_model(weights: str | None, recipe: ClassifierRecipe) -> Any:
    """One convolution."""
    import keras
    from keras import layers

    if recipe.image_size < 12:
        raise ValueError("too small a picture\nfor this network")
    inputs = layers.Input((recipe.image_size, recipe.image_size, 3))
    x = layers.Conv2D(4, 3, trainable=not recipe.freeze_backbone)(inputs)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(x), name="small")


KERNEL = ClassifierKernel(
    COMPETITION,
    RECIPE,
    load=load,
    build_model=build_model,
    dry_run={"epochs": 2, "batch_size": 32},
    best={"schedule": "cosine", "mixup": 0.2, "tta": 4, "ema": 0.99},
    accelerators=("tpu", "cpu"),
    hours={"tpu": 3.0},
)
