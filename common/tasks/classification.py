"""One of N classes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from common.tasks.task import Task


@dataclass(frozen=True)
class Classification(Task):
    """Each picture is of one class. Labels are ``(rows,)`` int64, indices of ``classes``.

    Predictions are probabilities ``(rows, classes)``.
    """

    classes: tuple[str, ...]

    name: ClassVar[str] = "classification"
    activation: ClassVar[str] = "softmax"
    loss_in_words: ClassVar[str] = "cross-entropy"
    has_class_numbers: ClassVar[bool] = True
    sections: ClassVar[tuple[str, ...]] = (
        *("metrics", "kernels", "blend", "learning", "members", "classes", "confusions", "hardest"),
        *("calibration", "settings"),
    )

    @property
    def shown_metrics(self) -> tuple[str, ...]:
        """As Task's; of two classes those of the second, too."""
        of_two = ("precision", "recall", "specificity", "f1", "average_precision")
        known = of_two if len(self.classes) == 2 else ()
        return ("accuracy", "balanced_accuracy", *known, "macro_f1", "log_loss", "roc_auc")

    def encode(self, labels: Iterable[str]) -> np.ndarray:
        """Return names of classes, one a picture, as ``(rows,)`` int64.

        Raises UserError for a name that is none of the classes.
        """
        numbers = self._class_numbers(([name] for name in labels), labels)
        return np.array(numbers, np.int64).reshape(-1)

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """One-hot ``(rows, classes)`` float32."""
        return (np.asarray(labels)[:, None] == np.arange(len(self.classes))).astype(np.float32)

    def loss(self, recipe: Any, labels: np.ndarray) -> Any:
        """The recipe's loss, smoothed or adjusted by the classes' frequencies as it says."""
        from common.networks.losses import CLASS_LOSSES, adjusted_crossentropy

        tau, smoothing = recipe.logit_adjustment, recipe.label_smoothing
        if tau:
            return adjusted_crossentropy(labels, len(self.classes), tau, smoothing)
        return CLASS_LOSSES[recipe.loss](smoothing)

    def decide(self, predictions: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
        """The most probable class, ``(rows,)`` int64."""
        return predictions.argmax(axis=1)

    def summary(self, labels: np.ndarray, predictions: np.ndarray) -> Mapping[str, float]:
        """Accuracy."""
        return {"validation_accuracy": float(np.mean(labels == self.decide(predictions)))}
