"""What every task has: the one place that says what a label, a target and a prediction are."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from common.errors import UserError
from common.metrics.metric import Metric


def outside_0_to_1(predictions: np.ndarray) -> np.ndarray:
    """Return which rows are no probabilities, but for rounding: ``(rows,)`` bool."""
    return np.any((predictions < -1e-6) | (predictions > 1 + 1e-6), axis=1)


class Task(ABC):
    """What is predicted of a picture; subclasses are frozen dataclasses.

    Attributes:
        name: as metrics and submission forms name it.
        classes: the names of the classes or labels; empty for numbers and pairs.
        units: of the head.
        activation: of the head, its Keras name.
        sections: of the report, in their order.
        idle: fields of a recipe that would change nothing here.
        predicted: what a row of predictions is, in words; ``loss_in_words`` likewise.
        one, many: what a class is called, and several.
    """

    name: ClassVar[str]
    activation: ClassVar[str]
    sections: ClassVar[tuple[str, ...]]
    idle: ClassVar[tuple[str, ...]] = ()
    classes: tuple[str, ...] = ()
    predicted: ClassVar[str] = "numbers"
    loss_in_words: ClassVar[str] = "binary cross-entropy"
    one: str = "class"
    many: str = "classes"

    @property
    def units(self) -> int:
        """One for each class or label."""
        return len(self.classes)

    @abstractmethod
    def check_labels(self, labels: np.ndarray, source: str) -> None:
        """Raise UserError naming ``source`` when ``labels`` are not of this task."""

    def check_predictions(self, predictions: np.ndarray, source: str) -> None:
        """Raise UserError naming ``source`` when ``predictions`` are not ``(rows, units)``."""
        if predictions.ndim != 2 or predictions.shape[1] != self.units:
            raise UserError(
                f"{source}: predictions of shape {predictions.shape}, and the task {self.name} has "
                f"{self.units} columns"
            )
        wrong = np.flatnonzero(self.strange(predictions))
        if len(wrong):
            raise UserError(
                f"{source}: row {wrong[0]} predicts {_in_short(predictions[wrong[0]])}, and the "
                f"task {self.name} has {self.predicted}"
            )

    def strange(self, predictions: np.ndarray) -> np.ndarray:
        """Return which rows are not what is ``predicted``, ``(rows,)`` bool."""
        return np.zeros(len(predictions), bool)

    @abstractmethod
    def targets(self, labels: np.ndarray) -> np.ndarray:
        """Return what the network learns of ``labels`` ``(rows, …)``, ``(rows, units)`` float32."""

    @abstractmethod
    def strata(self, labels: np.ndarray) -> np.ndarray:
        """Return ``(rows,)`` int64: rows of one number are spread evenly over the folds."""

    def resampling_strata(self, labels: np.ndarray) -> np.ndarray:
        """Return the strata within which a bootstrap draws; numbers have none."""
        return self.strata(labels) if self.classes else np.zeros(len(labels), np.int64)

    @abstractmethod
    def loss(self, recipe: Any, labels: np.ndarray) -> Any:
        """Return the Keras loss of ``targets``; ``labels`` are those of the training pictures."""

    def metrics(self) -> list[Any]:
        """Return what Keras reports besides the loss; its name is a column of ``history.csv``."""
        return ["accuracy"]

    def output_layer(self, **options: Any) -> Any:
        """Return the head's last layer, in float32 whatever the precision of the rest."""
        import keras

        fixed = {"activation": self.activation, "dtype": "float32", **options}
        return keras.layers.Dense(self.units, **fixed)

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Return what the network's ``outputs`` ``(rows, units)`` predict, as files have it."""
        return outputs

    def decide(self, predictions: np.ndarray, thresholds: np.ndarray | None) -> np.ndarray:
        """Return labels of ``predictions`` ``(rows, units)``, as ``labels`` have them.

        ``thresholds`` are those of ``find_thresholds``; None takes the task's own.
        """
        raise UserError(f"predictions of the task {self.name} have no labels")

    def find_thresholds(
        self, metric: Metric, labels: np.ndarray, predictions: np.ndarray
    ) -> np.ndarray | None:
        """Return the thresholds with the best ``metric`` on these rows; None without any."""
        return None

    def values(self, predictions: np.ndarray) -> np.ndarray:
        """Return what metrics of ``values`` and ``probabilities`` take of ``predictions``."""
        return predictions

    def summary(self, labels: np.ndarray, predictions: np.ndarray) -> Mapping[str, float]:
        """Return further scores for ``metrics.json``, besides the competition's own."""
        return {}

    def describe(self, label: Any) -> str:
        """Return one picture's label in words."""
        return str(label)


def _in_short(row: np.ndarray) -> str:
    return ", ".join(f"{value:.4g}" for value in row[:4]) + (", …" if len(row) > 4 else "")
