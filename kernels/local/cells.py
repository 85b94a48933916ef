"""What may stand in the columns of a solution and of a submission, read as arrays.

Written apart from ``common.forms``, which writes a submission: a fault in one shows in the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from common.competition import Competition
from common.forms import BestLabels, LabelColumn, LabelList, NumberColumn

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Kind:
    """The cells of one kind.

    Attributes:
        what: a cell is, for "The value … is not …".
        bad: which of a column's cells ``(rows,)`` are not of the kind, a series of bool.
        read: an array ``(rows, …)`` of a column without bad cells.
    """

    what: str
    bad: Callable[["pl.Series"], "pl.Series"]
    read: Callable[["pl.Series"], np.ndarray]


def submitted_kind(competition: Competition) -> Kind:
    """What stands in each column of a submission but the id's."""
    form, classes = competition.submission, competition.task.classes
    if isinstance(form, LabelColumn):
        return _names(classes) if form.text else _integers(len(classes))
    if isinstance(form, LabelList):
        return _sets(classes, form.separator, form.none)
    if isinstance(form, BestLabels):
        return _rankings(classes, form.separator, form.k)
    return _numbers()


def true_kind(competition: Competition) -> Kind:
    """What stands in each column of a solution but the id's and ``Usage``."""
    form, task = competition.submission, competition.task
    if isinstance(form, BestLabels):
        return _names(task.classes)
    if isinstance(form, LabelColumn | LabelList):
        return submitted_kind(competition)
    if isinstance(form, NumberColumn):
        return _integers(len(task.classes)) if task.classes else _numbers()
    return _integers(2)


def _numbers() -> Kind:
    """Finite numbers as float64 ``(rows,)``."""

    def read(cells: "pl.Series") -> "pl.Series":
        import polars as pl

        return cells.cast(pl.Float64, strict=False)

    return Kind(
        "a number",
        lambda cells: ~read(cells).is_finite().fill_null(False),
        lambda cells: read(cells).to_numpy(),
    )


def _integers(count: int) -> Kind:
    """Integers from 0 below ``count`` as int64 ``(rows,)``."""

    def read(cells: "pl.Series") -> "pl.Series":
        import polars as pl

        return cells.cast(pl.Int64, strict=False)

    def bad(cells: "pl.Series") -> "pl.Series":
        fits = cells.str.contains("^[0-9]+$") & (read(cells) < count)
        return ~fits.fill_null(False)

    return Kind(f"one of 0 to {count - 1}", bad, lambda cells: read(cells).to_numpy())


def _names(classes: Sequence[str]) -> Kind:
    """Classes by name, as their numbers: int64 ``(rows,)``."""
    numbers = {name: number for number, name in enumerate(classes)}
    return Kind(
        f"one of {_some(classes)}",
        lambda cells: ~cells.is_in(list(classes)),
        lambda cells: np.array([numbers[cell] for cell in cells], np.int64),
    )


def _sets(classes: Sequence[str], separator: str, none: str) -> Kind:
    """Several labels a cell, or the word ``none``, as 0 and 1: int64 ``(rows, classes)``."""

    def split(cell: str) -> list[str]:
        return [] if none and cell == none else cell.split(separator)

    def read(cells: "pl.Series") -> np.ndarray:
        numbers = {name: number for number, name in enumerate(classes)}
        table = np.zeros((len(cells), len(classes)), np.int64)
        for row, cell in enumerate(cells):
            table[row, [numbers[name] for name in split(cell)]] = 1
        return table

    what = f"a list of different labels, {separator!r} between them, of {_some(classes)}"
    return Kind(what, lambda cells: _not_lists(cells, split, classes, len(classes)), read)


def _rankings(classes: Sequence[str], separator: str, most: int) -> Kind:
    """The best labels first, as their numbers: int64 ``(rows, most)``, -1 where there is none."""

    def split(cell: str) -> list[str]:
        return cell.split(separator)

    def read(cells: "pl.Series") -> np.ndarray:
        numbers = {name: number for number, name in enumerate(classes)}
        table = np.full((len(cells), most), -1, np.int64)
        for row, cell in enumerate(cells):
            named = [numbers[name] for name in split(cell)]
            table[row, : len(named)] = named
        return table

    what = f"1 to {most} different labels, {separator!r} between them, of {_some(classes)}"
    return Kind(what, lambda cells: _not_lists(cells, split, classes, most), read)


def _not_lists(
    cells: "pl.Series", split: Callable[[str], list[str]], classes: Sequence[str], most: int
) -> "pl.Series":
    """Which cells are not at most ``most`` different classes."""
    import polars as pl

    known = set(classes)

    def fits(names: list[str]) -> bool:
        return len(set(names)) == len(names) <= most and known.issuperset(names)

    return pl.Series([not fits(split(cell)) for cell in cells], dtype=pl.Boolean)


def _some(classes: Sequence[str]) -> str:
    """The first classes, for a message."""
    return ", ".join(classes[:4]) + (", …" if len(classes) > 4 else "")
