"""The plain classifier: a backbone, the layers of the recipe on it, and the task's last layer."""

from collections.abc import Callable
from typing import Any

from common.networks.backbones import build_backbone
from common.networks.head import add_head, parse_head
from common.networks.unfreeze import unfreeze

# What a dry run changes in a recipe: a miniature that learns from scratch in seconds on a CPU.
SMALL: dict[str, Any] = {
    "miniature": True,
    "weights": None,
    "freeze_backbone": False,
    "head": "dense",
    "augmented_views": 0,
    "image_size": 48,
    "crop_margin": 6,
    "batch_size": 16,
    "epochs": 6,
    "lr_start": 1e-3,
    "lr_max": 4e-3,
    "lr_min": 1e-4,
    "lr_ramp_epochs": 1,
    "batchnorm_momentum": 0.8,  # few steps an epoch: 0.99 would keep validation at chance
    "refit_fresh": False,
    "refit_epochs": 1,
    "cache": "memory",
}


def miniature(image_size: int) -> Any:
    """Three convolutions that halve the picture, with BatchNormalization: for dry runs."""
    import keras
    from keras import layers

    inputs = keras.Input((image_size, image_size, 3), name="pictures")
    x = layers.Rescaling(1 / 127.5, -1.0, dtype="float32")(inputs)
    for channels in (24, 48, 96):
        x = layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
    return keras.Model(inputs, x, name="miniature")


def build_classifier(
    head: Any, weights: str | None, recipe: Any, small: Callable[[int], Any] = miniature
) -> Any:
    """A ``keras.Model``: ``build_body``, the recipe's ``head_layers``, and ``head``, the last."""
    import keras

    body = build_body(weights, recipe, small)
    x = add_head(body.output, parse_head(recipe.head_layers))
    return keras.Model(body.input, head(x), name=recipe.backbone.lower() or body.name)


def build_body(weights: str | None, recipe: Any, small: Callable[[int], Any] = miniature) -> Any:
    """The recipe's backbone from pictures ``(batch, image_size, image_size, 3)`` in 0..255.

    ``weights`` is None, a name that the backbone has, or the path of a weights file. A miniature
    recipe, and one without a backbone, gets ``small`` of its image size. Raises UserError as
    ``unfreeze``.
    """
    if recipe.miniature or not recipe.backbone:
        return small(recipe.image_size)
    body = build_backbone(recipe.backbone, weights, recipe.image_size, recipe.preprocessing)
    if recipe.freeze_backbone:
        freeze(body)
    if recipe.unfreeze:
        unfreeze(body, recipe.unfreeze)
    return body


def freeze(network: Any) -> None:
    """Keep a network as it predicts: BatchNormalization at its own statistics, nothing dropped."""
    import keras

    network.trainable = False
    for layer in network._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
