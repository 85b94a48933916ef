"""A kernel that embeds pictures, in seconds: ``small_embedding.py '{"seed": 1}'``."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from common.competition import Competition
from common.data.records import Records
from common.data.tfrecords import read_records
from common.forms import ProbabilityColumn
from common.parameters import Parameters
from common.recipes.embedding import EmbeddingRecipe
from common.tasks.pairs import Pairs
from common.training.embedding_training import EmbeddingKernel
from common.training.vectors import channels_of
from support import flowers
from support.carry_out import carry_out

COMPETITION = Competition(
    name="embedded",
    slug="embedded",
    title="Embedded",
    task=Pairs(),
    metric="roc_auc",
    submission=ProbabilityColumn("same", "index"),
    ensemble=(),
    files="train, val",
    folder="embedded",
)
SEEN, CLASSES = 10, 14  # of train, and of validation
PICTURES = {"train": (SEEN, 5), "val": (CLASSES, 3), "test": (CLASSES, 1)}  # classes, of each
RECIPE = EmbeddingRecipe(
    image_size=16,
    crop_margin=4,
    batch_size=16,
    pictures_per_class=2,
    epochs=6,
    schedule="constant",
    lr_max=0.01,
    horizontal_flip=0.0,
    vertical_flip=0.0,
    embedding=8,
    margin=0.2,
    batchnorm_momentum=0.8,
)


def write_data(folder: Path) -> None:
    """Noise over four patches of the class's own colours: no two pictures or crops are alike."""
    import tensorflow as tf

    generator = np.random.default_rng(0)
    patches = generator.integers(0, 80, (CLASSES, 2, 2, 3)).repeat(10, 1).repeat(10, 2)
    for part, (classes, each) in PICTURES.items():
        records = []
        for number in range(classes * each):
            label = number % classes
            picture = patches[label] + generator.integers(0, 175, (20, 20, 3))
            jpeg = tf.io.encode_jpeg(picture.astype(np.uint8)).numpy()
            known = None if part == "test" else label
            records.append(flowers.example(f"{part}{number}.jpg", known, jpeg))
        flowers.write_file(folder / part / f"00-20x20-{len(records)}.tfrec", records)


def load(image_size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    """As a competition's ``data.load``."""
    folder = COMPETITION.data_folder()
    train, validation, test = (
        read_records(folder / part, part != "test", classes)
        for part, (classes, _) in PICTURES.items()
    )
    return train, validation, test


def build_model(weights: str | None, recipe: EmbeddingRecipe, classes: int) -> Any:
    """One of each kind of state; its end is as the loss asks. SMALL_POLICY is its precision."""
    import keras
    from keras import layers

    from common.networks.embedding_layers import CosineClasses, UnitLength

    if "SMALL_POLICY" in os.environ:
        keras.config.set_dtype_policy(os.environ["SMALL_POLICY"])
    inputs = layers.Input((recipe.image_size, recipe.image_size, 3))
    # No bias before a normalisation: its gradient is rounding, which Adam makes large.
    x = layers.Rescaling(1 / 127.5, -1.0, dtype="float32")(inputs)
    x = layers.Conv2D(8, 3, strides=2, use_bias=False)(x)
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    x = layers.Dropout(0.1)(layers.Flatten()(x))
    if recipe.loss == "softmax":
        x = layers.Dense(classes, activation="softmax", dtype="float32")(x)
    else:
        x = UnitLength(name="embedding")(layers.Dense(recipe.embedding)(x))
    if "classes" in channels_of(recipe) and recipe.loss != "softmax":
        x = CosineClasses(classes)(x)
    return keras.Model(inputs, x, name="small")


KERNEL = EmbeddingKernel(
    COMPETITION,
    RECIPE,
    load=load,
    build_model=build_model,
    accelerators=("cpu",),
    classes=SEEN,
)


if __name__ == "__main__":
    carry_out(KERNEL, json.loads(sys.argv[1]))
