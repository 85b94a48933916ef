"""One network of the super-model: triplets on about 20 of the 200 artists with most paintings.

As published: ten such networks, each a kernel of its own, side by side; ``supermodel.py`` puts a
head on their vectors (no score is stated, of all or of one). Artists are dealt in turn, so that
each network has large ones and small ones. The network and its training are those of
``triplets.py``, with batches that fit 20 artists on two devices.

From a clone of the repository: python submit.py painter --model submodel [--dry-run], and with
--set parts=5 --set artists=100 fewer of them.
"""

RECIPE: dict = dict(
    parts=10,  # networks
    part=0,  # which of them this is
    artists=200,
    image_size=128,
    crop_margin=16,  # prepared at 288; resized to 144, then cropped
    batch_size=40,  # per replica: 10 artists on each of Kaggle's two T4
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
    total_parameters=2_371_136,
    trainable_parameters=2_371_136,
)
PARAMETERS: dict = {}

from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np

from common.data.records import Records
from common.errors import UserError
from common.recipes.training import Range
from common.training.embedding_training import EmbeddingKernel
from competitions.painter_by_numbers import COMPETITION, data
from competitions.painter_by_numbers.convolutions import ConvolutionsRecipe, embedding_network


@dataclass(frozen=True)
class SubmodelRecipe(ConvolutionsRecipe):
    """A ConvolutionsRecipe for some of the artists.

    Attributes:
        parts: networks, each a kernel.
        part: which of them this is, from 0.
        artists: with the most paintings, that are dealt to the parts.
    """

    parts: Annotated[int, Range(1, 100)] = 10
    part: Annotated[int, Range(0, 99)] = 0
    artists: Annotated[int, Range(2)] = 200

    def validate(self) -> None:
        """As TrainingRecipe's; a part has artists for a batch."""
        if self.part >= self.parts:
            raise UserError(f"settings parts={self.parts} part={self.part}: they count from 0")
        fewest, each = self.artists // self.parts, self.pictures_per_class
        groups = max(2, self.batch_size // max(1, each))
        if fewest < groups:
            raise UserError(
                f"settings batch_size={self.batch_size} parts={self.parts} artists={self.artists}: "
                f"a batch of {groups} artists, and a part has {fewest}: lower parts, or batch_size "
                f"to {max(2, fewest) * each}"
            )
        super().validate()


def build_model(weights: str | None, recipe: SubmodelRecipe, classes: int) -> Any:
    """The small network: a ``keras.Model`` from pictures in 0..255 to unit vectors."""
    return embedding_network(recipe, "submodel")


def choose(train: Records, recipe: SubmodelRecipe) -> Records:
    """The pictures of the part's artists, labelled from 0: part, part + parts, part + 2 parts, …

    Numbers count from the artist with the most paintings; of fewer artists than ``recipe.artists``
    all are taken. Raises UserError when fewer than two of the part have two pictures.
    """
    numbers = np.asarray(train.labels)
    mine = (numbers < recipe.artists) & (numbers % recipe.parts == recipe.part)
    found, labels, counts = np.unique(numbers[mine], return_inverse=True, return_counts=True)
    usable = int(np.count_nonzero(counts > 1))
    if usable < 2:
        known = min(recipe.artists, len(np.unique(numbers)))
        raise UserError(
            f"part {recipe.part} of {recipe.parts} has {len(found)} of {known} artists, {usable} "
            f"with two pictures or more, and needs 2: lower parts, for example --set "
            f"parts={max(1, known // 4)}"
        )
    return replace(train.take(mine), labels=labels.astype(np.int64))


KERNEL = EmbeddingKernel(
    COMPETITION,
    SubmodelRecipe(**RECIPE),
    load=data.load,
    build_model=build_model,
    dry_run={
        "miniature": True,
        "image_size": 64,
        "crop_margin": 8,
        "batch_size": 20,
        "epochs": 24,
        "schedule": "cosine",
        "lr_max": 2e-3,
        "lr_ramp_epochs": 2,
        "patience": 0,  # two artists held out say too little
        "miner": "semi-hard",  # in so few steps hard batches draw all pictures together
        "embedding": 32,
        "parts": 3,
    },
    accelerators=("gpu", "cpu"),  # a TPU's eight shares of a batch ask for more artists than 20
    sources=("prepare",),
    classes=20,
    choose=choose,
    leaves_train=True,
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
