"""The super-model: the vectors of ten small networks side by side, and a head on top of them.

As published, but that no score is stated. The networks are those of ``submodel.py``; the head's
form is not stated, this one is two dense layers with dropout, trained as the networks are, on all
artists. ``metrics.json`` says too what the vectors score without it (``concatenation_score``).
Minutes on a CPU, once the networks have ended.

From a clone of the repository: python submit.py painter --model supermodel [--dry-run], and with
--set loss=cosface --set margin=0.2 a margin of classes instead of triplets.
"""

RECIPE: dict = dict(
    batch_size=128,  # 32 artists
    pictures_per_class=4,
    epochs=100,
    patience=12,  # epochs without a better AUC on validation
    optimizer="adam",
    schedule="plateau",  # times lr_decay after lr_patience epochs without a better AUC
    lr_max=1e-3,
    lr_min=1e-5,
    lr_decay=0.5,
    lr_patience=4,
    loss="triplet",
    distance="euclidean",
    miner="batch-hard",
    margin=0.2,
    embedding=128,
    hidden=512,
    dropout=0.5,
)
PARAMETERS: dict = {}

from common.recipes.embedding import HeadRecipe
from common.training.embedding_training import EmbeddingKernel
from common.training.head_training import HeadKernel
from competitions.painter_by_numbers import ARTISTS, COMPETITION


def below() -> EmbeddingKernel:
    """Return the networks, to be described: next to a pushed script there are no other scripts."""
    from competitions.painter_by_numbers import submodel

    return submodel.KERNEL


KERNEL = HeadKernel(
    COMPETITION,
    HeadRecipe(**RECIPE),
    below=below,
    dry_run={
        "batch_size": 48,
        "epochs": 30,
        "schedule": "cosine",
        "lr_ramp_epochs": 2,
        "patience": 0,
        "miner": "semi-hard",
        "embedding": 32,
        "hidden": 128,
        "dropout": 0.2,
    },
    accelerators=("cpu", "gpu"),
    sources=("submodel",),
    classes=ARTISTS,
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
