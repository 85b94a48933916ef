"""A small network from random weights on 14 celebrities: what pretrained weights are worth.

The publication tried several small networks, all below an accuracy of 0.50, and does not say which:
this one is ours, four convolutions with BatchNormalization. On five of the people (93 pictures to
learn from, 25 of validation) it has 12 right after three minutes on two busy cores.

From a clone of the repository: python submit.py celebrities --model cnn [--dry-run]
"""

RECIPE: dict = dict(
    backbone="",  # ``features``; any other name takes its place
    weights=None,
    head_layers="average, dropout 0.5",
    image_size=128,
    crop_margin=0,
    batch_size=8,  # per replica: 16 on a GPU's two
    epochs=45,
    optimizer="adam",
    schedule="constant",
    lr_max=1e-3,
    batchnorm_momentum=0.9,  # few steps an epoch: 0.99 would keep validation behind
    rotation=10.0,  # degrees, to either side; borders are mirrored (published: edges repeated)
    zoom=0.1,
    shift=0.1,
    horizontal_flip=0.5,  # and never top to bottom: they are faces
    refit=False,  # there is no test to predict
    total_parameters=393_454,
    trainable_parameters=392_494,
)
PARAMETERS: dict = {}

from typing import Any

from common.networks.classifier import build_classifier
from common.recipes.classifier import ClassifierRecipe
from common.training.classifier_training import ClassifierKernel
from competitions.celebrity_faces import COMPETITION, data


def features(image_size: int) -> Any:
    """Four convolutions, each with BatchNormalization, to half the size: a ``keras.Model``."""
    import keras
    from keras import layers

    inputs = keras.Input((image_size, image_size, 3), name="pictures")
    x = layers.Rescaling(1 / 127.5, -1.0, dtype="float32")(inputs)
    for channels in (32, 64, 128, 256):
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
        x = layers.MaxPooling2D(2)(x)
    return keras.Model(inputs, x, name="cnn")


def build_model(weights: str | None, recipe: ClassifierRecipe) -> Any:
    """``features``, the layers of the recipe, softmax over the people: a ``keras.Model``."""
    return build_classifier(COMPETITION.task.output_layer(), weights, recipe, features)


KERNEL = ClassifierKernel(
    COMPETITION,
    ClassifierRecipe(**RECIPE),
    load=data.load,
    build_model=build_model,
    accelerators=("gpu", "cpu"),
    hours={"gpu": 0.1},  # a rough estimate, not measured
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
