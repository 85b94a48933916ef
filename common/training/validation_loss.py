"""Loss and accuracy of validation where vectors are learnt, from the vectors predicted already."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.data.batches import one_hot
from common.data.samplers import ClassBatches
from common.networks.embedding_losses import triplets_right
from common.recipes.embedding import MARGIN_LOSSES, METRIC_LOSSES, VectorRecipe

_BATCHES = 20  # of classes x pictures, at most: their mean tells enough, and costs a second
_ROWS = 1024  # of a batch where classes are told: they do not depend on each other


class ValidationLoss:
    """What a training's loss is on validation, measured the same way after each epoch.

    Losses that compare pictures take batches of validation's classes, drawn once; of fewer classes
    than a batch of train holds, of all of them. Losses that tell classes take the pictures of the
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
            self._batches = _of_classes(labels, batch, recipe.pictures_per_class)
        else:
            seen = np.flatnonzero(labels < self._classes)
            self._batches = [seen[at : at + _ROWS] for at in range(0, len(seen), _ROWS)]

    def of(self, model: Any, channels: Mapping[str, np.ndarray]) -> dict[str, float]:
        """``val_loss`` and ``val_accuracy``, for ``history.csv``.

        ``model`` is the compiled network, ``channels`` what it tells of validation
        (``common.training.embedding_trainer.split_channels``).
        """
        if not self._batches:
            return {}
        outputs = _outputs(model, channels, self._recipe)
        found = np.array([self._of_batch(model, outputs, rows) for rows in self._batches])
        compared = self._recipe.loss in METRIC_LOSSES
        sizes = None if compared else [len(rows) for rows in self._batches]
        loss, accuracy = np.average(found, axis=0, weights=sizes).tolist()
        return {"val_loss": loss + _penalty(model), "val_accuracy": accuracy}

    def _of_batch(self, model: Any, outputs: np.ndarray, rows: np.ndarray) -> tuple[float, float]:
        labels, given = self._labels[rows], outputs[rows]
        if self._recipe.loss in METRIC_LOSSES:
            targets = one_hot(labels, int(labels.max()) + 1)
            right = _numpy(triplets_right(self._recipe.distance)(targets, given))
        else:
            targets = one_hot(labels, self._classes)
            right = given.argmax(axis=1) == labels
        return float(_numpy(model.loss(targets, given)).mean()), float(right.mean())


def _of_classes(labels: np.ndarray, batch: int, pictures: int) -> list[np.ndarray]:
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


def _penalty(model: Any) -> float:
    """What regularizers add to the loss of train too."""
    return float(sum(_numpy(loss) for loss in model.losses))


def _numpy(value: Any) -> np.ndarray:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(value))
