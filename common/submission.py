"""``submission.csv``: written in a competition's form, and checked against its own sample.

Polars reads it: a submission may have millions of rows.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.competition import Competition
from common.data.tables import open_table
from common.errors import UserError

NAME = "submission.csv"
_SHOWN = 3


def write_submission(
    path: Path,
    competition: Competition,
    ids: Sequence[str],
    predictions: np.ndarray,
    thresholds: np.ndarray | None = None,
    sample: Path | None = None,
) -> Path:
    """Write a row for each of ``ids``; returns the path.

    Args:
        path: of the file.
        competition: its task makes labels of the predictions, its form writes them.
        ids: in the order of the rows.
        predictions: ``(rows, units)``.
        thresholds: of the task, from validation.
        sample: the competition's sample, whose order of columns is taken.
    """
    task, form = competition.task, competition.submission
    columns = form.columns(task)
    cells = form.cells(task, competition.given(form.gives, predictions, thresholds))
    order = _order(columns, sample)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([form.id_column, *(columns[n] for n in order)])
        writer.writerows(zip(ids, *(_text(cells[n]) for n in order), strict=True))
    return path


def read_header(path: Path) -> list[str]:
    """The first row of a csv file, or of the only one in a zip. Raises UserError without any."""
    try:
        with open_table(path) as file:
            header = next(csv.reader(file), [])
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error):
        raise UserError(f"{path}: not a csv file in UTF-8") from None
    if not header:
        raise UserError(f"{path}: the file is empty")
    return header


def _order(columns: Sequence[str], sample: Path | None) -> Sequence[int]:
    """The numbers of the columns as the sample has them; as they are where it has others."""
    header = read_header(sample)[1:] if sample and sample.is_file() else []
    if sorted(header) != sorted(columns):
        return range(len(columns))
    return [list(columns).index(name) for name in header]


def _text(cells: Sequence[object] | np.ndarray) -> Sequence[object]:
    """A column as it is written: numbers with the digits that say exactly what they are."""
    return cells.astype(str).tolist() if isinstance(cells, np.ndarray) else list(cells)


def check_submission(path: Path, sample: Path, competition: Competition) -> int:
    """Check a submission; returns its number of rows.

    The header must be that of the competition's form, and the sample's unless that is another table
    (of pairs); every id of the sample there once and none other; every cell what the form allows.
    Raises UserError naming the first offending rows.
    """
    task, form = competition.task, competition.submission
    columns = [form.id_column, *form.columns(task)]
    header = read_header(path)
    expected = _expected_header(sample, columns)
    if header != expected:
        raise UserError(f"{path}: its header is {_row(header)}, not {_row(expected)}")
    rows, wanted = _read(path), _read(sample, first_column_alone=True).to_series()
    if rows.null_count().sum_horizontal()[0]:  # too few cells read as empty ones
        _refuse_ragged(path, len(header))
    for name in columns[1:]:
        bad, what = form.bad(task, rows[name])
        where = f" in {name}" if len(columns) > 2 else ""
        _refuse(path, f"have {what}{where}", rows, bad)
    _check_ids(path, rows, wanted)
    return len(rows)


def check_sample_header(sample: Path, competition: Competition) -> None:
    """Raise UserError when the form does not fit the header of the competition's own sample."""
    fault = header_fault(read_header(sample), competition)
    if fault:
        raise UserError(f"{sample}: {fault}")


def header_fault(header: Sequence[str], competition: Competition) -> str:
    """What does not fit between the competition's form and the sample's header; empty if nothing.

    In words that end with what to do.
    """
    form = competition.submission
    columns = [form.id_column, *form.columns(competition.task)]
    if header[:1] == columns[:1] and sorted(header) == sorted(columns):
        return ""
    lacking = [name for name in columns if name not in header]
    strange = [name for name in header if name not in columns]
    parts = [
        f"{what} {', '.join(names[:4])}{' …' if len(names) > 4 else ''}"
        for what, names in (("lacks", lacking), ("has", strange))
        if names
    ]
    other = "repeats a column" if header[:1] == columns[:1] else "begins with another column"
    return (
        f"the sample {' and '.join(parts) or other}, and the submission "
        f"{type(form).__name__} is of {_row(columns)}: mend it, or the task's classes, in "
        f"competitions/{competition.folder}/__init__.py"
    )


def _expected_header(sample: Path, columns: list[str]) -> list[str]:
    """The sample's own header where it has the form's columns in any order, else the form's."""
    header = read_header(sample)
    return header if sorted(header) == sorted(columns) else columns


def _read(path: Path, first_column_alone: bool = False) -> Any:
    """The rows as text, an empty cell as null."""
    import polars as pl

    columns = [0] if first_column_alone else None
    try:
        return pl.read_csv(path, infer_schema=False, columns=columns)
    except pl.exceptions.PolarsError:
        _refuse_ragged(path, len(read_header(path)))
        raise UserError(f"{path}: not a csv file in UTF-8") from None


def _refuse_ragged(path: Path, width: int) -> None:
    """Raise UserError naming the first rows that have another number of cells than the header."""
    found, number = [], 0
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.reader(file)
        for row in reader:
            if row and len(row) != width:
                number += 1
                found += [f"line {reader.line_num}: {_row(row)}"] * (number <= _SHOWN)
    if found:
        raise UserError(f"{path}: {number} rows are not {width} values: {'; '.join(found)}")


def _check_ids(path: Path, rows: Any, wanted: Any) -> None:
    ids = rows.to_series(0)
    if len(ids) == len(wanted) and (ids == wanted).all() and wanted.is_unique().all():
        return
    _refuse(path, "have an id that the sample has not", rows, ~ids.is_in(wanted.implode()))
    _refuse(path, "repeat an id", rows, ~ids.is_first_distinct())
    missing = wanted.filter(~wanted.is_in(ids.implode()))
    if len(missing):
        raise UserError(
            f"{path}: {len(missing)} of the sample's {len(wanted)} ids are missing, "
            f"the first are {', '.join(missing[:_SHOWN].to_list())}"
        )


def _refuse(path: Path, what: str, rows: Any, bad: Any) -> None:
    if not bad.any():
        return
    first = rows.with_row_index("__line", 2).filter(bad).head(_SHOWN).rows()
    shown = "; ".join(f"line {line}: {_row(cells)}" for line, *cells in first)
    raise UserError(f"{path}: {bad.sum()} rows {what}: {shown}")


def _row(cells: Sequence[str | None]) -> str:
    text = ",".join("" if cell is None else cell for cell in cells)
    return text if len(text) <= 120 else f"{text[:119]}…"
