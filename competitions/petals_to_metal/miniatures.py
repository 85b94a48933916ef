"""Small relatives of the competition's networks, for dry runs.

Each keeps the family's own building block and is small enough to learn from scratch in seconds
on a CPU, from pictures of 32 to 96 pixels. The ``efficientnet`` package has a builder that takes
smaller settings; Keras has none in public for DenseNet and Xception.
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
    "refit_fresh": False,
    "refit_epochs": 1,
    "cache": True,
}


def densenet(image_size: int, growth: int = 32, layers_a_block: tuple[int, ...] = (2, 2)) -> Any:
    """DenseNet: each layer sees all before it; a transition halves channels and pixels."""
    import keras
    from keras import layers

    def convolved(x: Any, filters: int, kernel: int) -> Any:
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
        return layers.Conv2D(filters, kernel, padding="same", use_bias=False)(x)

    inputs = layers.Input((image_size, image_size, 3))
    x = layers.Conv2D(2 * growth, 5, strides=2, padding="same", use_bias=False)(inputs)
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
    """EfficientNet: two of its stages, each halving the picture."""
    from efficientnet.model import BlockArgs, EfficientNet
    from efficientnet.tfkeras import inject_tfkeras_modules

    def stage(kernel: int, before: int, after: int, expansion: int) -> Any:
        return BlockArgs(kernel, 1, before, after, expansion, True, [2, 2], 0.25)

    return inject_tfkeras_modules(EfficientNet)(
        1.0,
        1.0,
        image_size,
        drop_connect_rate=0.0,
        blocks_args=[stage(3, 32, 24, 1), stage(5, 24, 40, 4)],
        model_name="efficientnet_miniature",
        include_top=False,
        weights=None,
        input_shape=(image_size, image_size, 3),
    )


def xception(image_size: int) -> Any:
    """Xception's entry: two plain convolutions, then separable ones with residuals."""
    import keras
    from keras import layers

    def normalised(x: Any) -> Any:
        return layers.BatchNormalization()(x)

    inputs = layers.Input((image_size, image_size, 3))
    x = layers.Conv2D(16, 3, strides=2, use_bias=False, padding="same")(inputs)
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
