"""The small network of triplets and of the super-model: from pictures to unit vectors."""

from dataclasses import dataclass
from typing import Annotated, Any

from common.recipes.embedding import EmbeddingRecipe
from common.recipes.training import Range

CHANNELS = (32, 64, 128, 128)  # of the convolutions, a pooling after each


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
    for channels in CHANNELS:
        x = layers.Conv2D(channels // part, recipe.kernel_size, padding="same")(x)
        x = layers.BatchNormalization()(x) if recipe.batchnorm else x
        x = layers.MaxPooling2D()(layers.Activation("relu")(x))
        x = layers.Dropout(recipe.dropout)(x)
    x = layers.Dense(256 // part, activation="relu")(layers.Flatten()(x))
    x = layers.Dropout(recipe.dense_dropout)(x)
    x = layers.Dense(recipe.embedding, activation="relu" if recipe.final_relu else None)(x)
    return keras.Model(inputs, UnitLength(name="embedding")(x), name=name)
