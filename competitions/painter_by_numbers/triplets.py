"""Triplets with hard batches: a small network from pictures to vectors, near for one artist.

As published with the super-model of ``supermodel.py`` (no score of it is stated): four
convolutions, two dense layers, the last with a ReLU too, the farthest positive and the nearest
negative of each batch, batches drawn anew every epoch, Adam, a learning rate that falls when
accuracy no longer rises, patience. What was varied there is a field each: ``kernel_size``,
``dropout``, ``dense_dropout``, ``batchnorm``, ``batches_per_epoch``. Sizes, rates and the unit
length of the vectors are ours.

From a clone of the repository: python submit.py painter --model triplets [--dry-run], and with
--set loss=contrastive --set margin=1 pairs instead of triplets.
"""

RECIPE: dict = dict(
    image_size=128,
    crop_margin=16,  # prepared at 288; resized to 144, then cropped
    batch_size=80,  # per replica: 20 artists on each of Kaggle's two T4
    pictures_per_class=4,
    epochs=100,
    patience=12,  # epochs without a better AUC on validation
    optimizer="adam",
    schedule="plateau",  # times lr_decay after lr_patience epochs without a better AUC
    lr_max=1e-3,  # per replica: 2e-3 on the two of them
    lr_min=1e-5,
    lr_decay=0.5,
    lr_patience=4,
    horizontal_flip=0.5,
    vertical_flip=0.5,
    rotation=0.0,
    zoom=0.0,
    shift=0.0,
    shear=0.0,
    kernel_size=3,
    batchnorm=False,
    dropout=0.1,
    dense_dropout=0.2,
    final_relu=True,
    batches_per_epoch=None,  # as many as show every picture
    loss="triplet",
    distance="euclidean",
    miner="batch-hard",
    margin=0.2,
    embedding=128,
    tta=1,
    networks=0,  # one
    total_parameters=2_371_136,
    trainable_parameters=2_371_136,
)
PARAMETERS: dict = {}

from dataclasses import dataclass
from typing import Any

from common.recipes.embedding import NetworksRecipe
from common.training.embedding_training import EmbeddingKernel
from competitions.painter_by_numbers import ARTISTS, COMPETITION, data
from competitions.painter_by_numbers.convolutions import ConvolutionsRecipe, embedding_network


@dataclass(frozen=True)
class TripletsRecipe(NetworksRecipe, ConvolutionsRecipe):
    """A ConvolutionsRecipe for one of several networks."""


def build_model(weights: str | None, recipe: TripletsRecipe, classes: int) -> Any:
    """The small network: a ``keras.Model`` from pictures in 0..255 to unit vectors."""
    return embedding_network(recipe, "triplets")


KERNEL = EmbeddingKernel(
    COMPETITION,
    TripletsRecipe(**RECIPE),
    load=data.load,
    build_model=build_model,
    # Hard batches draw this network's vectors together at first, with its last ReLU too, which
    # costs the others nothing; docs/log.md has all side by side.
    best=dict(miner="batch-all"),
    dry_run={
        "miniature": True,
        "image_size": 64,
        "crop_margin": 8,
        "batch_size": 48,
        "epochs": 12,
        "lr_max": 2e-3,
        "embedding": 32,
        "miner": "batch-all",
    },
    accelerators=("gpu", "tpu", "cpu"),
    sources=("prepare",),
    classes=ARTISTS,
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
