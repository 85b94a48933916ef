"""What the competition's models share: their backbone, or a small relative of it for dry runs.

A relative has the family's own building block and learns from scratch in seconds on a CPU, from
pictures of 32 to 96 pixels, uint8 or float in 0..255. They run on TensorFlow and JAX.
"""

from collections.abc import Callable
from typing import Any

from common.networks.backbones import build_backbone

# What ``--recipe best`` changes. Cosine, eight views and the centre, which is at the scale of
# training's crops, helped a small network (docs/log.md); pretrained weights expect their own
# preprocessing; 99 batches leave pictures out. None of it is measured at full size.
BEST = {
    "schedule": "cosine",
    "tta": 8,
    "evaluation": "centre",
    "preprocessing": "backbone",
    "pictures_per_epoch": None,
}
# What a dry run changes.
SMALL = {
    "miniature": True,
    "weights": None,
    "image_size": 32,
    "crop_margin": 4,
    "batch_size": 32,
    "epochs": 5,
    "lr_start": 1e-3,
    "lr_max": 6e-3,
    "lr_min": 1e-4,
    "lr_ramp_epochs": 1,
    "lr_decay": 0.7,
    "batchnorm_momentum": 0.8,  # a few dozen steps an epoch: 0.99 would leave validation at chance
    "evaluation": "centre",  # in five epochs it does not learn flowers of another size than seen
    "pictures_per_epoch": None,
    "refit_fresh": False,
    "refit_epochs": 1,
    "cache": "memory",
}


def backbone(weights: str | None, recipe: Any, small: Callable[[int], Any]) -> Any:
    """Build the recipe's backbone, or its ``small`` relative for a miniature."""
    if recipe.miniature:
        built = small(recipe.image_size)
    else:
        built = build_backbone(recipe.backbone, weights, recipe.image_size, recipe.preprocessing)
    built.trainable = not recipe.freeze_backbone
    return built


def densenet(image_size: int, growth: int = 32) -> Any:
    """DenseNet: each layer sees all before it; a transition halves channels and pixels."""
    import keras
    from keras import layers

    def convolved(x: Any, filters: int, kernel: int) -> Any:
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
        return layers.Conv2D(filters, kernel, padding="same", use_bias=False)(x)

    inputs, x = _pictures(image_size)
    x = layers.Conv2D(2 * growth, 5, strides=2, padding="same", use_bias=False)(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for block in range(2):
        if block:
            x = layers.AveragePooling2D(2)(convolved(x, x.shape[-1] // 2, 1))
        for _ in range(2):
            new = convolved(convolved(x, 2 * growth, 1), growth, 3)
            x = layers.Concatenate()([x, new])
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    return keras.Model(inputs, x, name="densenet_miniature")


def efficientnet(image_size: int) -> Any:
    """EfficientNet: inverted bottlenecks with squeeze-and-excitation, each halving the picture.

    Tan and Le, 2019: the stem, two of its stages, one block each, and the top convolution.
    """
    import keras
    from keras import layers

    # As the paper's code begins: without it, five epochs are too few.
    initializer = keras.initializers.VarianceScaling(2.0, "fan_out")
    plain = {"padding": "same", "use_bias": False}

    def convolved(x: Any, filters: int, kernel: int = 1, strides: int = 1) -> Any:
        new = layers.Conv2D(filters, kernel, strides, kernel_initializer=initializer, **plain)
        return layers.Activation("swish")(layers.BatchNormalization()(new(x)))

    def bottleneck(x: Any, kernel: int, expansion: int, filters: int) -> Any:
        before = x.shape[-1]
        x = convolved(x, before * expansion) if expansion > 1 else x
        x = layers.DepthwiseConv2D(kernel, 2, depthwise_initializer=initializer, **plain)(x)
        x = layers.Activation("swish")(layers.BatchNormalization()(x))
        squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
        squeezed = layers.Conv2D(before // 4, 1, activation="swish")(squeezed)
        x = layers.multiply([x, layers.Conv2D(x.shape[-1], 1, activation="sigmoid")(squeezed)])
        x = layers.Conv2D(filters, 1, kernel_initializer=initializer, **plain)(x)
        return layers.BatchNormalization()(x)

    inputs, x = _pictures(image_size)
    x = convolved(x, 32, 3, 2)
    x = bottleneck(bottleneck(x, 3, 1, 24), 5, 4, 40)
    return keras.Model(inputs, convolved(x, 1280), name="efficientnet_miniature")


def xception(image_size: int) -> Any:
    """Xception's entry: two plain convolutions, then separable ones with residuals."""
    import keras
    from keras import layers

    def convolved(x: Any, layer: Any, filters: int, kernel: int, strides: int = 1) -> Any:
        new = layer(filters, kernel, strides=strides, padding="same", use_bias=False)
        return layers.BatchNormalization()(new(x))

    inputs, x = _pictures(image_size)
    x = layers.Activation("relu")(convolved(x, layers.Conv2D, 16, 3, 2))
    x = layers.Activation("relu")(convolved(x, layers.Conv2D, 32, 3))
    for filters in (64, 128):
        shortcut = convolved(x, layers.Conv2D, filters, 1, 2)
        x = layers.Activation("relu")(convolved(x, layers.SeparableConv2D, filters, 3))
        x = convolved(x, layers.SeparableConv2D, filters, 3)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = layers.Activation("relu")(layers.add([x, shortcut]))
    return keras.Model(inputs, x, name="xception_miniature")


def _pictures(image_size: int) -> tuple[Any, Any]:
    """The input, and its pixels in -1..1."""
    from keras import layers

    inputs = layers.Input((image_size, image_size, 3))
    return inputs, layers.Rescaling(1 / 127.5, -1.0, dtype="float32")(inputs)
