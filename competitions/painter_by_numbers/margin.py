"""Ours: an ImageNet backbone, generalised-mean pooling, and a margin softmax over the artists.

ArcFace (Deng et al., 2019) pulls the unit vectors of one artist together, also for artists that
train has not; a pair is scored twice, by the cosine of its vectors and by how far its classes
agree, and the ensemble finds their weights on validation, held-out artists among it. At full size,
with pretrained weights, nothing is measured yet; what it does from random weights on a small real
set is in docs/log.md.

From a clone of the repository: python submit.py painter --model margin [--dry-run], and with
--set loss=cosface, --set backbone=ConvNeXtTiny or --set pooling=average another.
"""

RECIPE: dict = dict(
    backbone="EfficientNetV2S",
    weights="imagenet",
    freeze_backbone=False,
    pooling="gem",
    image_size=256,
    crop_margin=32,  # prepared at 288, then cropped
    batch_size=32,  # per replica: 256 on a TPU's eight
    pictures_per_class=0,  # batches of pictures as they come
    epochs=25,
    patience=0,
    optimizer="adamw",
    schedule="cosine",
    lr_start=1e-5,
    lr_max=1e-4,  # per replica: 8e-4 on the eight of them
    lr_min=1e-6,
    lr_ramp_epochs=2,
    horizontal_flip=0.5,
    vertical_flip=0.5,
    rotation=15.0,  # degrees, to either side
    zoom=0.1,
    shift=0.1,
    shear=0.0,
    loss="arcface",
    margin=0.3,
    scale=30.0,
    embedding=512,
    tta=2,
    networks=0,  # one
    total_parameters=21_799_777,
    trainable_parameters=21_644_881,
)
PARAMETERS: dict = {}

from dataclasses import dataclass
from typing import Any, Literal

from common.networks.classifier import build_body
from common.recipes.embedding import NetworksRecipe
from common.recipes.image import BackboneRecipe
from common.training.embedding_training import EmbeddingKernel
from competitions.painter_by_numbers import ARTISTS, COMPETITION, data


@dataclass(frozen=True)
class MarginRecipe(NetworksRecipe, BackboneRecipe):
    """A NetworksRecipe with a backbone and its ``pooling``, ``gem`` or ``average``."""

    pooling: Literal["gem", "average"] = "gem"


def build_model(weights: str | None, recipe: MarginRecipe, classes: int) -> Any:
    """Backbone, pooling, a unit vector and its cosines with the classes: a ``keras.Model``."""
    import keras
    from keras import layers

    from common.networks.embedding_layers import CosineClasses, GeM, UnitLength

    body = build_body(weights, recipe)
    mean = layers.GlobalAveragePooling2D(dtype="float32")
    pooled = (GeM() if recipe.pooling == "gem" else mean)(body.output)
    x = layers.Dense(recipe.embedding, use_bias=False)(pooled)
    x = UnitLength(name="embedding")(layers.BatchNormalization(dtype="float32")(x))
    return keras.Model(body.input, CosineClasses(classes, name="cosines")(x), name="margin")


KERNEL = EmbeddingKernel(
    COMPETITION,
    MarginRecipe(**RECIPE),
    load=data.load,
    build_model=build_model,
    dry_run={
        "miniature": True,
        "weights": None,
        "image_size": 64,
        "crop_margin": 8,
        "epochs": 10,
        "lr_start": 1e-3,
        "lr_max": 4e-3,
        "lr_min": 1e-5,
        "embedding": 64,
        "scale": 16.0,
        "margin": 0.15,
        "batchnorm_momentum": 0.9,
    },
    accelerators=("tpu", "gpu", "cpu"),
    sources=("prepare",),
    classes=ARTISTS,
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
