"""A kernel that trains in seconds: ``python tests/support/small_classifier.py '{"seed": 1}'``."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from common.competition import Competition
from common.data.records import Records
from common.data.tfrecords import read_records
from common.forms import LabelColumn
from common.parameters import Parameters
from common.recipes.classifier import ClassifierRecipe
from common.tasks.classification import Classification
from common.training.classifier_training import ClassifierKernel
from common.training.model import variables_of
from common.training.trainer import Trainer
from support import flowers
from support.carry_out import carry_out

CLASSES = ("red", "green", "blue")
COMPETITION = Competition(
    name="small",
    slug="small",
    title="Small",
    task=Classification(CLASSES),
    metric="macro_f1",
    submission=LabelColumn("label"),
    ensemble=(),
    files="train, val, test",
    folder="small",
)
PICTURES = {"train": 24, "val": 9, "test": 7}
RECIPE = ClassifierRecipe(
    image_size=16,
    crop_margin=4,
    batch_size=8,
    epochs=3,
    schedule="constant",
    lr_max=0.01,
    weights=None,
    refit_epochs=2,
)


def write_data(folder: Path) -> None:
    """Noise, a little brighter in the class's own colour: no two pictures or crops are alike."""
    import tensorflow as tf

    generator = np.random.default_rng(0)
    for part, count in PICTURES.items():
        records = []
        for number in range(count):
            picture = generator.integers(0, 200, (20, 20, 3), dtype=np.uint8)
            picture[..., number % 3] += 40
            label = None if part == "test" else number % 3
            jpeg = tf.io.encode_jpeg(picture).numpy()
            records.append(flowers.example(f"{part}{number}", label, jpeg))
        flowers.write_file(folder / part / f"00-20x20-{count}.tfrec", records)


def load(image_size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    """As a competition's ``data.load``."""
    folder = COMPETITION.data_folder()
    train, validation, test = (read_records(folder / p, p != "test", 3) for p in PICTURES)
    return train, validation, test


def build_model(weights: str | None, recipe: ClassifierRecipe) -> Any:
    """One of each kind of state: weights, moving averages, the seeds of dropout."""
    import keras
    from keras import layers

    inputs = layers.Input((recipe.image_size, recipe.image_size, 3))
    # No bias before a normalisation: its gradient is rounding, which Adam makes large.
    x = layers.Conv2D(8, 3, strides=2, use_bias=False)(layers.Rescaling(1 / 255)(inputs))
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x), name="small")


KERNEL = ClassifierKernel(
    COMPETITION, RECIPE, load=load, build_model=build_model, accelerators=("cpu",)
)


def digest(model: Any) -> str:
    """Of all that training changes."""
    values = b"".join(value.tobytes() for value in variables_of(model))
    return hashlib.sha256(values).hexdigest()


def print_weights() -> None:
    """Print a digest of the weights before and after each fit, for processes to be compared."""
    new_model, fit = Trainer.new_model, Trainer.fit

    def new_and_print(trainer: Trainer, *arguments: Any) -> Any:
        model = new_model(trainer, *arguments)
        print("begins", digest(model), flush=True)
        return model

    def fit_and_print(trainer: Trainer, model: Any, *arguments: Any, **options: Any) -> None:
        fit(trainer, model, *arguments, **options)
        print("weights", digest(model), flush=True)

    Trainer.new_model = new_and_print  # type: ignore[method-assign]
    Trainer.fit = fit_and_print  # type: ignore[method-assign]


if __name__ == "__main__":
    print_weights()
    for values in sys.argv[1:]:  # one run after another
        carry_out(KERNEL, json.loads(values))
