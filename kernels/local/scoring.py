"""Scores a submission against labels that no kernel sees; the first fault is named, as on Kaggle.

A solution is a csv with the columns of a submission and ``Usage``: ``Public``, ``Private`` or
``Ignored``. Both are read and measured apart from the pipeline's own metrics and forms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.competition import Competition
from common.errors import UserError
from kernels.local.cells import submitted_kind, true_kind
from kernels.local.csv_table import Table, TableError, read_table

if TYPE_CHECKING:
    import polars as pl

PARTS = ("Public", "Private")
IGNORED = "Ignored"


@dataclass(frozen=True)
class Score:
    """The metric on the public and on the private rows, or what is wrong with the submission.

    A part without rows, or of which the metric is not defined, has None.
    """

    public: float | None = None
    private: float | None = None
    error: str = ""


@dataclass(frozen=True)
class Solution:
    """What is true of the rows of a submission.

    Attributes:
        ids: of all rows, a series of text ``(rows,)``.
        rows: the numbers of each part's rows among them.
        truth: each part's answers, ``(rows of the part, …)``.
    """

    ids: "pl.Series"
    rows: dict[str, np.ndarray]
    truth: dict[str, np.ndarray]


def read_solution(competition: Competition, path: Path) -> Solution:
    """Read the hidden labels. Raises UserError naming the file and the first fault."""
    columns = _columns(competition)
    expected = (*columns, "Usage")
    try:
        table = read_table(path)
    except TableError as error:
        said = f"the solution {path} {error}: it must be a table of {_row(expected)}"
        raise UserError(said) from None
    if sorted(table.header) != sorted(expected):
        found = _row(table.header) or "nothing"
        raise UserError(f"the solution {path} starts with {found}, expected {_row(expected)}")
    fault = _solution_fault(competition, table)
    if fault:
        raise UserError(f"the solution {path} has {fault}")
    usage = table.column("Usage").to_numpy()
    rows = {part: np.flatnonzero(usage == part) for part in PARTS}
    truth = {part: _truth(competition, table, rows[part]) for part in PARTS}
    if competition.metric == "roc_auc":
        _check_both_answers(path, columns[1:], truth)
    return Solution(table.column(columns[0]), rows, truth)


def score(competition: Competition, solution: Solution, path: Path) -> Score:
    """The score of the submission file ``path``; never raises for what stands in it."""
    from kernels.local.measures import find_measure

    try:
        table = read_table(path)
    except TableError as error:
        return Score(error=f"The submission {error}")
    columns = _columns(competition)
    wrong = _header_fault(columns, table) or _fault(competition, solution, table)
    if wrong:
        return Score(error=wrong)
    order = np.argsort(_places(solution, table.column(columns[0])).to_numpy())
    kind, measure = submitted_kind(competition), find_measure(competition.metric)

    def part_score(part: str) -> float | None:
        rows = order[solution.rows[part]]
        if not len(rows):
            return None
        cells = [kind.read(table.column(name).gather(rows)) for name in columns[1:]]
        value = float(measure(solution.truth[part], _joined(cells)))
        return None if np.isnan(value) else value

    return Score(part_score("Public"), part_score("Private"))


def _columns(competition: Competition) -> tuple[str, ...]:
    """The header of a submission."""
    form = competition.submission
    return (form.id_column, *form.columns(competition.task))


def _joined(columns: Sequence[np.ndarray]) -> np.ndarray:
    """One column as it is, ``(rows, …)``; several as ``(rows, columns)``."""
    return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)


def _truth(competition: Competition, table: Table, rows: np.ndarray) -> np.ndarray:
    """The answers of ``rows``; of columns that are one-hot, the number of the class."""
    kind = true_kind(competition)
    names = _columns(competition)[1:]
    truth = _joined([kind.read(table.column(name).gather(rows)) for name in names])
    return truth.argmax(axis=1) if _one_hot(competition) else truth


def _solution_fault(competition: Competition, table: Table) -> str:
    """The first thing wrong with a solution's rows, in words; empty if nothing.

    What is true of an ignored row does not matter.
    """
    id_column, *names = _columns(competition)
    kind, usage = true_kind(competition), table.column("Usage")
    scored, usages = usage != IGNORED, [*PARTS, IGNORED]
    faults = {
        f"an {id_column} again": ~table.column(id_column).is_first_distinct(),
        f"a Usage that is not one of {', '.join(usages)}": ~usage.is_in(usages),
    }
    for name in names:
        faults[f"a {name} that is not {kind.what}"] = kind.bad(table.column(name)) & scored
    if _one_hot(competition):
        ones = sum((table.column(name) == "1").cast(int) for name in names)
        faults["not a single 1 in the columns of the classes"] = (ones != 1) & scored
    what, row = min(((what, _first(bad)) for what, bad in faults.items()), key=lambda at: at[1])
    if row < len(table):
        cells = _row([column[row] for column in table.columns])
        return f"in line {table.line(row)} {what}: {cells}"
    if table.uneven:
        count = len(table.header)
        return f"in line {table.line(len(table))} {table.uneven} values, and {count} columns"
    return "" if len(table) else "no rows"


def _check_both_answers(path: Path, names: Sequence[str], truth: dict[str, np.ndarray]) -> None:
    """AUC is not defined where all answers are alike. Raises UserError."""
    for part, answers in truth.items():
        if not len(answers):
            continue
        if answers.ndim == 1 and len(names) > 1:
            answers = answers[:, None] == np.arange(len(names))
        for name, column in zip(names, answers.reshape(len(answers), -1).T, strict=True):
            lacking = {0, 1} - set(np.unique(column).tolist())
            if lacking:
                where = f" in {name}" if len(names) > 1 else ""
                raise UserError(
                    f"the solution {path}: none of its {len(answers)} {part} rows is "
                    f"{min(lacking)}{where}, and ROC AUC needs both 0 and 1"
                )


def _header_fault(columns: Sequence[str], table: Table) -> str:
    if sorted(table.header) == sorted(columns):
        return ""
    found = _row(table.header) or "nothing"
    missing = [name for name in columns if name not in table.header]
    known = f": {missing[0]!r} is missing" if table.header and len(columns) > 2 and missing else ""
    return f"Submission must start with the columns {_row(columns)}, and has {found}{known}"


def _fault(competition: Competition, solution: Solution, table: Table) -> str:
    """The first thing wrong with a submission's rows, or nothing."""
    id_column, *names = _columns(competition)
    kind, ids = submitted_kind(competition), table.column(id_column)
    key, value = f"in the key column {id_column!r}", f"is not {kind.what}"
    faults = [
        (id_column, f"{key} is not expected", _places(solution, ids).is_null()),
        (id_column, f"{key} has already been defined", ~ids.is_first_distinct()),
        *((n, f"in the column {n!r} {value}", kind.bad(table.column(n))) for n in names),
    ]
    name, what, bad = min(faults, key=lambda fault: _first(fault[2]))
    row = _first(bad)
    if row < len(table):
        return f"The value {table.column(name)[row]!r} {what} (Line {table.line(row)})"
    if table.uneven:
        line, count = table.line(len(table)), len(table.header)
        return f"Submission contains {table.uneven} columns, but {count} expected (Line {line})"
    missing = solution.ids.filter(~solution.ids.is_in(ids.implode()))
    if len(missing):
        return (
            f"Submission must have {len(solution.ids)} rows and has {len(ids)}: "
            f"{id_column} {missing[0]!r} is missing"
        )
    return ""


def _places(solution: Solution, ids: "pl.Series") -> "pl.Series":
    """The number of each id's row in the solution, null where it has none."""
    import polars as pl

    known = pl.DataFrame({"id": solution.ids}).with_row_index("place")
    return pl.DataFrame({"id": ids}).join(known, on="id", how="left", maintain_order="left")[
        "place"
    ]


def _one_hot(competition: Competition) -> bool:
    """Whether a row's columns are those of classes, of which one is true."""
    return len(_columns(competition)) > 2 and competition.task.name == "classification"


def _first(bad: "pl.Series") -> int:
    """The number of the first row that is bad, or that of all rows."""
    return next(iter(bad.arg_true().head(1)), len(bad))


def _row(cells: Sequence[str]) -> str:
    text = ",".join(cells)
    return text if len(text) <= 120 else f"{text[:119]}…"
