"""The figures of validation that a task has."""

from pathlib import Path

import numpy as np

from common.metrics import figures
from common.tasks.task import Task


def draw_predictions(
    folder: Path,
    task: Task,
    labels: np.ndarray,
    predictions: np.ndarray,
    thresholds: np.ndarray | None,
    confusion: str = "confusion.png",
) -> None:
    """The confusion matrix of classes as the file ``confusion``, ``errors.png`` of numbers."""
    if "confusions" in task.sections:
        predicted = task.decide(predictions, thresholds)
        figures.confusion(labels, predicted, task.classes, folder / confusion)
    if "errors" in task.sections:
        figures.errors(labels, task.values(predictions), folder / "errors.png")
