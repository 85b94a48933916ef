"""One of N classes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from common.metrics.counting import of_second, recall, specificity
from common.metrics.metric import Metric
from common.metrics.thresholds import best_threshold, threshold_of_recall
from common.tasks.task import Task


@dataclass(frozen=True)
class Classification(Task):
    """Each picture is of one class. Labels are ``(rows,)`` int64, indices of ``classes``.

    Predictions are probabilities ``(rows, classes)``.

    Attributes:
        threshold: of two classes, from which probability on a picture is of the second: ``half``,
            or the ``best`` by the metric, found on validation.
        recall: at least this one of the second class on validation: the highest such threshold.
    """

    classes: tuple[str, ...]
    threshold: str = "half"
    recall: float | None = None

    name: ClassVar[str] = "classification"
    activation: ClassVar[str] = "softmax"
    loss_in_words: ClassVar[str] = "cross-entropy"
    has_class_numbers: ClassVar[bool] = True
    sections: ClassVar[tuple[str, ...]] = (
        *("metrics", "kernels", "blend", "learning", "exports", "members", "threshold", "classes"),
        *("confusions", "misclassified", "hardest", "heatmaps", "calibration", "settings"),
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
        """The most probable class, ``(rows,)`` int64; of two the second from a threshold on."""
        if thresholds is None:
            return predictions.argmax(axis=1)
        return (predictions[:, 1] >= thresholds[0]).astype(np.int64)

    def find_thresholds(
        self, metric: Metric, labels: np.ndarray, predictions: np.ndarray
    ) -> np.ndarray | None:
        """The one threshold, ``(1,)``; None for ``half``, and for rows of a single class."""
        if (self.threshold == "half" and self.recall is None) or len(np.unique(labels)) < 2:
            return None
        second, probabilities = labels == 1, predictions[:, 1]
        if self.recall is not None:
            return np.array([threshold_of_recall(second, probabilities, self.recall)])

        def score(threshold: float) -> float:
            decided = self.decide(predictions, np.array([threshold]))
            return metric.sign * metric.score(labels, decided)

        return np.array([best_threshold(second, probabilities, score)])

    def summary(
        self, labels: np.ndarray, predictions: np.ndarray, thresholds: np.ndarray | None = None
    ) -> Mapping[str, float]:
        """Accuracy; at a threshold also recall and specificity, of both classes' pictures."""
        decided = self.decide(predictions, thresholds)
        found = {"validation_accuracy": float(np.mean(labels == decided))}
        if thresholds is not None:
            rows, measures = of_second(labels, decided), (recall, specificity)
            found |= {f"validation_{one.__name__}": one(*rows) for one in measures}
        return found
