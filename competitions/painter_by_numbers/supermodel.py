"""The super-model: the vectors of ten small networks side by side, and a head on top of them.

As published, but that no score is stated. The networks are those of ``submodel.py``; the head's
form is not stated, this one is two dense layers with dropout, trained as the networks are, on all
artists. ``metrics.json`` says too what the vectors score without it (``concatenation_score``).
Minutes on a CPU, once the networks have ended.

    python submit.py painter --model supermodel [--dry-run]
    python submit.py painter --model supermodel --set loss=cosface --set margin=0.2
"""

import sys

from common.recipes.embedding import EmbeddingKernel
from common.recipes.head import HeadKernel, HeadRecipe
from common.training.head_training import train_on_top
from competitions.painter_by_numbers import ARTISTS, COMPETITION

PARAMETERS: dict = {}
SOURCES = ("submodel",)
ACCELERATORS = ("cpu", "gpu")
RECIPE = HeadRecipe(
    batch_size=128,  # 32 artists
    pictures_per_class=4,
    epochs=100,
    schedule="plateau",
    lr_max=1e-3,
    lr_min=1e-5,
    lr_decay=0.5,
    lr_patience=4,
    patience=12,
    loss="triplet",
    miner="batch-hard",
    margin=0.2,
    embedding=128,
    hidden=512,
    dropout=0.5,
)
DRY_RUN: dict = {
    "batch_size": 48,
    "epochs": 30,
    "schedule": "cosine",
    "lr_ramp_epochs": 2,
    "patience": 0,
    "miner": "semi-hard",
    "embedding": 32,
    "hidden": 128,
    "dropout": 0.2,
}


def below() -> EmbeddingKernel:
    """The networks, to be described: beside a pushed script there are no other scripts."""
    from competitions.painter_by_numbers import submodel

    return submodel.KERNEL


KERNEL = HeadKernel(
    COMPETITION,
    below,
    RECIPE,
    DRY_RUN,
    accelerators=ACCELERATORS,
    classes=ARTISTS,
)


def main() -> None:
    """Train the head and leave everything in the working folder."""
    train_on_top(KERNEL, PARAMETERS, sys.argv[1:])


if __name__ == "__main__":
    main()
