"""The networks of the painter kernels: from pictures in 0..255 to vectors or classes."""

from dataclasses import dataclass
from typing import Annotated, Any

from common.recipes.embedding import MARGIN_LOSSES, EmbeddingRecipe
from common.recipes.training import Range

PUBLISHED = (32, 64, 128, 128)  # channels of the convolutions, a pooling after each
# Channels of the 3 x 3 convolutions, a list between two poolings.
WINNER = ((16, 16), (32, 32), (64, 64, 64), (128, 128, 128), (256, 256, 256, 256))


@dataclass(frozen=True)
class ConvolutionsRecipe(EmbeddingRecipe):
    """An EmbeddingRecipe with what the publication varied of its small network.

    Attributes:
        kernel_size: pixels of each convolution's side.
        batchnorm: BatchNormalization after each convolution, before its ReLU.
        dropout: after each pooling.
        dense_dropout: before the last dense layer.
        final_relu: a ReLU after the last dense layer; no number of a vector is negative then.
    """

    kernel_size: Annotated[int, Range(1, 15)] = 3
    batchnorm: bool = False
    dropout: Annotated[float, Range(0, 0.99)] = 0.1
    dense_dropout: Annotated[float, Range(0, 0.99)] = 0.2
    final_relu: bool = True


def embedding_network(recipe: ConvolutionsRecipe, name: str) -> Any:
    """Four convolutions with ReLU, each followed by max-pooling and dropout, two dense layers.

    Gives unit vectors ``(batch, recipe.embedding)``. A miniature has half of the channels.
    """
    import keras
    from keras import layers

    from common.networks.embedding_layers import UnitLength

    part = 2 if recipe.miniature else 1
    inputs = keras.Input((recipe.image_size, recipe.image_size, 3), name="pictures")
    x = layers.Rescaling(1 / 127.5, -1.0, dtype="float32")(inputs)
    for channels in PUBLISHED:
        x = layers.Conv2D(channels // part, recipe.kernel_size, padding="same")(x)
        x = layers.BatchNormalization()(x) if recipe.batchnorm else x
        x = layers.MaxPooling2D()(layers.Activation("relu")(x))
        x = layers.Dropout(recipe.dropout)(x)
    x = layers.Dense(256 // part, activation="relu")(layers.Flatten()(x))
    x = layers.Dropout(recipe.dense_dropout)(x)
    x = layers.Dense(recipe.embedding, activation="relu" if recipe.final_relu else None)(x)
    return keras.Model(inputs, UnitLength(name="embedding")(x), name=name)


def class_network(recipe: EmbeddingRecipe, classes: int, l2: float, name: str) -> Any:
    """The winner's: 14 convolutions, PReLU, BatchNorm, dropout, dense 2048, softmax.

    Gives probabilities ``(batch, classes)``. He initialisation and an L2 penalty of ``l2``,
    of all kernels. A miniature ends with the third pooling and has a dense layer of 256.
    """
    import keras
    from keras import layers

    blocks = WINNER[:3] if recipe.miniature else WINNER
    inputs = keras.Input((recipe.image_size, recipe.image_size, 3), name="pictures")
    x = layers.Rescaling(1 / 127.5, -1.0, dtype="float32")(inputs)

    def weighted(layer: Any, size: int, *arguments: Any, **options: Any) -> Any:
        return layer(
            size,
            *arguments,
            kernel_initializer="he_normal",
            kernel_regularizer=keras.regularizers.L2(l2),
            **options,
        )

    for channels in blocks:
        for size in channels:
            x = weighted(layers.Conv2D, size, 3, padding="same")(x)
            x = layers.BatchNormalization()(layers.PReLU(shared_axes=[1, 2])(x))
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    x = weighted(layers.Dense, 256 if recipe.miniature else 2048)(x)
    x = layers.Dropout(0.5)(layers.BatchNormalization()(layers.PReLU()(x)))
    ending: dict[str, Any] = {"activation": "softmax", "dtype": "float32", "name": "classes"}
    return keras.Model(inputs, weighted(layers.Dense, classes, **ending)(x), name=name)


def margin_network(weights: str | None, recipe: Any, classes: int, pooling: str, name: str) -> Any:
    """A backbone, its pooling (``gem``, else the average), a unit vector, cosines with the classes.

    Gives cosines ``(batch, classes)`` for a margin loss. A miniature has three convolutions for a
    backbone.
    """
    import keras
    from keras import layers

    from common.networks.backbones import build_backbone
    from common.networks.classifier import miniature
    from common.networks.embedding_layers import CosineClasses, GeM, UnitLength

    assert recipe.loss in MARGIN_LOSSES
    if recipe.miniature:
        backbone = miniature(recipe.image_size)
    else:
        backbone = build_backbone(recipe.backbone, weights, recipe.image_size, recipe.preprocessing)
        backbone.trainable = not recipe.freeze_backbone
    pooled = GeM() if pooling == "gem" else layers.GlobalAveragePooling2D(dtype="float32")
    x = layers.Dense(recipe.embedding, use_bias=False)(pooled(backbone.output))
    x = UnitLength(name="embedding")(layers.BatchNormalization(dtype="float32")(x))
    return keras.Model(backbone.input, CosineClasses(classes, name="cosines")(x), name=name)
