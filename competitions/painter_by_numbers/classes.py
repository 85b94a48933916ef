"""Which artist? The winner's network from scratch; a pair's score is how far its classes agree.

Published (the first place of Painter by Numbers): 0.90717 AUC alone, 0.92890 for 18 such networks
(0.94218 for artists that train has, 0.82509 for others). 14 convolutions of 3 x 3 from 16 to 256
channels, PReLU, BatchNorm, dropout 0.5, a dense layer of 2048, softmax over 1,584 artists, L2
0.003; Adam 7.4e-5, batches of 96, pictures of 256 turned, zoomed, shifted, sheared and flipped.
Where its poolings stand and how long it trained are not stated; those here are ours. The published
batch and rate are what Kaggle's two T4 get together; another machine multiplies the recipe's by its
own devices, so one alone gets half of both: --set batch_size=96 --set lr_max=7.4e-5 gives it all.

From a clone of the repository: python submit.py painter --model classes [--dry-run], and with
--set networks=18 as many as the winner had.
"""

RECIPE: dict = dict(
    image_size=256,
    crop_margin=32,  # prepared at 288, then cropped
    batch_size=48,  # per replica: 96 on Kaggle's two T4
    pictures_per_class=0,  # batches of pictures as they come
    epochs=100,
    patience=20,  # epochs without a better AUC on validation
    optimizer="adam",
    schedule="plateau",  # times lr_decay after lr_patience epochs without a better AUC
    lr_max=3.7e-5,  # per replica: 7.4e-5 on the two of them
    lr_min=1e-6,
    lr_decay=0.3,
    lr_patience=6,
    rotation=180.0,  # degrees, to either side
    zoom=0.2,
    shift=0.2,
    shear=0.3,
    horizontal_flip=0.5,
    vertical_flip=0.5,
    loss="softmax",
    l2=0.003,
    tta=1,
    networks=0,  # one
    total_parameters=39_364_256,
    trainable_parameters=39_356_768,
)
PARAMETERS: dict = {}

from dataclasses import dataclass
from typing import Any

from common.recipes.embedding import NetworksRecipe
from common.recipes.training import Share
from common.training.embedding_training import EmbeddingKernel
from competitions.painter_by_numbers import ARTISTS, COMPETITION, data

# Channels of the 3 x 3 convolutions, a list between two poolings.
CHANNELS = ((16, 16), (32, 32), (64, 64, 64), (128, 128, 128), (256, 256, 256, 256))


@dataclass(frozen=True)
class ClassesRecipe(NetworksRecipe):
    """A NetworksRecipe with the weight of the L2 penalty, ``l2``."""

    l2: Share = 0.003


def build_model(weights: str | None, recipe: ClassesRecipe, classes: int) -> Any:
    """The winner's network: a ``keras.Model`` from pictures in 0..255 to probabilities.

    He initialisation and the L2 penalty are of all kernels. A miniature ends with the third pooling
    and has a dense layer of 256.
    """
    import keras
    from keras import layers

    penalty = keras.regularizers.L2(recipe.l2)
    begun: dict[str, Any] = dict(kernel_initializer="he_normal", kernel_regularizer=penalty)
    inputs = keras.Input((recipe.image_size, recipe.image_size, 3), name="pictures")
    x = layers.Rescaling(1 / 127.5, -1.0, dtype="float32")(inputs)
    for block in CHANNELS[:3] if recipe.miniature else CHANNELS:
        for channels in block:
            x = layers.Conv2D(channels, 3, padding="same", **begun)(x)
            x = layers.BatchNormalization()(layers.PReLU(shared_axes=[1, 2])(x))
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    x = layers.PReLU()(layers.Dense(256 if recipe.miniature else 2048, **begun)(x))
    x = layers.Dropout(0.5)(layers.BatchNormalization()(x))
    softmax = layers.Dense(classes, "softmax", dtype="float32", name="classes", **begun)
    return keras.Model(inputs, softmax(x), name="classes")


KERNEL = EmbeddingKernel(
    COMPETITION,
    ClassesRecipe(**RECIPE),
    load=data.load,
    build_model=build_model,
    dry_run={
        "miniature": True,
        "image_size": 64,
        "crop_margin": 8,
        "batch_size": 32,
        "epochs": 10,
        "schedule": "cosine",
        "lr_max": 2e-3,
        "lr_ramp_epochs": 1,
        "batchnorm_momentum": 0.9,
        "rotation": 15.0,
        "zoom": 0.1,
        "shift": 0.1,
        "shear": 0.1,
        "l2": 1e-4,
    },
    accelerators=("gpu", "tpu", "cpu"),
    sources=("prepare",),
    classes=ARTISTS,
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
