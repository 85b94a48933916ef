"""Xception on 104 flowers: the ImageNet network frozen, a small head trained.

Full size, 331 x 331, 25 epochs: published validation accuracy 0.8357 (one run: how far it spreads
is not published). The cheapest of the three, and not in the default ensemble. RMSprop keeps its
published 5e-4: the ramp's rates are for networks that are trained whole, and it is one setting
away (--set schedule=ramp). In the dry run a miniature is trained whole, on the ramp.

From a clone of the repository: python submit.py petals --model xception [--dry-run]
"""

RECIPE: dict = dict(
    backbone="Xception",
    weights="imagenet",
    freeze_backbone=True,
    image_size=331,
    crop_margin=30,  # resized to 361, then cropped
    batch_size=16,  # per replica: 128 on a TPU's eight
    epochs=25,
    optimizer="rmsprop",
    schedule="constant",
    lr_max=5e-4,  # on any number of replicas
    rot90_probability=0.2,  # of each of one, two and three quarter turns
    flip_probability=0.5,  # of each of the two flips
    transpose_probability=0.25,
    colour_jitter=0.0,
    mixup=0.0,
    cutmix=0.0,
    label_smoothing=0.0,
    refit=True,  # once more on train and validation, for test
    refit_fresh=True,
    refit_epochs=None,  # as many
    tta=1,
    total_parameters=21_974_160,
    trainable_parameters=1_107_560,
)
PARAMETERS: dict = {}

from typing import Any

from common.networks.backbones import build_backbone
from common.recipes.classifier import ClassifierRecipe
from common.training.classifier_training import ClassifierKernel
from competitions.petals_to_metal import COMPETITION, data, miniatures


def build_model(weights: str | None, recipe: ClassifierRecipe) -> Any:
    """The recipe's backbone, pooling, a hidden layer, softmax: a ``keras.Model``."""
    import keras
    from keras import layers

    if recipe.miniature:
        backbone = miniatures.xception(recipe.image_size)
    else:
        backbone = build_backbone(recipe.backbone, weights, recipe.image_size)
    backbone.trainable = not recipe.freeze_backbone
    # Frozen statistics too: trainable = False puts BatchNormalization in inference mode.
    x = layers.GlobalAveragePooling2D()(backbone.output)
    x = layers.BatchNormalization()(x)
    x = layers.Dense(512, activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(0.2)(x)
    outputs = COMPETITION.task.output_layer()(x)
    return keras.Model(backbone.input, outputs, name="xception")


KERNEL = ClassifierKernel(
    COMPETITION,
    ClassifierRecipe(**RECIPE),
    load=data.load,
    build_model=build_model,
    # What helped a small network in the ablation of docs/log.md; not measured at full size. The
    # rate is the published one on eight replicas.
    best=dict(schedule="cosine", lr_max=5e-4 / 8, tta=8),
    dry_run={
        **miniatures.SETTINGS,
        "freeze_backbone": False,  # there are no pretrained weights to keep
        "schedule": "ramp",
    },
    accelerators=("tpu", "gpu", "cpu"),
    # Of a session with the refit. Rough estimates, not measured: about a third of DenseNet201's,
    # whose forward pass costs as much (10.3 GMAC here), because the backbone has no backward pass.
    hours={"tpu": 0.15, "gpu": 1.5},
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
