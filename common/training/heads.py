"""A head: a small network from other networks' vectors to an embedding, trained on arrays."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from common.data.samplers import ClassBatches, deal
from common.files.projection import Projection, project
from common.files.vectors import Vectors
from common.pairs.validation import ValidationPairs, in_history
from common.progress import report
from common.recipes.embedding import MARGIN_LOSSES, METRIC_LOSSES
from common.recipes.head import HeadRecipe
from common.recipes.training import check_batch
from common.training.checkpoint import build_optimizer
from common.training.compiled import compiled_embedding
from common.training.divergence import check_loss, check_told
from common.training.embedding_trainer import (
    out_of_patience,
    rows_to_show,
    split_channels,
    telling_model,
)
from common.training.outputs import HISTORY
from common.training.stacking import Stacked
from common.training.validation_loss import ValidationLoss

_EPOCH_PAIRS = 500_000


def head_network(recipe: HeadRecipe, width: int, classes: int) -> Any:
    """One dense layer, or two, with dropout: from ``(batch, width)`` to what the loss takes.

    Unit vectors ``(batch, recipe.embedding)`` for a metric loss, cosines ``(batch, classes)`` for
    a margin loss, probabilities for ``softmax``. All float32, and for inputs of length 1.
    """
    import keras
    from keras import layers

    from common.networks.embedding_layers import CosineClasses, UnitLength

    def dense(x: Any, units: int, **options: Any) -> Any:
        x = layers.Dropout(recipe.dropout, dtype="float32")(x)
        return layers.Dense(units, dtype="float32", **options)(x)

    inputs = keras.Input((width,), name="vectors")
    x = layers.Rescaling(math.sqrt(width), dtype="float32")(inputs)  # as if of variance 1
    if recipe.hidden:
        x = dense(x, recipe.hidden, activation="relu")
    x = UnitLength(name="embedding")(dense(x, recipe.embedding))
    if recipe.loss in MARGIN_LOSSES:
        x = CosineClasses(classes, name="cosines")(x)
    elif recipe.loss not in METRIC_LOSSES:
        x = layers.Dense(classes, activation="softmax", dtype="float32", name="classes")(x)
    return keras.Model(inputs, x, name="head")


class HeadTrainer:
    """One training of one head; the same seed gives the same head.

    Args:
        stacked: what it learns from, and is measured on.
        recipe: how.
        seed: of weights, dropout and batches.
        replicas: devices that share a batch of ``replicas * recipe.batch_size`` rows.

    Attributes:
        model: the head, compiled.
        history: a row an epoch, with the names of ``common.training.outputs.HISTORY``.

    Raises UserError when there are too few rows, or classes, for a batch.
    """

    def __init__(self, stacked: Stacked, recipe: HeadRecipe, seed: int = 0, replicas: int = 1):
        import keras

        check_batch(recipe.batch_size, replicas, len(stacked.train))
        self.stacked, self.recipe, self.seed, self.replicas = stacked, recipe, seed, replicas
        self.batch = recipe.batch_size * replicas
        self.classes = int(stacked.train_labels.max()) + 1
        self._sampler = self._class_batches()
        keras.utils.set_random_seed(seed)
        network = head_network(recipe, stacked.train.shape[1], self.classes)
        self.model = compiled_embedding(network, recipe)
        self._telling = telling_model(self.model, recipe)
        found = stacked.vectors
        self._pairs = ValidationPairs(
            found.validation_ids, found.validation_labels, found.validation_seen, _EPOCH_PAIRS
        )
        self._validation_loss = ValidationLoss(
            found.validation_labels, recipe, self.classes, self.batch
        )
        self._rows = rows_to_show(found.validation_labels)
        self._shown: dict[int, np.ndarray] = {}
        self._best: list[np.ndarray] = []
        self.history: list[dict[str, Any]] = []

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        if self._sampler is not None:
            return self._sampler.steps
        whole = -(-len(self.stacked.train) // self.batch)
        return min(self.recipe.batches_per_epoch or whole, whole)

    def fit(self) -> None:
        """Train; with patience the head ends as in its best epoch.

        Raises UserError when it diverges.
        """
        build_optimizer(self.model)
        self.model.fit(
            self._batches(),
            epochs=self.recipe.epochs,
            steps_per_epoch=self.steps,
            callbacks=self._callbacks(),
            shuffle=False,  # the batches are drawn already
            verbose=0,
        )
        for variable, value in zip(self.model.variables, self._best, strict=bool(self._best)):
            variable.assign(value)

    def channels(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """What the head tells of vectors ``(n, d)``, float32 (``common.files.vectors``)."""
        missing = -len(rows) % self.batch  # several devices take whole batches only
        whole = np.pad(rows, ((0, missing), (0, 0)))
        told = self._telling.predict(whole, batch_size=self.batch, verbose=0)
        return split_channels(np.asarray(told, np.float32)[: len(rows)], self.recipe)

    def vectors(self) -> Vectors:
        """What the head tells of validation and test."""
        (validation,), (test,) = (
            part.values() for part in (self.stacked.vectors.validation, self.stacked.vectors.test)
        )
        return dataclasses.replace(
            self.stacked.vectors, validation=self.channels(validation), test=self.channels(test)
        )

    def projection(self, last: np.ndarray) -> Projection:
        """Some of validation in three dimensions by epoch; ``last`` are its vectors in the end."""
        self._shown[len(self.history)] = last[self._rows]
        found = self.stacked.vectors
        told = (found.validation_ids, found.validation_labels, found.validation_seen)
        ids, labels, seen = (part[self._rows] for part in told)
        epochs = sorted(self._shown)
        points = project(np.stack([self._shown[epoch] for epoch in epochs]))
        return Projection(ids, labels, seen, np.array(epochs), points)

    @property
    def best_epoch(self) -> int:
        """From 1: that of the highest AUC with patience, else the last."""
        if not self.recipe.patience:
            return len(self.history)
        return 1 + int(np.argmax([row["val_auc"] for row in self.history]))

    def _class_batches(self) -> ClassBatches | None:
        kept = self.recipe.pictures_per_class
        if not kept:
            return None
        labels, steps = self.stacked.train_labels, self.recipe.batches_per_epoch or 0
        return ClassBatches(labels, self.batch // kept, kept, steps, self.replicas)

    def _batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows and one-hot labels of batch after batch, without end."""
        train, labels, epoch = self.stacked.train, self.stacked.train_labels, 0
        while True:
            generator = np.random.default_rng([self.seed, epoch])
            for rows in self._epoch(generator):
                targets = labels[rows][:, None] == np.arange(self.classes)
                yield train[rows], targets.astype(np.float32)
            epoch += 1

    def _epoch(self, generator: np.random.Generator) -> np.ndarray:
        if self._sampler is not None:
            return self._sampler.epoch(generator)
        return deal(np.arange(len(self.stacked.train)), self.steps, self.batch, generator)

    def _callbacks(self) -> list[Any]:
        import keras

        average = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if self.recipe.ema else []
        return [
            *average,
            keras.callbacks.LearningRateScheduler(lambda epoch, _: self._rate(epoch)),
            keras.callbacks.LambdaCallback(on_epoch_end=self._end_epoch),
        ]

    def _rate(self, epoch: int) -> float:
        losses = [1 - row["val_auc"] for row in self.history[:epoch]]
        return self.recipe.learning_rate(epoch, self.replicas, losses)

    def _end_epoch(self, epoch: int, logs: Mapping[str, float]) -> None:
        loss, rate = float(logs["loss"]), self._rate(epoch)
        check_loss(loss, "the head", epoch + 1, rate)
        facts = {"learning_rate": rate, "loss": loss, "accuracy": float(logs["accuracy"])}
        self.history.append({"stage": "training", "epoch": epoch + 1, **facts, **self._measured()})
        shown = {name: self.history[-1][name] for name in HISTORY[3:] if name in self.history[-1]}
        report("training", epoch=f"{epoch + 1}/{self.recipe.epochs}", **shown)
        scores = [row["val_auc"] for row in self.history]
        self.model.stop_training = out_of_patience(scores, self.recipe.patience)

    def _measured(self) -> dict[str, float]:
        """Loss, accuracy and AUC of validation; keeps the best weights, a view of the vectors."""
        (rows,) = self.stacked.vectors.validation.values()
        channels = self.channels(rows)
        told = next(iter(channels.values()))
        epoch = len(self.history) + 1
        check_told(told, "the head", epoch, self._rate(epoch - 1))
        found = self._pairs.auc(self._pairs.scores(told))
        if epoch & (epoch - 1) == 0:  # 1, 2, 4, 8, …
            self._shown[epoch] = told[self._rows]
        earlier = max((row["val_auc"] for row in self.history), default=-1.0)
        if self.recipe.patience and found["all"] > earlier:  # type: ignore[operator]
            self._best = [np.array(v.value, copy=True) for v in self.model.variables]
        return {**self._validation_loss.of(self.model, channels), **in_history(found)}
