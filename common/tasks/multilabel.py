"""Several labels a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from common.errors import UserError
from common.metrics.metric import Metric
from common.tasks.task import Task

_GRID = np.linspace(0.02, 0.98, 49)


@dataclass(frozen=True)
class MultiLabel(Task):
    """Each picture has some of the labels. Labels are ``(rows, classes)`` of 0 and 1.

    Predictions are probabilities ``(rows, classes)``, each by itself. A picture has a label
    where its probability is above a threshold, which is found on validation.

    Attributes:
        classes: the names of the labels.
        at_least_one: whether each picture has a label; where none is above its threshold the most
            probable one is given.
    """

    classes: tuple[str, ...]
    at_least_one: bool = True

    name: ClassVar[str] = "multilabel"
    sections: ClassVar[tuple[str, ...]] = (
        "kernels",
        "blend",
        "metrics",
        "learning",
        "exports",
        "labels",
        "settings",
    )
    shown_metrics: ClassVar[tuple[str, ...]] = (
        *("micro_f1", "macro_f1", "samples_f1", "accuracy", "log_loss", "roc_auc"),
    )
    ignored_settings: ClassVar[tuple[str, ...]] = ("loss", "balance", "logit_adjustment")

    def encode(self, labels: Sequence[Sequence[str]]) -> np.ndarray:
        """Return names of labels, some a picture, as ``(rows, classes)`` uint8.

        Raises UserError for a name that is none of the labels.
        """
        encoded = np.zeros((len(labels), len(self.classes)), np.uint8)
        for row, numbers in enumerate(self._class_numbers(labels, labels)):
            encoded[row, numbers] = 1
        return encoded

    def check_labels(self, labels: np.ndarray, source: str) -> None:
        """Raise UserError when ``labels`` are not 0 and 1 for each picture and label."""
        labels, shape = np.asarray(labels), (len(labels), len(self.classes))
        if labels.shape != shape or not np.isin(labels, (0, 1)).all():
            raise UserError(
                f"{source}: labels of shape {labels.shape}, expected 0 or 1 in shape {shape}"
            )

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """The labels as float32."""
        return np.asarray(labels, np.float32)

    def strata(self, labels: np.ndarray) -> np.ndarray:
        """Each row's rarest label; of a row without any, a number of its own."""
        labels = np.asarray(labels, bool)
        rarity = np.where(labels, labels.sum(axis=0), len(labels) + 1)
        return np.where(labels.any(axis=1), rarity.argmin(axis=1), len(self.classes))

    def loss(self, recipe: Any, labels: np.ndarray) -> Any:
        """Binary cross-entropy, the mean over the labels."""
        import keras

        return keras.losses.BinaryCrossentropy(label_smoothing=recipe.label_smoothing)

    def metrics(self) -> list[Any]:
        """The share of labels that are right, as ``accuracy``."""
        import keras

        return [keras.metrics.BinaryAccuracy(name="accuracy")]

    def decide(self, predictions: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
        """``(rows, classes)`` uint8: 1 where a probability is above its threshold (0.5)."""
        chosen = predictions > (0.5 if thresholds is None else np.asarray(thresholds))
        if self.at_least_one:
            rows = np.flatnonzero(~chosen.any(axis=1))
            chosen[rows, predictions[rows].argmax(axis=1)] = True
        return chosen.astype(np.uint8)

    def find_thresholds(
        self, metric: Metric, labels: np.ndarray, predictions: np.ndarray
    ) -> np.ndarray | None:
        """A threshold for each label, ``(classes,)``; one for all of them but for macro F1.

        Of a grid: with few pictures of a label a finer one only fits their noise.
        """
        if metric.kind != "labels" or not len(labels):
            return None
        if metric.name == "macro_f1":
            columns = zip(labels.T, predictions.T, strict=True)
            return np.array([_best_of_one(*column) for column in columns])
        scores = [
            metric.sign * metric.score(labels, self.decide(predictions, np.array(level)))
            for level in _GRID
        ]
        return np.full(len(self.classes), _middle_of_best(np.array(scores)))

    def describe(self, label: Any) -> str:
        """The names of a picture's labels."""
        names = [self.classes[number] for number in np.flatnonzero(label)]
        return ", ".join(names) or "none"


def _best_of_one(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """The threshold of the best F1 of one label, both ``(rows,)``; 0.5 where no row has it.

    Counted for the whole grid at once: a blend asks for thresholds hundreds of times.
    """
    if not truth.any():
        return 0.5
    chosen = probabilities[:, None] > _GRID
    hits = (chosen & truth.astype(bool)[:, None]).sum(axis=0)
    return _middle_of_best(2 * hits / (chosen.sum(axis=0) + np.count_nonzero(truth)))


def _middle_of_best(scores: np.ndarray) -> float:
    """The middle of the grid's best levels: neighbours often score the same."""
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    return float(_GRID[best[len(best) // 2]])
