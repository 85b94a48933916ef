"""What may be in the columns of a solution and of a submission, read as arrays.

Written apart from ``common.forms``, which writes a submission: a fault in one shows in the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from common.competition import Competition
from common.forms import BestLabels, LabelColumn, LabelList, NumberColumn
from common.tasks.task import Task


@dataclass(frozen=True)
class Kind:
    """The cells of one kind.

    Attributes:
        what: a cell is, for "The value … is not …".
        read: a column of text ``(rows,)`` as an array ``(rows, …)`` and which of its cells
            ``(rows,)`` are not of the kind; what the array has for those does not matter.
    """

    what: str
    read: Callable[[pd.Series], tuple[np.ndarray, np.ndarray]]


def submitted_kind(competition: Competition) -> Kind:
    """What each column of a submission contains, but the id's."""
    form, classes = competition.form, competition.task.classes
    if isinstance(form, LabelColumn):
        return _one_of(classes if form.text else _numbers(classes))
    if isinstance(form, LabelList):
        return _sets(classes, form.separator, form.none)
    if isinstance(form, BestLabels):
        return _rankings(classes, form.separator, form.k)
    return Kind("a number", _read_numbers)


def true_kind(competition: Competition) -> Kind:
    """What each column of a solution contains, but the id's and ``Usage``."""
    form, classes = competition.form, competition.task.classes
    if isinstance(form, BestLabels):
        return _one_of(classes)
    if isinstance(form, LabelColumn | LabelList):
        return submitted_kind(competition)
    if isinstance(form, NumberColumn):
        return _one_of(_numbers(classes)) if classes else _within(competition.task)
    return _one_of("01")


def declaration_hint(competition: Competition, value: str) -> str:
    """What to change in a competition's declaration where the solution's ``value`` is right."""
    form, task = competition.form, competition.task
    if not (task.classes and isinstance(form, LabelColumn | LabelList | BestLabels | NumberColumn)):
        return ""
    what = f"name it among the classes of {type(task).__name__}(...)"
    if isinstance(form, LabelColumn) and not form.text and not value.isdecimal():
        what = "write LabelColumn(..., text=True), for names of classes,"
    elif isinstance(form, LabelColumn) and form.text and value in _numbers(task.classes):
        what = "write LabelColumn(...) without text=True, for numbers of classes,"
    return f": mend it, or, if it is right, {what} in competitions/{competition.folder}/__init__.py"


def _read_numbers(cells: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Finite numbers as float64 ``(rows,)``."""
    values = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
    return values, ~np.isfinite(values)


def _within(task: Task) -> Kind:
    """Numbers that the task can be, as float64 ``(rows,)``."""

    def read(cells: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        values, bad = _read_numbers(cells)
        return values, bad | (values < task.lowest) | (values > task.highest)

    return Kind(f"a number from {task.lowest:g} to {task.highest:g}", read)


def _one_of(names: Sequence[str]) -> Kind:
    """Words, as their places among ``names``: int64 ``(rows,)``."""

    def read(cells: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        places = pd.Index(list(names)).get_indexer(cells)
        return places, places < 0

    return Kind(f"one of {_some(names)}", read)


def _sets(classes: Sequence[str], separator: str, none: str) -> Kind:
    """Several labels a cell, or the word ``none``, as 0 and 1: int64 ``(rows, classes)``."""

    def read(cells: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        from sklearn.preprocessing import MultiLabelBinarizer

        lists = [[] if none and cell == none else cell.split(separator) for cell in cells]
        bad = _are_bad(lists, classes, len(classes))
        good = [[] if wrong else names for names, wrong in zip(lists, bad, strict=True)]
        return MultiLabelBinarizer(classes=classes).fit_transform(good), bad

    what = f"a list of different labels, {separator!r} between them, of {_some(classes)}"
    return Kind(what, read)


def _rankings(classes: Sequence[str], separator: str, most: int) -> Kind:
    """The best labels first, as their numbers: int64 ``(rows, most)``, -1 where there is none."""

    def read(cells: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        lists = [cell.split(separator) for cell in cells]
        padded = [(names + [""] * most)[:most] for names in lists]
        numbers = pd.Index(classes).get_indexer(np.array(padded, dtype=object).ravel())
        return numbers.reshape(-1, most), _are_bad(lists, classes, most)

    what = f"1 to {most} different labels, {separator!r} between them, of {_some(classes)}"
    return Kind(what, read)


def _are_bad(lists: list[list[str]], classes: Sequence[str], most: int) -> np.ndarray:
    """Which lists are not at most ``most`` different classes."""
    known = set(classes)
    return np.array(
        [not (len(set(names)) == len(names) <= most and known.issuperset(names)) for names in lists]
    )


def _numbers(classes: Sequence[str]) -> list[str]:
    return [str(number) for number in range(len(classes))]


def _some(names: Sequence[str]) -> str:
    """The first names, for a message."""
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
