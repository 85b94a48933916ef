"""What the competition's models share: two sets of settings, and two relatives for dry runs.

A relative has its family's building block and learns from scratch in seconds on a CPU, from
pictures of 32 to 96 pixels, uint8 or float in 0..255. They run on TensorFlow and JAX.
"""

from typing import Any

from common.networks import classifier

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
    **classifier.SMALL,
    "image_size": 32,
    "crop_margin": 4,
    "batch_size": 32,
    "epochs": 5,
    "lr_max": 6e-3,
    "lr_decay": 0.7,
    "evaluation": "centre",  # in five epochs it does not learn flowers of another size than seen
    "pictures_per_epoch": None,
}


def densenet(image_size: int) -> Any:
    """DenseNet: each layer sees all before it; a transition halves channels and pixels."""
    import keras
    from keras import layers

    def convolved(x: Any, channels: int, kernel: int) -> Any:
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
        return layers.Conv2D(channels, kernel, padding="same", use_bias=False)(x)

    inputs, x = _pictures(image_size)
    x = layers.Conv2D(64, 5, 2, padding="same", use_bias=False)(x)
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    for block in range(2):
        if block:
            x = layers.AveragePooling2D(2)(convolved(x, x.shape[-1] // 2, 1))
        for _ in range(2):
            x = layers.Concatenate()([x, convolved(convolved(x, 64, 1), 32, 3)])
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    return keras.Model(inputs, x, name="densenet_miniature")


def efficientnet(image_size: int) -> Any:
    """EfficientNet (Tan and Le, 2019): inverted bottlenecks with squeeze-and-excitation."""
    import keras
    from keras import layers

    # As the paper's code begins: without it, five epochs are too few.
    begun = keras.initializers.VarianceScaling(2.0, "fan_out")
    plain = {"padding": "same", "use_bias": False}

    def convolved(x: Any, channels: int, kernel: int = 1, strides: int = 1) -> Any:
        new = layers.Conv2D(channels, kernel, strides, kernel_initializer=begun, **plain)
        return layers.Activation("swish")(layers.BatchNormalization()(new(x)))

    inputs, x = _pictures(image_size)
    x = convolved(x, 32, 3, 2)
    for kernel, expansion, channels in ((3, 1, 24), (5, 4, 40)):
        before = x.shape[-1]
        x = convolved(x, expansion * before) if expansion > 1 else x
        x = layers.DepthwiseConv2D(kernel, 2, depthwise_initializer=begun, **plain)(x)
        x = layers.Activation("swish")(layers.BatchNormalization()(x))
        squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
        squeezed = layers.Conv2D(before // 4, 1, activation="swish")(squeezed)
        x = layers.multiply([x, layers.Conv2D(x.shape[-1], 1, activation="sigmoid")(squeezed)])
        x = layers.Conv2D(channels, 1, kernel_initializer=begun, **plain)(x)
        x = layers.BatchNormalization()(x)
    return keras.Model(inputs, convolved(x, 1280), name="efficientnet_miniature")


def _pictures(image_size: int) -> tuple[Any, Any]:
    """The input, and its pixels in -1..1."""
    from keras import layers

    inputs = layers.Input((image_size, image_size, 3))
    return inputs, layers.Rescaling(1 / 127.5, -1.0, dtype="float32")(inputs)
