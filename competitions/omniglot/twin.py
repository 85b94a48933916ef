"""Koch's twin network on Omniglot: verification of pairs, and one-shot trials of 20 characters.

Published (Koch, Zemel and Salakhutdinov, 2015): 0.9342 of 10,000 test pairs with 150,000 training
pairs and distortions, and 0.920 of Lake's 400 one-shot trials, where people have 0.955. Rates,
momentum and L2 are printed as ranges: those below are ours, and not yet trained at this size. With
an eighth of the channels, 65 pixels and 144,000 pairs of 90 characters, on two cores: 0.538 (0.468
to 0.606) of Lake's trials; nearest pixels on the same 0.198 (docs/log.md).

From a clone of the repository: python submit.py omniglot --model twin [--dry-run]. With --recipe
best it has BatchNormalization, which learns within 32,000 pairs where the printed recipe does not.
"""

RECIPE: dict = dict(
    backbone="",  # ``tower`` of common/networks/twin.py; any other name takes its place
    weights=None,
    head_layers="flatten, dense 4096 sigmoid",
    grey=True,
    image_size=105,
    crop_margin=0,
    batchnorm=False,
    initialisation="koch",
    l2=2e-4,
    # Of distortions each has the probability 0.5.
    rotation=10.0,  # degrees, to either side
    shear=0.3,
    zoom=0.2,
    shift=0.019,  # two of 105 pixels
    warp_probability=0.5,
    batch_size=64,  # per replica: 128 on a GPU's two
    epochs=200,  # at most
    patience=20,  # epochs without a better one-shot accuracy of validation
    optimizer="sgd",
    momentum_start=0.5,
    momentum=0.9,
    momentum_epochs=20,
    lr_factors="1",
    schedule="step",  # times 0.99 after each epoch
    lr_max=1e-2,
    lr_min=0.0,
    lr_decay=0.99,
    lr_patience=1,
    cache="none",  # a drawing is in many pairs
    refit=False,
    total_parameters=38_951_745,
    trainable_parameters=38_951_745,
)
PARAMETERS: dict = {}

from typing import Any

from common.networks.twin import begin_as_koch, build_twin
from common.recipes.one_shot import OneShotRecipe
from common.training.classifier_training import ClassifierKernel
from common.training.one_shot import OneShot
from competitions.omniglot import COMPETITION, ONE_SHOT, data


def build_model(weights: str | None, recipe: OneShotRecipe) -> Any:
    """The twin, and one sigmoid unit on how far its two vectors are apart: a ``keras.Model``."""
    twin = build_twin(COMPETITION.task.output_layer(), weights, recipe)
    if recipe.initialisation == "koch":
        begin_as_koch(twin)
    return twin


NORMALISED = {"batchnorm": True, "batchnorm_momentum": 0.9, "lr_max": 5e-2}
COUNTED = {"total_parameters": 38_954_049, "trainable_parameters": 38_952_897}
KERNEL = ClassifierKernel(
    COMPETITION,
    OneShotRecipe(**RECIPE),
    load=data.load,
    build_model=build_model,
    trainer=OneShot(data.trials, ONE_SHOT),
    best={"initialisation": "keras", **NORMALISED, **COUNTED},
    dry_run={
        "miniature": True,
        "image_size": 65,
        "head_layers": "flatten, dense 256 sigmoid",
        "initialisation": "keras",
        **NORMALISED,
        "pictures_per_epoch": 4_000,  # pairs
        "epochs": 3,
    },
    accelerators=("gpu", "tpu", "cpu"),
    hours={"gpu": 8.0},  # all 200 epochs, by their multiplications; not measured
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
