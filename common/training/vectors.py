"""Vectors of pictures out of a network, and what validation's vectors measure after each epoch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.data.batches import one_hot
from common.data.samplers import ClassBatches
from common.files.projection import Projection, project
from common.pairs.validation import in_history, validation_pairs
from common.recipes.embedding import MARGIN_LOSSES, METRIC_LOSSES, VectorRecipe
from common.training.trainer import Part, Trainer, diverged

_SHOWN = 400  # validation pictures at most whose vectors are kept while they are learnt
_EPOCH_PAIRS = 500_000  # at most, after each epoch
_BATCHES = 20  # for the loss of validation, at most: their mean tells enough, and costs a second
_ROWS = 1024  # of such a batch where classes are predicted: they do not depend on each other
_SNAPSHOT = "snapshot_"

Channels = dict[str, np.ndarray]  # name → ``(pictures, d)`` float32, as ``Vectors`` have them


def channels_of(recipe: VectorRecipe) -> tuple[str, ...]:
    """What a network with this loss gives of a picture."""
    if recipe.loss in METRIC_LOSSES:
        return ("embedding",)
    return ("classes",) if recipe.loss == "softmax" else ("embedding", "classes")


def channel_model(model: Any, recipe: VectorRecipe) -> Any:
    """From the network's input to its channels side by side, ``(batch, …)`` float32."""
    import keras

    outputs = []
    for channel in channels_of(recipe):
        if channel == "embedding":
            outputs.append(model.get_layer("embedding").output)
        elif recipe.loss in MARGIN_LOSSES:
            scaled = keras.layers.Rescaling(recipe.scale, dtype="float32")(model.output)
            outputs.append(keras.layers.Activation("softmax", dtype="float32")(scaled))
        else:
            outputs.append(model.output)
    joined = keras.layers.Concatenate(dtype="float32")(outputs) if len(outputs) > 1 else outputs[0]
    found = keras.Model(model.input, joined)
    found.compile(jit_compile=keras.config.backend() == "jax")
    return found


def split_channels(rows: np.ndarray, recipe: VectorRecipe) -> Channels:
    """The rows of ``channel_model`` by channel; an embedding is of unit length again."""
    names = channels_of(recipe)
    width = recipe.embedding if "embedding" in names else 0
    found = dict(zip(names, np.split(rows, [width][: len(names) - 1], axis=1), strict=True))
    if "embedding" in found:
        lengths = np.linalg.norm(found["embedding"], axis=1, keepdims=True)
        found["embedding"] = found["embedding"] / np.maximum(lengths, 1e-12)
    return found


