"""The forms of a submission: which columns it has, what is in them, and what may not be.

A form is of the ``kind`` of its metric (``labels``, ``probabilities``, a ``ranking`` or ``values``)
and of some tasks. Its cells are text or numbers, one column after the id or several.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from common.metrics.metric import Metric, best_first
from common.tasks.task import Task

Column = Sequence[Any] | np.ndarray


@dataclass(frozen=True)
class Form(ABC):
    """A submission's columns; subclasses say what is in them.

    Attributes:
        target_column: the header of the column after the id.
        id_column: the header of the ids.
    """

    target_column: str = ""
    id_column: str = "id"

    kind: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]]
    noun: ClassVar[str] = "a probability"

    def columns(self, task: Task) -> tuple[str, ...]:
        """Return the header after the id."""
        return (self.target_column,)

    def fault(self, task: Task, metric: Metric) -> str:
        """Return in words what does not fit a task and a metric; empty if nothing."""
        columns = self.columns(task)
        if not all(columns) or len({self.id_column, *columns}) <= len(columns):
            return f"submission has the columns {', '.join((self.id_column, *columns))}: name each"
        return ""

    @abstractmethod
    def cells(self, task: Task, predicted: np.ndarray) -> list[Column]:
        """Return a column of cells for each of ``columns``; ``predicted`` is of its ``kind``."""

    def bounds(self, task: Task) -> tuple[float, float]:
        """Return the lowest and the highest number that a cell can be."""
        return 0.0, 1.0

    def bad(self, task: Task, cells: Any) -> tuple[Any, str]:
        """Return which of a column's ``cells`` cannot be, and what they are not.

        ``cells`` is a pandas series of text. The first is a series of bool, the second is for a
        message: "… rows have WHAT". By default a cell is a number within the ``bounds``.
        """
        import pandas as pd

        numbers, (low, high) = pd.to_numeric(cells, errors="coerce"), self.bounds(task)
        fits = np.isfinite(numbers) & (numbers >= low) & (numbers <= high)
        return ~fits, f"{self.noun} that is not a finite number from {low:g} to {high:g}"


@dataclass(frozen=True)
class LabelColumn(Form):
    """The label of each picture: its index, or its class's name with ``text``."""

    text: bool = False

    kind: ClassVar[str] = "labels"
    tasks: ClassVar[tuple[str, ...]] = ("classification", "grades")

    def cells(self, task: Task, predicted: np.ndarray) -> list[Column]:
        """Names or indices."""
        labels = np.asarray(predicted).tolist()
        return [[task.classes[label] if self.text else label for label in labels]]

    def bad(self, task: Task, cells: Any) -> tuple[Any, str]:
        """What is no class."""
        if self.text:
            known = ", ".join(task.classes[:4]) + (", …" if len(task.classes) > 4 else "")
            return ~cells.isin(task.classes), f"a label that is not {known}"
        numbers = [str(number) for number in range(len(task.classes))]
        return ~cells.isin(numbers), f"a label that is not an integer from 0 to {numbers[-1]}"


@dataclass(frozen=True)
class ProbabilityColumn(Form):
    """The probability of one class of two; or that both pictures of a pair match."""

    positive: int = 1

    kind: ClassVar[str] = "probabilities"
    tasks: ClassVar[tuple[str, ...]] = ("classification", "pairs")

    def fault(self, task: Task, metric: Metric) -> str:
        """Whether there are two classes, and ``positive`` is one; of pairs, that they match."""
        if task.name == "classification" and task.units != 2:
            return f"submission is one probability, and there are {task.units} classes"
        possible = (1,) if task.name == "pairs" else (0, 1)
        if self.positive not in possible:
            known = " or ".join(map(str, possible))
            return f"submission is the probability of class {self.positive}: name {known}"
        return super().fault(task, metric)

    def cells(self, task: Task, predicted: np.ndarray) -> list[Column]:
        """The probability of the class ``positive``."""
        return [predicted if predicted.ndim == 1 else predicted[:, self.positive]]


