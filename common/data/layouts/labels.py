"""What is written of a picture, as its task has it."""

import re
from collections.abc import Callable, Sequence

import numpy as np

from common.errors import UserError
from common.tasks.task import Task

_WHOLE = re.compile(r"\d+(\.0+)?")
Where = Callable[[int], str]  # a row, for a message


def encoded(task: Task, cells: Sequence[str], where: Where, separator: str | None) -> np.ndarray:
    """Return the labels of pictures with one text each, ``(pictures, …)`` as ``task`` has them.

    A text with several labels is split at the ``separator``, or at spaces where that is None. A
    class is written as its name, or in all texts as its number. Raises UserError for the first text
    that is no class.
    """
    if task.name == "multilabel":
        return _several(task, [cell.split(separator) for cell in cells], where)
    if not task.classes:
        return _numbers(task, cells, where)
    known = {name: number for number, name in enumerate(task.classes)}
    unknown = next((row for row, cell in enumerate(cells) if cell not in known), None)
    if unknown is None:
        return np.array([known[cell] for cell in cells], np.int64)
    if all(_WHOLE.fullmatch(cell) and float(cell) < len(known) for cell in cells):
        return np.array([int(float(cell)) for cell in cells], np.int64)
    raise _no_class(task, cells[unknown], where(unknown))


def of_columns(task: Task, rows: Sequence[Sequence[str]], where: Where) -> np.ndarray:
    """Return the labels of pictures from a column for each class, in the order of the classes.

    They are ``(pictures,)`` int64, or ``(pictures, classes)`` uint8 if a picture may have several.
    Raises UserError for a cell that is not 0 or 1 and, if a picture has one class, for a row that
    has not exactly one 1.
    """
    if rows and len(rows[0]) != len(task.classes):
        raise UserError(
            f"{len(rows[0])} columns of labels for {len(task.classes)} classes: look at label= of "
            f"table(...) in the competition's data.py"
        )
    values = np.zeros((len(rows), len(task.classes)), np.uint8)
    for row, cells in enumerate(rows):
        numbers = [int(number) if number in (0, 1) else -1 for number in map(_number, cells)]
        if -1 in numbers:
            raise UserError(f"{where(row)}: {', '.join(cells)}, expected 0 or 1 for each class")
        if task.name != "multilabel" and sum(numbers) != 1:
            raise UserError(f"{where(row)}: of {sum(numbers)} classes, expected one")
        values[row] = numbers
    return values if task.name == "multilabel" else values.argmax(axis=1)


def _several(task: Task, rows: Sequence[Sequence[str]], where: Where) -> np.ndarray:
    known = {name: number for number, name in enumerate(task.classes)}
    labels = np.zeros((len(rows), len(known)), np.uint8)
    for row, names in enumerate(rows):
        for name in filter(None, map(str.strip, names)):
            if name not in known:
                raise _no_class(task, name, where(row))
            labels[row, known[name]] = 1
    return labels


def _numbers(task: Task, cells: Sequence[str], where: Where) -> np.ndarray:
    numbers = [_number(cell) for cell in cells]
    for row, number in enumerate(numbers):
        if number is None or not task.lowest <= number <= task.highest:
            raise UserError(
                f"{where(row)}: {cells[row]!r} is no number from {task.lowest:g} to "
                f"{task.highest:g}"
            )
    return np.array(numbers, np.float64)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _no_class(task: Task, name: str, where: str) -> UserError:
    return UserError(f"{where}: {name!r} is none of the classes: {task.class_hint(name)}")
