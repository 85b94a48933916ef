"""Small relatives of the competition's networks, for dry runs.

Each keeps the family's own building block and is small enough to learn from scratch in seconds
on a CPU, from pictures of 32 to 96 pixels, uint8 or float in 0..255. They run on TensorFlow and
JAX.
"""

from typing import Any

# What a dry run changes in a recipe of this competition.
SETTINGS = {
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
    # In five epochs a small network does not learn flowers of another size than it has seen: whole
    # pictures cost it 0.04 of macro F1.
    "evaluation": "centre",
    "pictures_per_epoch": None,
    "refit_fresh": False,
    "refit_epochs": 1,
    "cache": "memory",
}


def densenet(image_size: int, growth: int = 32, layers_a_block: tuple[int, ...] = (2, 2)) -> Any:
    """DenseNet: each layer sees all before it; a transition halves channels and pixels."""
    import keras
    from keras import layers

    def convolved(x: Any, filters: int, kernel: int) -> Any:
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
        return layers.Conv2D(filters, kernel, padding="same", use_bias=False)(x)

    inputs, x = _pictures(image_size)
    x = layers.Conv2D(2 * growth, 5, strides=2, padding="same", use_bias=False)(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for block, repeats in enumerate(layers_a_block):
        if block:
            x = layers.AveragePooling2D(2)(convolved(x, x.shape[-1] // 2, 1))
        for _ in range(repeats):
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

    def normalised(x: Any) -> Any:
        return layers.BatchNormalization()(x)

    inputs, x = _pictures(image_size)
    x = layers.Conv2D(16, 3, strides=2, use_bias=False, padding="same")(x)
    x = layers.Activation("relu")(normalised(x))
    x = layers.Conv2D(32, 3, use_bias=False, padding="same")(x)
    x = layers.Activation("relu")(normalised(x))
    for filters in (64, 128):
        shortcut = normalised(layers.Conv2D(filters, 1, strides=2, use_bias=False)(x))
        x = normalised(layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x))
        x = layers.Activation("relu")(x)
        x = normalised(layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x))
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = layers.Activation("relu")(layers.add([x, shortcut]))
    return keras.Model(inputs, x, name="xception_miniature")


def _pictures(image_size: int) -> tuple[Any, Any]:
    """The input, and its pixels in -1..1."""
    from keras import layers

    inputs = layers.Input((image_size, image_size, 3))
    return inputs, layers.Rescaling(1 / 127.5, -1.0, dtype="float32")(inputs)
