"""A number a picture, and ordered grades, which are learnt as a number."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from common.errors import UserError
from common.metrics.metric import Metric
from common.tasks.task import Task


@dataclass(frozen=True)
class Number(Task):
    """Each picture has a number between two bounds. Labels are ``(rows,)`` float64.

    It is learnt as a share of the range between the bounds, by a sigmoid unit: whatever the unit of
    the number, the network begins in the middle and stays in the range. Predictions are
    ``(rows, 1)`` in the labels' own unit.
    """

    lowest: float = field()  # without the defaults of a task whose predictions are probabilities
    highest: float = field()

    name: ClassVar[str] = "number"
    units: ClassVar[int] = 1
    label_type: ClassVar[type] = np.number
    has_values: ClassVar[bool] = True
    shown_metrics: ClassVar[tuple[str, ...]] = ("rmse", "mae")
    sections: ClassVar[tuple[str, ...]] = (
        "kernels",
        "blend",
        "metrics",
        "learning",
        "exports",
        "errors",
        "settings",
    )
    ignored_settings: ClassVar[tuple[str, ...]] = (
        "loss",
        "balance",
        "logit_adjustment",
        "label_smoothing",
    )

    def __post_init__(self) -> None:
        """Raise UserError when there is nothing between the bounds."""
        if not self.lowest < self.highest:
            raise UserError(f"a number from {self.lowest} to {self.highest}: exchange the bounds")

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """Shares of the range, ``(rows, 1)`` float32."""
        share = (np.asarray(labels, np.float64) - self.lowest) / (self.highest - self.lowest)
        return share[:, None].astype(np.float32)

    def strata(self, labels: np.ndarray) -> np.ndarray:
        """Tenths of the rows in the order of their numbers."""
        labels = np.asarray(labels, np.float64)
        edges = np.quantile(labels, np.linspace(0.1, 0.9, 9)) if len(labels) else []
        return np.searchsorted(edges, labels, side="right")

    def loss(self, recipe: Any, labels: np.ndarray) -> Any:
        """Binary cross-entropy of the share: its gradient does not vanish near the bounds."""
        import keras

        return keras.losses.BinaryCrossentropy()

    def metrics(self) -> list[Any]:
        """The mean absolute error of the share, as ``mae``."""
        import keras

        return [keras.metrics.MeanAbsoluteError(name="mae")]

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Shares in the labels' own unit."""
        return np.asarray(self.lowest + outputs * (self.highest - self.lowest), np.float32)

    def values(self, predictions: np.ndarray) -> np.ndarray:
        """``(rows,)`` float64, within the bounds: a float32 of a bound may be beyond it."""
        return np.asarray(predictions[:, 0], np.float64).clip(self.lowest, self.highest)


@dataclass(frozen=True)
class Grades(Number):
    """Each picture has one of some ordered grades, 0 the lowest. Labels are ``(rows,)`` int64.

    Learnt as a number from 0 to the highest grade, so that a grade next to the right one is a small
    mistake. Grades begin at thresholds, which are found on validation.
    """

    lowest: float = field(default=0.0, init=False)
    highest: float = field(default=0.0, init=False)
    classes: tuple[str, ...] = ()

    name: ClassVar[str] = "grades"
    label_type: ClassVar[type] = np.integer
    has_class_numbers: ClassVar[bool] = True
    ignored_settings: ClassVar[tuple[str, ...]] = ("loss", "logit_adjustment", "label_smoothing")
    shown_metrics: ClassVar[tuple[str, ...]] = (
        *("quadratic_weighted_kappa", "accuracy", "balanced_accuracy", "macro_f1", "rmse", "mae"),
    )
    sections: ClassVar[tuple[str, ...]] = (
        *("metrics", "kernels", "blend", "learning", "exports"),
        *("classes", "confusions", "errors", "settings"),
    )

    def __post_init__(self) -> None:
        """The highest grade is the upper bound."""
        object.__setattr__(self, "highest", float(len(self.classes) - 1))
        super().__post_init__()

    def strata(self, labels: np.ndarray) -> np.ndarray:
        """The grade itself."""
        return Task.strata(self, labels)

    def decide(self, predictions: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
        """``(rows,)`` int64: how many of the thresholds (0.5, 1.5, …) a value reaches."""
        steps = self._halves if thresholds is None else np.asarray(thresholds)
        return np.searchsorted(steps, self.values(predictions), side="right")

    def find_thresholds(
        self, metric: Metric, labels: np.ndarray, predictions: np.ndarray
    ) -> np.ndarray | None:
        """Where the grades above the lowest begin, ``(classes - 1,)`` rising.

        A search by Nelder and Mead from the halves, which stay where nothing is better: the metric
        is flat between two values, so that a search by slopes would stop at once.
        """
        from scipy.optimize import minimize

        if metric.kind != "labels" or not len(labels):
            return None

        def loss(steps: np.ndarray) -> float:
            return -metric.sign * metric.score(labels, self.decide(predictions, np.sort(steps)))

        start = self._halves
        corners = np.vstack([start, start + 0.25 * np.eye(len(start))])
        options = {"initial_simplex": corners, "xatol": 1e-3, "fatol": 1e-6, "maxiter": 200}
        found = minimize(loss, start, method="Nelder-Mead", options=options)
        return np.sort(found.x) if found.fun < loss(start) else start

    @property
    def _halves(self) -> np.ndarray:
        return np.arange(len(self.classes) - 1) + 0.5
