"""Networks made ready for training: optimizer, loss and metrics, as their recipes say."""

from typing import Any

import numpy as np

from common.recipes.classifier import ClassifierRecipe
from common.recipes.embedding import MARGIN_LOSSES, METRIC_LOSSES, VectorRecipe
from common.recipes.training import TrainingRecipe
from common.tasks.task import Task


def compile_classifier(
    model: Any, recipe: ClassifierRecipe, labels: np.ndarray, task: Task
) -> None:
    """Give ``model`` its optimizer and the task's loss; ``labels`` are its training's."""
    _compile(model, recipe, task.loss(recipe, labels), task.metrics())


def compile_embedding(model: Any, recipe: VectorRecipe) -> None:
    """Give ``model`` its optimizer and its loss; ``accuracy`` is of triplets or of classes."""
    import keras

    from common.networks.losses import triplets_right

    right = triplets_right(recipe.distance)
    triplets = keras.metrics.MeanMetricWrapper(right, name="accuracy")
    accuracy = triplets if recipe.loss in METRIC_LOSSES else "accuracy"
    _compile(model, recipe, _embedding_loss(recipe), [accuracy])


def optimizer_of(recipe: TrainingRecipe) -> Any:
    """Keras's optimizer of the recipe's name, with a moving average of the weights if it asks."""
    import keras

    chosen = type(keras.optimizers.get(recipe.optimizer))
    return chosen(use_ema=True, ema_momentum=recipe.ema) if recipe.ema else chosen()


def _embedding_loss(recipe: VectorRecipe) -> Any:
    from common.networks.losses import contrastive_loss, crossentropy, margin_loss, triplet_loss

    if recipe.loss == "triplet":
        return triplet_loss(recipe.distance, recipe.miner, recipe.margin)
    if recipe.loss == "contrastive":
        return contrastive_loss(recipe.distance, recipe.margin or 0.0)
    if recipe.loss in MARGIN_LOSSES:
        return margin_loss(recipe.loss, recipe.scale, recipe.margin or 0.0)
    return crossentropy()


def _compile(model: Any, recipe: TrainingRecipe, loss: Any, metrics: list[Any]) -> None:
    import keras

    momentum = getattr(recipe, "batchnorm_momentum", None)  # a head has no such layer
    if momentum is not None:
        for layer in model._flatten_layers(include_self=False):
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = momentum
    model.compile(
        optimizer=optimizer_of(recipe),
        loss=loss,
        weighted_metrics=metrics,
        # On a CPU, TensorFlow without XLA compiles in seconds and trains faster.
        jit_compile=keras.config.backend() == "jax",
    )
