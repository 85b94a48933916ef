"""A twin network: one network sees both pictures of a pair, and what it gives is compared.

Bromley et al., 1993 ("Signature Verification using a 'Siamese' Time Delay Neural Network"); Koch et
al., 2015 ("Siamese Neural Networks for One-shot Image Recognition").
"""

from typing import Any

from common.networks.classifier import build_body
from common.networks.head import add_head, parse_head

CHANNELS = ((64, 10), (128, 7), (128, 4), (256, 4))  # of each convolution, and its width
_SMALLER = 8  # times fewer channels, for a miniature


def build_twin(head: Any, weights: str | None, recipe: Any) -> Any:
    """Return a ``keras.Model`` from pairs ``(batch, 2, size, size, 3)`` in 0..255.

    Both pictures go through the backbone of a TwinRecipe, or through ``tower`` where it has none,
    and its ``head_layers``. ``head``, the last layer, sees the absolute difference of both.
    """
    import keras
    from keras import ops

    body = build_body(weights, recipe, lambda size: tower(size, recipe))
    features = add_head(body.output, parse_head(recipe.head_layers))
    branch = keras.Model(body.input, features, name="branch")
    pairs = keras.Input((2, *body.input_shape[1:]), name="pairs")
    distance = ops.absolute(branch(pairs[:, 0]) - branch(pairs[:, 1]))
    return keras.Model(pairs, head(distance), name="twin")


def tower(image_size: int, recipe: Any) -> Any:
    """Return Koch's four convolutions, with max-pooling after the first three: a ``keras.Model``.

    They see grey values from 0 to 1, unless the recipe keeps colours.
    """
    import keras
    from keras import layers

    from common.networks.embedding_layers import Grey

    inputs = keras.Input((image_size, image_size, 3), name="pictures")
    x = layers.Rescaling(1 / 255, dtype="float32")(inputs)
    x = Grey()(x) if recipe.grey else x
    for (channels, width), rate in zip(CHANNELS, (*recipe.rates, None), strict=True):
        channels //= _SMALLER if recipe.miniature else 1
        x = layers.Conv2D(channels, width, kernel_regularizer=keras.regularizers.L2(recipe.l2))(x)
        x = layers.BatchNormalization()(x) if recipe.batchnorm else x
        x = layers.Activation("relu")(x)
        x = x if rate is None else layers.MaxPooling2D()(x)
        x = layers.Dropout(rate)(x) if rate else x
    return keras.Model(inputs, x, name="tower")


def begin_as_koch(model: Any) -> None:
    """Draw a twin's weights as Koch et al. (2015) do.

    All are normal: kernels with a mean of 0 and a deviation of 0.01 (of dense layers 0.2), biases
    with a mean of 0.5 and a deviation of 0.01.
    """
    import keras

    for layer in model._flatten_layers(include_self=False):
        if hasattr(layer, "kernel"):
            wide = isinstance(layer, keras.layers.Dense)
            shapes = ((layer.kernel, 0.0, 0.2 if wide else 0.01), (layer.bias, 0.5, 0.01))
            for variable, mean, deviation in shapes:
                variable.assign(keras.random.normal(variable.shape, mean, deviation))
