"""A network made ready for training, as its recipe says."""

from typing import Any

import numpy as np

from common.networks.embedding_losses import SOFT, contrastive_loss, triplet_loss, triplets_right
from common.networks.losses import crossentropy
from common.networks.margins import margin_loss
from common.recipes.classifier import ClassifierRecipe
from common.recipes.embedding import MARGIN_LOSSES, METRIC_LOSSES, VectorRecipe
from common.recipes.training import TrainingRecipe
from common.tasks.task import Task


def compiled(model: Any, recipe: ClassifierRecipe, labels: np.ndarray, task: Task) -> Any:
    """``model`` with its optimizer and the task's loss; ``labels`` are its training's."""
    import keras

    set_batchnorm_momentum(model, recipe.batchnorm_momentum)
    model.compile(
        optimizer=optimizer_of(recipe),
        loss=task.loss(recipe, labels),
        weighted_metrics=task.metrics(),
        # On a CPU, TensorFlow without XLA compiles in seconds and trains faster.
        jit_compile=keras.config.backend() == "jax",
    )
    return model


def compiled_embedding(model: Any, recipe: VectorRecipe) -> Any:
    """``model`` with its optimizer and its loss; ``accuracy`` is of triplets or of classes."""
    import keras

    # A head has no such layer, and its recipe no such field.
    set_batchnorm_momentum(model, getattr(recipe, "batchnorm_momentum", None))
    if recipe.loss == "triplet":
        margin = SOFT if recipe.margin is None else recipe.margin
        loss = triplet_loss(recipe.distance, recipe.miner, margin)
    elif recipe.loss == "contrastive":
        loss = contrastive_loss(recipe.distance, recipe.margin or 0.0)
    elif recipe.loss in MARGIN_LOSSES:
        loss = margin_loss(recipe.loss, recipe.scale, recipe.margin or 0.0)
    else:
        loss = crossentropy(0.0)
    right = triplets_right(recipe.distance)
    triplets = keras.metrics.MeanMetricWrapper(right, name="accuracy")
    model.compile(
        optimizer=optimizer_of(recipe),
        loss=loss,
        weighted_metrics=[triplets if recipe.loss in METRIC_LOSSES else "accuracy"],
        jit_compile=keras.config.backend() == "jax",
    )
    return model


def optimizer_of(recipe: TrainingRecipe) -> Any:
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
