"""The forms of a submission: which columns it has, what is in them, and what may not be.

A form is of the ``kind`` of its metric (``labels``, ``probabilities``, a ``ranking`` or ``values``)
and of some tasks. Its cells are text or numbers, one column after the id or several.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from common.metrics.counting import best_first
from common.metrics.metric import Metric
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

    def columns(self, task: Task) -> tuple[str, ...]:
        """Return the header after the id."""
        return (self.target_column,)

    def fault(self, task: Task, metric: Metric) -> str:
        """Return in words what does not fit a task and a metric; empty if nothing."""
        columns, fault = self.columns(task), self._fault(task, metric)
        if not fault and (not all(columns) or len({self.id_column, *columns}) <= len(columns)):
            return f"submission has the columns {', '.join((self.id_column, *columns))}: name each"
        return fault

    def _fault(self, task: Task, metric: Metric) -> str:
        return ""

    @abstractmethod
    def cells(self, task: Task, predicted: np.ndarray) -> list[Column]:
        """Return a column of cells for each of ``columns``; ``predicted`` is of its ``kind``."""

    def bad(self, task: Task, cells: Any) -> tuple[Any, str]:
        """Return which of a column's ``cells`` cannot be, and what they should be.

        ``cells`` is a pandas series of text, the first that returns one of bool. By default a cell
        is a number within the task's bounds.
        """
        import pandas as pd

        numbers = pd.to_numeric(cells, errors="coerce")
        fits = (numbers >= task.lowest) & (numbers <= task.highest)
        return ~fits, f"a number from {task.lowest:g} to {task.highest:g}"


@dataclass(frozen=True)
class LabelColumn(Form):
    """The label of each picture: its index, or its class's name with ``text``."""

    text: bool = False

    kind: ClassVar[str] = "labels"
    tasks: ClassVar[tuple[str, ...]] = ("classification", "grades")

    def cells(self, task: Task, predicted: np.ndarray) -> list[Column]:
        """Names or indices."""
        return [np.array(self._labels(task))[predicted]]

    def bad(self, task: Task, cells: Any) -> tuple[Any, str]:
        """What is no class."""
        labels = self._labels(task)
        return ~cells.isin(labels), f"one of {_in_short(labels)}"

    def _labels(self, task: Task) -> Sequence[str]:
        return task.classes if self.text else [str(n) for n in range(len(task.classes))]


@dataclass(frozen=True)
class ProbabilityColumn(Form):
    """The probability of one class of two; or that both pictures of a pair match."""

    positive: int = 1

    kind: ClassVar[str] = "probabilities"
    tasks: ClassVar[tuple[str, ...]] = ("classification", "pairs")

    def _fault(self, task: Task, metric: Metric) -> str:
        if task.name == "classification" and task.units != 2:
            return f"submission is one probability, and there are {task.units} classes"
        possible = (1,) if task.name == "pairs" else (0, 1)
        if self.positive not in possible:
            known = " or ".join(map(str, possible))
            return f"submission is the probability of class {self.positive}: name {known}"
        if metric.of_two and self.positive == 0:
            return (
                f"submission is the probability of the first class, and its metric {metric.name} "
                f"is of the second: exchange the classes"
            )
        return ""

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

    def _fault(self, task: Task, metric: Metric) -> str:
        if self.target_column:
            return (
                f"submission has a column a class, none called {self.target_column}: for the ids' "
                f"write id_column={self.target_column!r}"
            )
        if metric.of_two:
            return (
                f"submission has a column a class, and its metric {metric.name} is of one column: "
                f"take ProbabilityColumn"
            )
        if self.names and len(self.names) != task.units:
            return f"submission names {len(self.names)} columns, and there are {task.units} classes"
        return ""

    def cells(self, task: Task, predicted: np.ndarray) -> list[Column]:
        """The probabilities, a column a class."""
        return list(predicted.T)


@dataclass(frozen=True)
class NumberColumn(Form):
    """A number of each picture."""

    kind: ClassVar[str] = "values"
    tasks: ClassVar[tuple[str, ...]] = ("number", "grades")

    def cells(self, task: Task, predicted: np.ndarray) -> list[Column]:
        """The numbers."""
        return [predicted]


@dataclass(frozen=True)
class _Lists(Form):
    """Several labels in one column, with a separator between."""

    separator: str = " "

    def _fault(self, task: Task, metric: Metric) -> str:
        for name in task.classes:
            if not self.separator or self.separator in name:
                return (
                    f"submission separates labels by {self.separator!r}, which is in {name!r}: "
                    f"name another"
                )
        return ""

    def _not_lists(self, cells: Any, classes: Sequence[str], most: int) -> tuple[Any, str]:
        """Which cells are not 1 to ``most`` different classes, and what they should be."""
        known = set(classes)

        def is_bad(cell: str) -> bool:
            names = cell.split(self.separator)
            return not len(set(names)) == len(names) <= most or not known.issuperset(names)

        what = f"1 to {most} of {_in_short(classes)} with {self.separator!r} between"
        return cells.map(is_bad).astype(bool), what


@dataclass(frozen=True)
class LabelList(_Lists):
    """Several labels in one column, by the thresholds that validation found.

    Attributes:
        separator: between two labels.
        none: what is written where there is no label.
    """

    none: str = ""

    kind: ClassVar[str] = "labels"
    tasks: ClassVar[tuple[str, ...]] = ("multilabel",)

    def _fault(self, task: Task, metric: Metric) -> str:
        if not getattr(task, "at_least_one", True) and not self.none:
            return "submission has empty cells where there is no label: name a word as `none`"
        return super()._fault(task, metric)

    def cells(self, task: Task, predicted: np.ndarray) -> list[Column]:
        """Names of the labels, in the order of the classes."""
        names = np.array(task.classes)
        return [[self.separator.join(names[row]) or self.none for row in predicted.astype(bool)]]

    def bad(self, task: Task, cells: Any) -> tuple[Any, str]:
        """What is no list of labels, or names one twice."""
        bad, what = self._not_lists(cells, task.classes, len(task.classes))
        return bad & (cells != self.none) if self.none else bad, what


@dataclass(frozen=True)
class BestLabels(_Lists):
    """The k most probable labels in one column, the best first."""

    k: int = 5

    kind: ClassVar[str] = "ranking"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)

    def _fault(self, task: Task, metric: Metric) -> str:
        if metric.name not in (f"map@{self.k}", f"top{self.k}_error"):
            return f"submission is of {self.k} labels, and its metric is {metric.name}"
        return super()._fault(task, metric)

    def cells(self, task: Task, predicted: np.ndarray) -> list[Column]:
        """Names of the labels."""
        names = np.array(task.classes)
        return [[self.separator.join(row) for row in names[best_first(predicted, self.k)]]]

    def bad(self, task: Task, cells: Any) -> tuple[Any, str]:
        """What is no list of at most k labels."""
        return self._not_lists(cells, task.classes, self.k)


def _in_short(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) < 6 else f"{', '.join(names[:3])}, …, {names[-1]}"
