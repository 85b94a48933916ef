"""Ours: the first half of EfficientNet-Lite0 trained on, by triplets of the people of DevTrain.

Eyes and mouths are at the same places in all pictures, so that the dense layer sees each place of
the map by itself, and no mean over them. Batches are of 32 people with two pictures each. Accuracy
0.832 (0.786 to 0.869, n = 315 pairs, intervals by person) on validation, 0.870 with ``lite``; test
was not looked at. LFW's unrestricted setting, no face data from outside. 711 s on two cores with
much other work; a dry run trains a miniature, unless --set miniature=no --set image_size=96
--set weights=imagenet --set epochs=12 --set embedding=128 --set batchnorm_momentum=none.

From a clone of the repository: python submit.py faces --model triplets [--dry-run], with
--weights-source from a network that knows faces, and with --set loss=cosface --set margin=0.2
--set pictures_per_class=0 people as classes.
"""

RECIPE: dict = dict(
    backbone="EfficientNetLite0",
    weights="imagenet",
    freeze_backbone=False,
    layer="block10_depthwise_relu",  # the last one; nothing of those behind it is used
    image_size=96,
    crop_share=0.5,  # around the face
    batch_size=64,
    pictures_per_class=2,
    epochs=12,
    patience=0,
    optimizer="adamw",
    schedule="cosine",
    lr_max=1e-3,
    lr_min=1e-5,
    horizontal_flip=0.5,
    rotation=10.0,  # degrees, to either side
    zoom=0.1,
    shift=0.08,
    colour_jitter=0.6,
    loss="triplet",
    miner="batch-hard",
    margin=None,  # the soft margin
    embedding=128,
    tta=2,  # as it is, and mirrored
    total_parameters=3_834_560,
    trainable_parameters=3_770_240,
)
PARAMETERS: dict = {}

from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from common.networks.classifier import build_body
from common.recipe import by_name
from common.recipes.embedding import METRIC_LOSSES, EmbeddingRecipe
from common.recipes.image import BackboneRecipe
from common.training.verifying import VerificationKernel
from competitions.labeled_faces import COMPETITION, data

PEOPLE = 1_826  # of train


@dataclass(frozen=True)
class TripletsRecipe(EmbeddingRecipe, BackboneRecipe):
    """An EmbeddingRecipe with a backbone, up to its ``layer`` (empty: all of it)."""

    layer: str = ""

    def validate(self) -> None:
        """As EmbeddingRecipe's and BackboneRecipe's; ``softmax`` gives no vectors."""
        super().validate()
        if self.loss == "softmax":
            raise UserError("setting loss=softmax: no vectors to compare: take loss=cosface")


def build_model(weights: str | None, recipe: TripletsRecipe, classes: int) -> Any:
    """Backbone, one dense layer on its whole map, and a unit vector: a ``keras.Model``."""
    import keras
    from keras import layers

    from common.networks.embedding_layers import CosineClasses, UnitLength

    body = build_body(weights, recipe)
    x = body.output
    if recipe.layer and not recipe.miniature:
        x = by_name("layer", recipe.layer, {one.name: one.output for one in body.layers})
    x = layers.BatchNormalization(dtype="float32")(layers.Flatten()(x))
    x = layers.Dense(recipe.embedding, use_bias=False)(x)
    x = UnitLength(name="embedding")(x)
    if recipe.loss not in METRIC_LOSSES:
        x = CosineClasses(classes, name="cosines")(x)
    return keras.Model(body.input, x, name="triplets")


KERNEL = VerificationKernel(
    COMPETITION,
    TripletsRecipe(**RECIPE),
    load=data.load_people,
    pairs=data.load,
    build_model=build_model,
    dry_run={
        "miniature": True,
        "weights": None,
        "image_size": 48,
        "epochs": 4,
        "embedding": 32,
        "batchnorm_momentum": 0.8,
    },
    supervision="unrestricted",
    accelerators=("cpu", "gpu", "tpu"),
    classes=PEOPLE,
    hours={"cpu": 0.5},  # a rough estimate, not measured
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
