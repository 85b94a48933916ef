"""A twin network on LFW's pairs, as published; Koch et al., 2015, give its head and its loss.

Published, on the 1,000 pairs of DevTest: accuracy 0.688 with BatchNormalization, 0.774 with a
dropout of 0.5, too; 0.645 without both. The publication validates on 15 % of the pairs, whoever is
in them, and stops by the loss of training; here nobody of validation is trained on, and its loss
decides.

From a clone of the repository: python submit.py faces --model twin [--dry-run]
"""

RECIPE: dict = dict(
    backbone="",  # ``tower`` of common/networks/twin.py; any other name takes its place
    weights=None,
    head_layers="flatten, dense 4096 sigmoid",
    grey=True,
    image_size=105,
    crop_margin=0,
    batchnorm=True,
    dropouts="",
    l2=0.001,  # of the convolutions
    batch_size=64,  # per replica: 128 on a GPU's two
    epochs=30,
    patience=10,  # epochs without a lower loss of validation
    optimizer="adam",
    schedule="constant",
    lr_max=1e-5,
    refit=False,
    total_parameters=38_954_049,
    trainable_parameters=38_952_897,
)
PARAMETERS: dict = {}

from typing import Any

from common.networks.twin import build_twin
from common.recipes.twin import TwinRecipe
from common.training.classifier_training import ClassifierKernel
from competitions.labeled_faces import COMPETITION, data


def build_model(weights: str | None, recipe: TwinRecipe) -> Any:
    """The twin, and one sigmoid unit on how far its two vectors are apart: a ``keras.Model``."""
    return build_twin(COMPETITION.task.output_layer(), weights, recipe)


KERNEL = ClassifierKernel(
    COMPETITION,
    TwinRecipe(**RECIPE),
    load=data.load,
    build_model=build_model,
    dry_run={
        "miniature": True,
        "image_size": 65,
        "head_layers": "flatten, dense 64 sigmoid",
        "batch_size": 64,
        "epochs": 3,
        "lr_max": 1e-3,
        "batchnorm_momentum": 0.8,
    },
    supervision="image-restricted",
    accelerators=("gpu", "tpu", "cpu"),
    hours={"gpu": 0.5},  # a rough estimate, not measured
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
