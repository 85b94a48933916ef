"""Triplets with hard batches: a small network from pictures to vectors, near for one artist.

As published with the super-model of ``supermodel.py`` (no score of it is stated): four
convolutions, two dense layers, the last with a ReLU too, the farthest positive and the nearest
negative of each batch, batches drawn anew every epoch, Adam, a learning rate that falls when
accuracy no longer rises, patience. What was varied there is a field each: ``kernel_size``,
``dropout``, ``dense_dropout``, ``batchnorm``, ``batches_per_epoch``. Sizes, rates and the unit
length of the vectors are ours.

    python submit.py painter --model triplets [--dry-run]
    python submit.py painter --model triplets --set loss=contrastive --set margin=1
"""

import sys
from dataclasses import dataclass
from typing import Any, ClassVar

from common.recipes.embedding import EmbeddingKernel
from common.recipes.networks import NetworksRecipe
from common.recipes.training import Range
from common.training.embedding_training import train_embedding
from competitions.painter_by_numbers import ARTISTS, COMPETITION, data
from competitions.painter_by_numbers.networks import ConvolutionsRecipe, embedding_network

PARAMETERS: dict = {}
SOURCES = ("prepare",)
ACCELERATORS = ("gpu", "tpu", "cpu")


@dataclass(frozen=True)
class TripletsRecipe(NetworksRecipe, ConvolutionsRecipe):
    """A ConvolutionsRecipe for one of several networks."""

    RANGES: ClassVar[dict[str, Range]] = {**NetworksRecipe.RANGES, **ConvolutionsRecipe.RANGES}


RECIPE = TripletsRecipe(
    image_size=128,
    crop_margin=16,
    batch_size=80,  # 20 artists on each of Kaggle's two T4
    pictures_per_class=4,
    epochs=100,
    schedule="plateau",
    lr_max=1e-3,  # 2e-3 on the two of them
    lr_min=1e-5,
    lr_decay=0.5,
    lr_patience=4,
    patience=12,
    horizontal_flip=0.5,
    vertical_flip=0.5,
    loss="triplet",
    miner="batch-hard",
    margin=0.2,
    embedding=128,
    total_parameters=2_371_136,
    trainable_parameters=2_371_136,
)
DRY_RUN: dict = {
    "miniature": True,
    "image_size": 64,
    "crop_margin": 8,
    "batch_size": 48,
    "epochs": 12,
    "lr_max": 2e-3,
    "embedding": 32,
    "miner": "batch-all",
}
# Hard batches draw this network's vectors together at first, with its last ReLU too, which costs
# the others nothing; docs/log.md has all side by side.
BEST: dict = {"miner": "batch-all"}


def build_model(
    weights: str | None = None, recipe: TripletsRecipe = RECIPE, classes: int = ARTISTS
) -> Any:
    """The small network: a ``keras.Model`` from pictures in 0..255 to unit vectors."""
    return embedding_network(recipe, "triplets")


KERNEL = EmbeddingKernel(
    COMPETITION,
    data.load,
    build_model,
    RECIPE,
    DRY_RUN,
    BEST,
    accelerators=ACCELERATORS,
    classes=ARTISTS,
)


def main() -> None:
    """Train, embed every picture, and leave everything in the working folder."""
    train_embedding(KERNEL, PARAMETERS, sys.argv[1:])


if __name__ == "__main__":
    main()
