"""Scores a submission against labels that no kernel sees; the first fault is named, as on Kaggle.

A solution is a csv with the columns of a submission and ``Usage``: ``Public``, ``Private`` or
``Ignored``. Both are read and measured apart from the pipeline's own metrics and forms.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from common.competition import Competition
from common.data.names import nfc
from common.data.tables import read_header, read_table
from common.errors import UserError
from kernels.local.cells import Kind, declaration_hint, submitted_kind, true_kind
from kernels.local.measures import find_measure

PARTS = ("Public", "Private")
IGNORED = "Ignored"
_NEED_BOTH = (*("roc_auc", "average_precision", "equal_error_rate", "tar_at_1e-2", "tar_at_1e-3"),)

# (column, what is wrong with a cell of it) → which rows ``(rows,)``
BadCells = dict[tuple[str, str], np.ndarray | pd.Series]


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
    try:
        return _read_solution(competition, path)
    except UserError as error:
        raise UserError(f"the solution {path}: {_reason(error, path)}") from None


def _read_solution(competition: Competition, path: Path) -> Solution:
    table, answers, faults = _read(competition, path, true_kind(competition), "Usage")
    if table.empty:
        raise UserError("no rows")
    id_column, *names = _columns(competition)
    usage, usages = table["Usage"], [*PARTS, IGNORED]
    faults = {fault: bad & (usage != IGNORED) for fault, bad in faults.items()}
    faults["Usage", f"is not one of {', '.join(usages)}"] = ~usage.isin(usages)
    one_hot = len(names) > 1 and competition.task.name == "classification"
    if one_hot:
        ones = (answers.sum(axis=1) == 1) | (usage == IGNORED)
        faults[names[0], "is in a row that has not a single 1 in the classes' columns"] = ~ones
    table[id_column] = table[id_column].map(nfc)

    def hint(column: str, value: str) -> str:
        return declaration_hint(competition, value) if column in names else ""

    _refuse(table, {**_repeated(table, id_column), **faults}, hint)
    rows = {part: np.flatnonzero(usage == part) for part in PARTS}
    truth = {part: answers[rows[part]] for part in PARTS}
    for part, known in truth.items():
        if competition.metric in _NEED_BOTH and len(known) and not np.ptp(known, axis=0).all():
            title = competition.scoring.title
            raise UserError(f"{title} needs both 0 and 1 in every column of its {part} rows")
    if one_hot:
        truth = {part: answers.argmax(axis=1) for part, answers in truth.items()}
    return Solution(pd.Index(table[id_column]), rows, truth)


def check_parts(competition: Competition, solution: Solution) -> None:
    """Raise UserError where a part cannot be scored: it has no rows, or the metric is undefined."""
    find_measure(competition.metric)
    for part, known in solution.truth.items():
        if not len(known):
            raise UserError(f"no row has the Usage {part}: give rows to {' and '.join(PARTS)}")
        if competition.metric == "quadratic_weighted_kappa" and not np.ptp(known):
            raise UserError(f"quadratic weighted kappa needs two grades or more in its {part} rows")


def score(competition: Competition, solution: Solution, path: Path) -> Verdict:
    """The score of the submission file ``path``; never raises for what it contains."""
    try:
        predicted = _read_submission(competition, solution, path)
    except UserError as error:
        return Verdict(error=f"Submission Scoring Error: {_reason(error, path)}")
    measure, scores = find_measure(competition.metric), {}
    for part, rows in solution.rows.items():
        value = measure(solution.truth[part], predicted[rows]) if len(rows) else np.nan
        scores[part] = None if np.isnan(value) else float(value)
    return Verdict(scores["Public"], scores["Private"])


def _read_submission(competition: Competition, solution: Solution, path: Path) -> np.ndarray:
    """What is predicted of the solution's rows, in their order. Raises UserError."""
    id_column = competition.form.id_column
    table, predicted, faults = _read(competition, path, submitted_kind(competition))
    table[id_column] = table[id_column].map(nfc)
    places = solution.ids.get_indexer(table[id_column])
    unknown: BadCells = {(id_column, "is not expected"): places < 0}
    _refuse(table, {**unknown, **_repeated(table, id_column), **faults})
    missing = solution.ids[~solution.ids.isin(table[id_column])]
    if len(missing):
        counts = f"must have {len(solution.ids)} rows and has {len(table)}"
        raise UserError(f"{counts}: {id_column} {missing[0]!r} is missing")
    return predicted[np.argsort(places)]


def _columns(competition: Competition) -> tuple[str, ...]:
    """The header of a submission."""
    form = competition.form
    return (form.id_column, *form.columns(competition.task))


def _read(
    competition: Competition, path: Path, kind: Kind, *others: str
) -> tuple[pd.DataFrame, np.ndarray, BadCells]:
    """The rows of a file, their cells as an array ``(rows, …)``, and which are not of the kind.

    Raises UserError for a file that is no table with the columns of a submission and ``others``.
    """
    columns = (*_columns(competition), *others)
    header = read_header(path, exact=not others)  # Kaggle reads a submission as it is
    if sorted(header) != sorted(columns):
        missing = [f": {name!r} is missing" for name in columns if name not in header]
        must = f"must start with the columns {_row(columns)}, and has {_row(header)}"
        raise UserError("".join([must, *missing[:1]]))
    table = read_table(path)
    names = _columns(competition)[1:]
    read = [kind.read(table[name]) for name in names]
    values = read[0][0] if len(read) == 1 else np.stack([values for values, _ in read], axis=1)
    bad = {(name, f"is not {kind.what}"): bad for name, (_, bad) in zip(names, read, strict=True)}
    return table, values, bad


def _repeated(table: pd.DataFrame, id_column: str) -> BadCells:
    return {(id_column, "has already been defined"): table[id_column].duplicated()}


def _refuse(
    table: pd.DataFrame, faults: BadCells, hint: Callable[[str, str], str] = lambda *_: ""
) -> None:
    """Raise UserError for the first row that has a fault, with what ``hint`` says of the cell."""
    found = [(int(np.argmax(bad)), *fault) for fault, bad in faults.items() if np.any(bad)]
    if found:
        row, column, what = min(found, key=lambda one: one[0])
        value, line = table[column].iloc[row], table.index[row]
        todo = hint(column, value)
        raise UserError(f"The value {value!r} in the column {column!r} {what} (Line {line}){todo}")


def _reason(error: UserError, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ").removesuffix(": fetch the file again")


def _row(cells: Sequence[str]) -> str:
    text = ",".join(cells)
    return text if len(text) <= 120 else f"{text[:119]}…"
