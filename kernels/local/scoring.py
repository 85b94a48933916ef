"""Scores a submission against labels that no kernel sees; the first fault is named, as on Kaggle.

A solution is a csv ``id,<target>,Usage`` whose ``Usage`` is ``Public`` or ``Private``.
"""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import common.metrics.classification
from common.competition import Competition
from common.errors import UserError

PARTS = ("Public", "Private")


@dataclass(frozen=True)
class Score:
    """The metric on the public and on the private rows, or what is wrong with the submission."""

    public: float = 0.0
    private: float = 0.0
    error: str = ""


def read_solution(competition: Competition, path: Path) -> dict[str, tuple[int, str]]:
    """Id → label and ``Public`` or ``Private``. Raises UserError naming the file and the fault."""
    header = [competition.id_column, competition.target_column, "Usage"]
    try:
        rows = _read_rows(path)
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"the solution {path} cannot be read: {error}") from None
    if not rows or rows[0] != header:
        found = ",".join(rows[0]) if rows else "nothing"
        raise UserError(f"the solution {path} starts with {found}, expected {','.join(header)}")
    labels = {}
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != 3 or not _is_answer(competition, row[1]) or row[2] not in PARTS:
            raise UserError(f"the solution {path} has in line {line}: {','.join(row)}")
        labels[row[0]] = (int(row[1]), row[2])
    if not labels:
        raise UserError(f"the solution {path} has no rows")
    if not competition.classes:
        _hold_both_answers(path, labels)
    return labels


def score(competition: Competition, solution: dict[str, tuple[int, str]], path: Path) -> Score:
    """The score of the submission file ``path``; never raises for what stands in it."""
    try:
        rows = _read_rows(path)
    except (OSError, ValueError, csv.Error) as error:
        return Score(error=f"The submission cannot be read as a csv file: {error}")
    fault = _fault(competition, solution, rows)
    if fault:
        return Score(error=fault)
    predicted = {row[0]: float(row[1]) for row in rows[1:]}
    public, private = (_metric(competition, solution, predicted, part) for part in PARTS)
    return Score(public, private)


def _is_answer(competition: Competition, text: str) -> bool:
    return _integer(text) is not None if competition.classes else text in ("0", "1")


def _hold_both_answers(path: Path, labels: dict[str, tuple[int, str]]) -> None:
    """Of scores nothing can be measured where all answers are alike. Raises UserError."""
    for part in PARTS:
        found = [label for label, usage in labels.values() if usage == part]
        lacking = {0, 1} - set(found)
        if found and lacking:
            raise UserError(
                f"the solution {path}: none of its {len(found)} {part} rows is {min(lacking)}"
            )


def _metric(
    competition: Competition,
    solution: dict[str, tuple[int, str]],
    predicted: dict[str, float],
    part: str,
) -> float:
    ids = [name for name, (_, usage) in solution.items() if usage == part]
    labels = np.array([solution[name][0] for name in ids], dtype=np.int64)
    kind = np.int64 if competition.classes else np.float64
    guesses = np.array([predicted[name] for name in ids], dtype=kind)
    return (
        float(getattr(common.metrics.classification, competition.metric)(labels, guesses))
        if ids
        else 0.0
    )


def _fault(
    competition: Competition, solution: dict[str, tuple[int, str]], rows: list[list[str]]
) -> str:
    """The first thing wrong with a submission's rows, or nothing."""
    header = [competition.id_column, competition.target_column]
    if not rows or rows[0] != header:
        found = ",".join(rows[0]) if rows else "nothing"
        return f"Submission must start with the columns {','.join(header)}, and has {found}"
    seen: set[str] = set()
    for line, row in enumerate(rows[1:], start=2):
        fault = _row_fault(header, solution, row, seen, len(competition.classes))
        if fault:
            return f"{fault} (Line {line})"
        seen.add(row[0])
    missing = [name for name in solution if name not in seen]
    if missing:
        return (
            f"Submission must have {len(solution)} rows and has {len(seen)}: "
            f"{header[0]} {missing[0]!r} is missing"
        )
    return ""


def _row_fault(
    header: list[str],
    solution: dict[str, tuple[int, str]],
    row: list[str],
    seen: set[str],
    classes: int,
) -> str:
    if len(row) != len(header):
        return f"Submission contains {len(row)} columns, but {len(header)} expected"
    name, value = row
    if name not in solution:
        return f"The value {name!r} in the key column {header[0]!r} is not expected"
    if name in seen:
        return f"The value {name!r} in the key column {header[0]!r} has already been defined"
    number = _integer(value)
    if classes and (number is None or not 0 <= number < classes):
        return f"The value {value!r} in the column {header[1]!r} is not one of 0 to {classes - 1}"
    if not classes and not _is_finite(value):
        return f"The value {value!r} in the column {header[1]!r} is not a number"
    return ""


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _integer(text: str) -> int | None:
    return int(text) if text.isascii() and text.removeprefix("-").isdecimal() else None


def _read_rows(path: Path) -> list[list[str]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        return [row for row in csv.reader(file) if row]
