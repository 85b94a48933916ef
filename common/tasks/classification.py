"""One of N classes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from common.errors import UserError
from common.metrics.metric import METRICS
from common.recipe import nearest
from common.tasks.task import Task, outside_0_to_1


def check_class_numbers(labels: np.ndarray, classes: int, source: str) -> None:
    """Raise UserError for the first of ``labels`` ``(rows,)`` that is none of 0 to classes - 1."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(
            f"{source}: labels of shape {labels.shape} and type {labels.dtype}, expected a class "
            f"number for each picture"
        )
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise UserError(
            f"{source}: row {wrong[0]} has label {labels[wrong[0]]}, expected 0 to {classes - 1}"
        )


def class_numbers(classes: Sequence[str], rows: Iterable[Iterable[str]]) -> list[list[int]]:
    """Return the numbers of the classes of each row. Raises UserError for an unknown name."""
    known = {name: number for number, name in enumerate(classes)}
    numbers = []
    for row, names in enumerate(rows):
        unknown = [str(name) for name in names if name not in known]
        if unknown:
            hint = nearest(unknown[0], classes)
            raise UserError(f"row {row}: {unknown[0]!r} is none of the classes: {hint}")
        numbers.append([known[name] for name in names])
    return numbers


@dataclass(frozen=True)
class Classification(Task):
    """Each picture is of one class. Labels are ``(rows,)`` int64, indices of ``classes``.

    Predictions are probabilities ``(rows, classes)``.
    """

    classes: tuple[str, ...]

    name: ClassVar[str] = "classification"
    activation: ClassVar[str] = "softmax"
    predicted: ClassVar[str] = "probabilities from 0 to 1 whose sum is 1"
    loss_in_words: ClassVar[str] = "cross-entropy"
    sections: ClassVar[tuple[str, ...]] = (
        *("kernels", "blend", "learning", "members", "classes", "confusions", "hardest"),
        *("calibration", "settings"),
    )

    def encode(self, labels: Iterable[str]) -> np.ndarray:
        """Return names of classes, one a picture, as ``(rows,)`` int64.

        Raises UserError for a name that is none of the classes.
        """
        numbers = class_numbers(self.classes, ([name] for name in labels))
        return np.array(numbers, np.int64).reshape(-1)

    def check_labels(self, labels: np.ndarray, source: str) -> None:
        """Raise UserError when ``labels`` are not class numbers."""
        check_class_numbers(labels, len(self.classes), source)

    def strange(self, predictions: np.ndarray) -> np.ndarray:
        """Rows that are no probabilities, or do not sum to 1; half precision is near enough."""
        return outside_0_to_1(predictions) | (np.abs(predictions.sum(axis=1) - 1) > 0.01)

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """One-hot ``(rows, classes)`` float32."""
        return (np.asarray(labels)[:, None] == np.arange(len(self.classes))).astype(np.float32)

    def strata(self, labels: np.ndarray) -> np.ndarray:
        """The class itself."""
        return np.asarray(labels, np.int64)

    def loss(self, recipe: Any, labels: np.ndarray) -> Any:
        """Cross-entropy, smoothed or adjusted by the classes' frequencies as the recipe says."""
        from common.networks.losses import adjusted_crossentropy, crossentropy

        tau, smoothing = recipe.logit_adjustment, recipe.label_smoothing
        if tau:
            return adjusted_crossentropy(labels, len(self.classes), tau, smoothing)
        return crossentropy(smoothing)

    def decide(self, predictions: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
        """The most probable class, ``(rows,)`` int64."""
        return predictions.argmax(axis=1)

    def summary(self, labels: np.ndarray, predictions: np.ndarray) -> Mapping[str, float]:
        """Accuracy."""
        accuracy = METRICS["accuracy"].score(labels, self.decide(predictions))
        return {"validation_accuracy": accuracy}

    def describe(self, label: Any) -> str:
        """The class's name."""
        return self.classes[int(label)]
