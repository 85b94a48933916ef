"""A network made ready for training, as its recipe says."""

from typing import Any

import numpy as np

from common.classifier import ClassifierRecipe
from common.losses import adjusted_crossentropy, crossentropy


def compiled(model: Any, recipe: ClassifierRecipe, labels: np.ndarray, classes: int) -> Any:
    """``model`` with its optimizer and its loss; ``labels`` ``(pictures,)`` are its training's."""
    import keras

    set_batchnorm_momentum(model, recipe.batchnorm_momentum)
    tau, smoothing = recipe.logit_adjustment, recipe.label_smoothing
    adjusted = adjusted_crossentropy(labels, classes, tau, smoothing) if tau else None
    model.compile(
        optimizer=optimizer_of(recipe),
        loss=adjusted or crossentropy(smoothing),
        weighted_metrics=["accuracy"],
        # On a CPU, TensorFlow without XLA compiles in seconds and trains faster.
        jit_compile=keras.config.backend() == "jax",
    )
    return model


def optimizer_of(recipe: ClassifierRecipe) -> Any:
    """Keras's optimizer of the recipe's name, with a moving average of the weights if it asks."""
    import keras

    chosen = type(keras.optimizers.get(recipe.optimizer))
    return chosen(use_ema=True, ema_momentum=recipe.ema) if recipe.ema else chosen()


def set_batchnorm_momentum(model: Any, momentum: float | None) -> None:
    """Of every BatchNormalization; None leaves the network's own."""
    import keras

    if momentum is not None:
        for layer in model._flatten_layers(include_self=False):
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = momentum