@dataclass(frozen=True)
class ProbabilityColumns(Form):
    """One probability column a class; the file has them in the sample's order.

    Attributes:
        names: their headers in the order of the classes; none takes the classes' own names.
    """

    names: tuple[str, ...] = ()

    kind: ClassVar[str] = "probabilities"
    tasks: ClassVar[tuple[str, ...]] = ("classification", "multilabel")

    def columns(self, task: Task) -> tuple[str, ...]:
        """A header for each class."""
        return self.names or task.classes

    def fault(self, task: Task, metric: Metric) -> str:
        """Whether there are as many names as classes."""
        if self.target_column:
            return (
                f"submission has a column a class, none called {self.target_column}: for the ids' "
                f"write id_column={self.target_column!r}"
            )
        if self.names and len(self.names) != task.units:
            return f"submission names {len(self.names)} columns, and there are {task.units} classes"
        return super().fault(task, metric)

    def cells(self, task: Task, predicted: np.ndarray) -> list[Column]:
        """The probabilities, a column a class."""
        return list(predicted.T)


@dataclass(frozen=True)
class NumberColumn(Form):
    """A number of each picture."""

    noun: ClassVar[str] = "a value"
    kind: ClassVar[str] = "values"
    tasks: ClassVar[tuple[str, ...]] = ("number", "grades")

    def cells(self, task: Task, predicted: np.ndarray) -> list[Column]:
        """The numbers."""
        return [predicted]

    def bounds(self, task: Task) -> tuple[float, float]:
        """Return the task's own."""
        return task.lowest, task.highest  # type: ignore[attr-defined]


@dataclass(frozen=True)
class LabelList(Form):
    """Several labels in one column, by the thresholds that validation found.

    Attributes:
        separator: between two labels.
        none: what is written where there is no label.
    """

    separator: str = " "
    none: str = ""

    kind: ClassVar[str] = "labels"
    tasks: ClassVar[tuple[str, ...]] = ("multilabel",)

    def fault(self, task: Task, metric: Metric) -> str:
        """Whether each list can be read again, and an empty one be written."""
        if not getattr(task, "at_least_one", True) and not self.none:
            return "submission has empty cells where there is no label: name a word as `none`"
        return _torn(task, self.separator) or super().fault(task, metric)

    def cells(self, task: Task, predicted: np.ndarray) -> list[Column]:
        """Names of the labels, in the order of the classes."""
        names = np.asarray(task.classes)
        return [
            [self.separator.join(names[row]) or self.none for row in np.asarray(predicted, bool)]
        ]

    def bad(self, task: Task, cells: Any) -> tuple[Any, str]:
        """What is no list of labels, or names one twice."""
        bad = _not_lists(cells, self.separator, task.classes, len(task.classes))
        if self.none:
            bad &= cells != self.none
        return bad, f"something else than labels with {self.separator!r} between them"


@dataclass(frozen=True)
class BestLabels(Form):
    """The k most probable labels in one column, the best first."""

    k: int = 5
    separator: str = " "

    kind: ClassVar[str] = "ranking"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)

    def fault(self, task: Task, metric: Metric) -> str:
        """Whether the metric is of as many labels, and each list can be read again."""
        if metric.name not in (f"map@{self.k}", f"top{self.k}_error"):
            return f"submission is of {self.k} labels, and its metric is {metric.name}"
        return _torn(task, self.separator) or super().fault(task, metric)

    def cells(self, task: Task, predicted: np.ndarray) -> list[Column]:
        """Names of the labels."""
        names = np.asarray(task.classes)
        return [[self.separator.join(row) for row in names[best_first(predicted, self.k)]]]

    def bad(self, task: Task, cells: Any) -> tuple[Any, str]:
        """What is no list of at most k labels."""
        bad = _not_lists(cells, self.separator, task.classes, self.k)
        return bad, f"something else than 1 to {self.k} labels with {self.separator!r} between"


def _torn(task: Task, separator: str) -> str:
    """Which class cannot be in a list, in words: the separator is in its name."""
    for name in task.classes:
        if not separator or separator in name:
            return (
                f"submission separates labels by {separator!r}, which is in {name!r}: name another"
            )
    return ""


def _not_lists(cells: Any, separator: str, classes: Sequence[str], most: int) -> Any:
    """Which cells are not 1 to ``most`` different classes."""
    known = set(classes)

    def is_bad(cell: str) -> bool:
        names = cell.split(separator)
        return not len(set(names)) == len(names) <= most or not known.issuperset(names)

    return cells.map(is_bad).astype(bool)
