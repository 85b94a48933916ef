"""Scores a submission against labels that no kernel sees; the first fault is named, as on Kaggle.

A solution is a csv with the columns of a submission and ``Usage``: ``Public``, ``Private`` or
``Ignored``. Both are read and measured apart from the pipeline's own metrics and forms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from common.competition import Competition
from common.errors import UserError
from kernels.local.cells import Kind, submitted_kind, true_kind
from kernels.local.csv_table import Table, TableError, read_table

PARTS = ("Public", "Private")
IGNORED = "Ignored"


@dataclass(frozen=True)
class Score:
    """The metric on the public and on the private rows, or what is wrong with the submission.

    A part without rows, or for which the metric is not defined, has None.
    """

    public: float | None = None
    private: float | None = None
    error: str = ""


@dataclass(frozen=True)
class Solution:
    """The right answers of a submission's rows.

    Attributes:
        ids: of all rows, text ``(rows,)``.
        rows: the numbers of each part's rows among them.
        truth: each part's answers, ``(rows of the part, …)``.
    """

    ids: pd.Index
    rows: dict[str, np.ndarray]
    truth: dict[str, np.ndarray]


# What is wrong, which rows have it, and the column that is shown.
Fault = tuple[str, np.ndarray, str]


def read_solution(competition: Competition, path: Path) -> Solution:
    """Read the hidden labels. Raises UserError naming the file and the first fault."""
    id_column, *names = _columns(competition)
    expected = (id_column, *names, "Usage")
    try:
        table = read_table(path)
    except TableError as error:
        message = f"the solution {path} {error}: it must be a table of {_row(expected)}"
        raise UserError(message) from None
    if sorted(table.header) != sorted(expected):
        found = _row(table.header) or "nothing"
        raise UserError(f"the solution {path} starts with {found}, expected {_row(expected)}")
    kind = true_kind(competition)
    answers, bad = _read_cells(table, names, kind)
    usage = table.columns["Usage"].to_numpy()
    fault = _solution_fault(competition, table, kind, bad)
    if fault:
        raise UserError(f"the solution {path} has {fault}")
    if _is_one_hot(competition):
        answers = answers.argmax(axis=1)
    rows = {part: np.flatnonzero(usage == part) for part in PARTS}
    truth = {part: answers[rows[part]] for part in PARTS}
    if competition.metric == "roc_auc":
        _check_both_answers(path, names, truth)
    return Solution(pd.Index(table.columns[id_column]), rows, truth)


def score(competition: Competition, solution: Solution, path: Path) -> Score:
    """The score of the submission file ``path``; never raises for what it contains."""
    from kernels.local.measures import find_measure

    columns = _columns(competition)
    try:
        table = read_table(path)
    except TableError as error:
        return Score(error=f"The submission {error}")
    if sorted(table.header) != sorted(columns):
        return Score(error=_header_fault(columns, table))
    kind = submitted_kind(competition)
    predicted, bad = _read_cells(table, columns[1:], kind)
    places = solution.ids.get_indexer(table.columns[columns[0]])
    fault = _submission_fault(columns, solution, table, kind, places, bad)
    if fault:
        return Score(error=fault)
    predicted = predicted[np.argsort(places)]
    measure, scores = find_measure(competition.metric), {}
    for part, rows in solution.rows.items():
        value = measure(solution.truth[part], predicted[rows]) if len(rows) else np.nan
        scores[part] = None if np.isnan(value) else float(value)
    return Score(scores["Public"], scores["Private"])


def _columns(competition: Competition) -> tuple[str, ...]:
    """The header of a submission."""
    form = competition.submission
    return (form.id_column, *form.columns(competition.task))


def _read_cells(
    table: Table, names: Sequence[str], kind: Kind
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """One column ``(rows, …)``, several as ``(rows, columns)``; the bad cells of each."""
    read = {name: kind.read(table.columns[name]) for name in names}
    values = [column for column, _ in read.values()]
    joined = values[0] if len(values) == 1 else np.stack(values, axis=1)
    return joined, {name: bad for name, (_, bad) in read.items()}


def _solution_fault(
    competition: Competition, table: Table, kind: Kind, bad: dict[str, np.ndarray]
) -> str:
    """The first thing wrong with a solution's rows, in words; empty if nothing.

    The answer in an ignored row does not matter.
    """
    id_column, usages = competition.submission.id_column, [*PARTS, IGNORED]
    usage = table.columns["Usage"]
    scored = (usage != IGNORED).to_numpy()
    faults: list[Fault] = [
        (f"an {id_column} again", table.columns[id_column].duplicated().to_numpy(), ""),
        (f"a Usage that is not one of {', '.join(usages)}", ~usage.isin(usages).to_numpy(), ""),
        *((f"a {name} that is not {kind.what}", bad[name] & scored, "") for name in bad),
    ]
    if _is_one_hot(competition):
        ones = sum((table.columns[name] == "1").to_numpy(int) for name in bad)
        faults.append(("not a single 1 in the columns of the classes", (ones != 1) & scored, ""))
    row, what, _ = _first(faults, len(table))
    if what:
        cells = _row([table.columns[name][row] for name in table.header])
        return f"in line {table.lines[row]} {what}: {cells}"
    if table.uneven:
        return f"in line {table.lines[row]} {table.uneven} values, and {len(table.header)} columns"
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
    found = _row(table.header) or "nothing"
    missing = [name for name in columns if name not in table.header]
    known = f": {missing[0]!r} is missing" if table.header and len(columns) > 2 and missing else ""
    return f"Submission must start with the columns {_row(columns)}, and has {found}{known}"


def _submission_fault(
    columns: Sequence[str],
    solution: Solution,
    table: Table,
    kind: Kind,
    places: np.ndarray,
    bad: dict[str, np.ndarray],
) -> str:
    """The first thing wrong with a submission's rows; empty if nothing.

    ``places`` are the numbers of its rows in the solution, -1 for a row of another id.
    """
    id_column, ids = columns[0], table.columns[columns[0]]
    key = f"in the key column {id_column!r}"
    row, what, name = _first(
        [
            (f"{key} is not expected", places < 0, id_column),
            (f"{key} has already been defined", ids.duplicated().to_numpy(), id_column),
            *((f"in the column {n!r} is not {kind.what}", bad[n], n) for n in bad),
        ],
        len(table),
    )
    if what:
        return f"The value {table.columns[name][row]!r} {what} (Line {table.lines[row]})"
    if table.uneven:
        expected, line = len(table.header), table.lines[row]
        return f"Submission contains {table.uneven} columns, but {expected} expected (Line {line})"
    missing = solution.ids[~solution.ids.isin(ids)]
    if len(missing):
        return (
            f"Submission must have {len(solution.ids)} rows and has {len(ids)}: "
            f"{id_column} {missing[0]!r} is missing"
        )
    return ""


def _is_one_hot(competition: Competition) -> bool:
    """Whether a row's columns are those of classes, of which one is true."""
    return len(_columns(competition)) > 2 and competition.task.name == "classification"


def _first(faults: Sequence[Fault], rows: int) -> tuple[int, str, str]:
    """The first row that has a fault, what is wrong, and the column; ``(rows, "", "")`` if none."""
    found = [(int(bad.argmax()), what, name) for what, bad, name in faults if bad.any()]
    return min(found, key=lambda one: one[0], default=(rows, "", ""))


def _row(cells: Sequence[str]) -> str:
    text = ",".join(cells)
    return text if len(text) <= 120 else f"{text[:119]}…"