class VectorMeasure:
    """What validation says of a network that gives vectors: AUC of its pairs, loss, accuracy.

    It is an Objective's ``measure``. With a moving average of the weights it is the average that
    is measured.

    Args:
        part: validation, for the trainer to predict.
        ids: ``(pictures,)`` text, of validation.
        labels: ``(pictures,)`` int64.
        seen: ``(pictures,)`` bool, whether train has the picture's class.
        recipe: how the training learns.
        classes: of train, from 0; None where its labels are not those of validation.
        batch: rows of a batch of train.
    """

    def __init__(
        self,
        part: Part,
        ids: np.ndarray,
        labels: np.ndarray,
        seen: np.ndarray,
        recipe: VectorRecipe,
        classes: int | None,
        batch: int,
    ):
        self.part, self._recipe = part, recipe
        self.ids, self.labels, self.seen = ids, labels, seen
        self._pairs = validation_pairs(ids, labels, seen, _EPOCH_PAIRS)
        self._loss = ValidationLoss(labels, recipe, classes, batch)
        order = np.argsort(labels, kind="stable")
        # Rows to show, of all classes alike.
        self.rows = np.sort(order[:: -(-len(order) // _SHOWN)]) if len(order) else order
        self._channels: tuple[Any, Any] = (None, None)

    def __call__(self, trainer: Trainer, model: Any, epoch: int) -> dict[str, float]:
        """The columns of ``history.csv``; keeps some vectors of epochs 1, 2, 4, 8, …

        Raises UserError when the vectors are not finite, or zero.
        """
        channels = self.channels(trainer, model, self.part, 1)
        first = next(iter(channels.values()))
        # NaN where there is any. The loss can be finite: of vectors all zero it is the margin.
        largest = np.maximum(first.max(axis=1), -first.min(axis=1))
        bad = int(np.count_nonzero(~(np.isfinite(largest) & (largest > 0))))
        if bad:
            said = f"{bad} of {len(first)} pictures' vectors became zero, infinite or NaN"
            raise diverged(f"the training diverged: {said}", trainer, epoch)
        if epoch & (epoch - 1) == 0:
            self._keep(trainer, epoch, first)
        auc = self._pairs.auc(self._pairs.scores(first))
        return {**self._loss.of(model, channels), **in_history(auc)}

    @staticmethod
    def judge(row: Mapping[str, Any]) -> float | None:
        """What is missing to an AUC of 1, of a row of the history."""
        return 1 - row["val_auc"] if "val_auc" in row else None

    def channels(self, trainer: Trainer, model: Any, part: Part, views: int) -> Channels:
        """What ``model`` gives of a part, the mean over ``views`` of a picture."""
        if self._channels[0] is not model:
            self._channels = (model, channel_model(model, self._recipe))
        return split_channels(trainer.predict(self._channels[1], part, views), self._recipe)

    def projection(self, trainer: Trainer, last: np.ndarray) -> Projection:
        """Some of validation in three dimensions by epoch; ``last`` are its vectors in the end."""
        self._keep(trainer, len(trainer.state.history), last)
        kept = {n: v for n, v in sorted(trainer.state.kept.items()) if n.startswith(_SNAPSHOT)}
        epochs = np.array([int(name.removeprefix(_SNAPSHOT)) for name in kept])
        points = project(np.stack(list(kept.values())))
        ids, labels, seen = (values[self.rows] for values in (self.ids, self.labels, self.seen))
        return Projection(ids, labels, seen, epochs, points)

    def _keep(self, trainer: Trainer, epoch: int, vectors: np.ndarray) -> None:
        trainer.state.kept[f"{_SNAPSHOT}{epoch:06d}"] = vectors[self.rows].astype(np.float32)


class ValidationLoss:
    """What a training's loss is on validation, measured the same way after each epoch.

    Losses that compare pictures take batches of validation's classes, drawn once; of fewer classes
    than a batch of train has, of all of them. Losses that predict classes take the pictures of the
    classes that train has. There may be none of either: then nothing is measured.

    Args:
        labels: ``(pictures,)`` of validation; those of train's classes are below ``classes``.
        recipe: how the training learns.
        classes: of train; None where its labels are not those of validation.
        batch: rows of a batch of train.
    """

    def __init__(self, labels: np.ndarray, recipe: VectorRecipe, classes: int | None, batch: int):
        self._labels, self._recipe, self._classes = labels, recipe, classes or 0
        if recipe.loss in METRIC_LOSSES:
            self.batches = _batches_of_classes(labels, batch, recipe.pictures_per_class)
        else:
            seen = np.flatnonzero(labels < self._classes)
            self.batches = [seen[at : at + _ROWS] for at in range(0, len(seen), _ROWS)]

    def of(self, model: Any, channels: Mapping[str, np.ndarray]) -> dict[str, float]:
        """``val_loss`` and ``val_accuracy``, for ``history.csv``.

        ``model`` is the compiled network, ``channels`` what it gives of validation.
        """
        if not self.batches:
            return {}
        outputs = _outputs(model, channels, self._recipe)
        found = np.array([self._of_batch(model, outputs, rows) for rows in self.batches])
        compared = self._recipe.loss in METRIC_LOSSES
        sizes = None if compared else [len(rows) for rows in self.batches]
        loss, accuracy = np.average(found, axis=0, weights=sizes).tolist()
        penalty = sum(float(_numpy(loss)) for loss in model.losses)  # train's loss has it too
        return {"val_loss": loss + penalty, "val_accuracy": accuracy}

    def _of_batch(self, model: Any, outputs: np.ndarray, rows: np.ndarray) -> tuple[float, float]:
        labels, given = self._labels[rows], outputs[rows]
        if self._recipe.loss in METRIC_LOSSES:
            targets = one_hot(labels, int(labels.max()) + 1)
            from common.networks.losses import triplets_right

            right = _numpy(triplets_right(self._recipe.distance)(targets, given))
        else:
            targets = one_hot(labels, self._classes)
            right = given.argmax(axis=1) == labels
        return float(_numpy(model.loss(targets, given)).mean()), float(right.mean())


def _batches_of_classes(labels: np.ndarray, batch: int, pictures: int) -> list[np.ndarray]:
    """Batches of P classes x K ``pictures``, always the same; none where no two can be compared."""
    _, counts = np.unique(labels, return_counts=True)
    usable = int(np.count_nonzero(counts > 1))
    if usable < 2:
        return []
    whole = ClassBatches(labels, min(usable, batch // pictures), pictures)
    return list(whole.epoch(np.random.default_rng(0))[:_BATCHES])


def _outputs(model: Any, channels: Mapping[str, np.ndarray], recipe: VectorRecipe) -> np.ndarray:
    """What ``model`` gives its loss for validation: ``(pictures, …)``."""
    if recipe.loss in MARGIN_LOSSES:  # cosines: the channel of classes is a softmax of these
        kernel = _numpy(model.layers[-1].kernel)
        return channels["embedding"] @ (kernel / np.linalg.norm(kernel, axis=0))
    return channels["embedding" if recipe.loss in METRIC_LOSSES else "classes"]


def _numpy(value: Any) -> np.ndarray:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(value))
