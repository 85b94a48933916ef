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
from common.data.tables import read_header, read_table
from common.errors import UserError
from kernels.local.cells import Kind, submitted_kind, true_kind

PARTS = ("Public", "Private")
IGNORED = "Ignored"


@dataclass(frozen=True)
class Verdict:
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


def read_solution(competition: Competition, path: Path) -> Solution:
    """Read the hidden labels. Raises UserError naming the file and the first fault."""
    id_column, *names = _columns(competition)
    expected = (id_column, *names, "Usage")
    try:
        header = read_header(path)
        if sorted(header) != sorted(expected):
            raise UserError(f"{path} starts with {_row(header)}, expected {_row(expected)}")
        table = read_table(path)
    except UserError as error:
        raise UserError(f"the solution {error}") from None
    kind = true_kind(competition)
    answers, bad = _read_cells(table, names, kind)
    fault = _solution_fault(competition, table, kind, bad)
    if fault:
        raise UserError(f"the solution {path} has {fault}")
    if _is_one_hot(competition):
        answers = answers.argmax(axis=1)
    rows = {part: np.flatnonzero(table["Usage"] == part) for part in PARTS}
    truth = {part: answers[rows[part]] for part in PARTS}
    if competition.metric == "roc_auc":
        _check_both_answers(path, names, truth)
    return Solution(pd.Index(table[id_column]), rows, truth)


def score(competition: Competition, solution: Solution, path: Path) -> Verdict:
    """The score of the submission file ``path``; never raises for what it contains."""
    from kernels.local.measures import find_measure

    id_column, *names = columns = _columns(competition)
    try:
        header = read_header(path)
        if sorted(header) != sorted(columns):
            return Verdict(error=_header_fault(columns, header))
        table = read_table(path)
    except UserError as error:
        reason = str(error).removeprefix(f"{path}: ").removesuffix(": fetch the file again")
        return Verdict(error=f"The submission cannot be read: {reason}")
    kind = submitted_kind(competition)
    predicted, bad = _read_cells(table, names, kind)
    places = solution.ids.get_indexer(table[id_column])
    fault = _submission_fault(id_column, solution, table, kind, places, bad)
    if fault:
        return Verdict(error=fault)
    predicted = predicted[np.argsort(places)]
    measure, scores = find_measure(competition.metric), {}
    for part, rows in solution.rows.items():
        value = measure(solution.truth[part], predicted[rows]) if len(rows) else np.nan
        scores[part] = None if np.isnan(value) else float(value)
    return Verdict(scores["Public"], scores["Private"])


def _columns(competition: Competition) -> tuple[str, ...]:
    """The header of a submission."""
    form = competition.submission
    return (form.id_column, *form.columns(competition.task))


def _is_one_hot(competition: Competition) -> bool:
    """Whether a row's columns are those of classes, of which one is true."""
    return len(_columns(competition)) > 2 and competition.task.name == "classification"


def _read_cells(
    table: pd.DataFrame, names: Sequence[str], kind: Kind
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """One column ``(rows, …)``, several as ``(rows, columns)``; the bad cells of each."""
    read = {name: kind.read(table[name]) for name in names}
    values = [column for column, _ in read.values()]
    joined = values[0] if len(values) == 1 else np.stack(values, axis=1)
    return joined, {name: bad for name, (_, bad) in read.items()}


def _solution_fault(
    competition: Competition, table: pd.DataFrame, kind: Kind, bad: dict[str, np.ndarray]
) -> str:
    """The first thing wrong with a solution's rows, in words; empty if nothing.

    The answer in an ignored row does not matter.
    """
    if table.empty:
        return "no rows"
    id_column, usages = competition.submission.id_column, [*PARTS, IGNORED]
    scored = table["Usage"] != IGNORED
    faults = {
        (f"an {id_column} again", ""): table[id_column].duplicated(),
        (f"a Usage that is not one of {', '.join(usages)}", ""): ~table["Usage"].isin(usages),
        **{(f"a {name} that is not {kind.what}", ""): bad[name] & scored for name in bad},
    }
    if _is_one_hot(competition):
        ones = (table[list(bad)] == "1").sum(axis=1)
        faults["not a single 1 in the columns of the classes", ""] = (ones != 1) & scored
    row, (what, _) = _first(faults)
    return f"in line {table.index[row]} {what}: {_row(table.iloc[row])}" if what else ""


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


def _header_fault(columns: Sequence[str], header: Sequence[str]) -> str:
    missing = [name for name in columns if name not in header]
    known = f": {missing[0]!r} is missing" if len(columns) > 2 and missing else ""
    return f"Submission must start with the columns {_row(columns)}, and has {_row(header)}{known}"


def _submission_fault(
    id_column: str,
    solution: Solution,
    table: pd.DataFrame,
    kind: Kind,
    places: np.ndarray,
    bad: dict[str, np.ndarray],
) -> str:
    """The first thing wrong with a submission's rows; empty if nothing.

    ``places`` are the numbers of its rows in the solution, -1 for a row of another id.
    """
    ids, key = table[id_column], f"in the key column {id_column!r}"
    faults = {
        (f"{key} is not expected", id_column): places < 0,
        (f"{key} has already been defined", id_column): ids.duplicated(),
        **{(f"in the column {name!r} is not {kind.what}", name): bad[name] for name in bad},
    }
    row, (what, name) = _first(faults)
    if what:
        return f"The value {table[name].iloc[row]!r} {what} (Line {table.index[row]})"
    missing = solution.ids[~solution.ids.isin(ids)]
    if len(missing):
        return (
            f"Submission must have {len(solution.ids)} rows and has {len(ids)}: "
            f"{id_column} {missing[0]!r} is missing"
        )
    return ""


def _first(
    faults: dict[tuple[str, str], np.ndarray | pd.Series],
) -> tuple[int, tuple[str, str]]:
    """The first row that has a fault, and which; two empty texts if no row has one."""
    found = [(int(np.argmax(bad)), fault) for fault, bad in faults.items() if bad.any()]
    return min(found, key=lambda one: one[0], default=(0, ("", "")))


def _row(cells: Sequence[str] | pd.Series) -> str:
    text = ",".join(cells)
    return text if len(text) <= 120 else f"{text[:119]}…"
