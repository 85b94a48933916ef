"""``submission.csv``: written in a competition's form, and checked against its own sample."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.competition import Competition
from common.data.names import nfc
from common.data.tables import find_table, read_header, read_rows, read_table, write_table
from common.errors import UserError
from common.inputs import as_given

if TYPE_CHECKING:
    import pandas as pd

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
    """Write a row for each of ``ids``, in the order of the sample's columns; return the path.

    The task makes labels of ``predictions`` ``(rows, units)`` by its thresholds from validation,
    and the form writes them.
    """
    task, form = competition.task, competition.form
    cells = form.cells(task, competition.of_kind(form.kind, predictions, thresholds))
    columns = dict(zip(form.columns(task), cells, strict=True))
    header = read_header(sample)[1:] if sample and sample.is_file() else []
    names = header if sorted(header) == sorted(columns) else list(columns)
    if sample and header and not all(map(str.isascii, ids)):
        known = read_table(sample, [form.id_column])[form.id_column]
        spelled = {nfc(name): name for name in known}  # the sample's own form of each id
        ids = [spelled.get(nfc(name), name) for name in ids]
    # numpy writes each number with the digits that distinguish it from all others
    texts = (np.asarray(columns[name]).astype(str).tolist() for name in names)
    return write_table(path, [form.id_column, *names], zip(ids, *texts, strict=True))


def find_sample(competition: Competition) -> Path | None:
    """Return the competition's sample where this kernel has its data; None where it has not.

    Neither is there one where nothing is sent.
    """
    if competition.submission is None:
        return None
    try:
        return find_table(competition.data_folder(), competition.sample)
    except UserError:
        return None


def read_sample_ids(sample: Path, competition: Competition) -> "pd.Series":
    """Return the ids of the competition's sample as text, ``(rows,)``.

    Of pairs the sample is their table, and its other columns say nothing of a submission. Raises
    UserError where the form does not fit the sample's header, and as ``read_rows``.
    """
    if competition.task.name != "pairs":
        fault = header_fault(read_header(sample), competition)
        if fault:
            raise UserError(f"{sample}: {fault}")
    id_column = competition.form.id_column
    return read_table(sample, [id_column])[id_column]


def check_sample(sample: Path, competition: Competition) -> list[str]:
    """Return the ids of the sample. Raises UserError as ``read_sample_ids``, and for one twice."""
    ids = read_sample_ids(sample, competition)
    again = ids[ids.map(nfc).duplicated()]
    if len(again):
        raise UserError(
            f"{as_given(sample)}: {len(again)} ids come twice, the first is {again.iloc[0]} in "
            f"line {again.index[0]}: fetch the file again"
        )
    return list(ids)


def header_fault(header: Sequence[str], competition: Competition) -> str:
    """Return what does not fit between form and sample, and what to do; empty if nothing."""
    form = competition.form
    columns = [form.id_column, *form.columns(competition.task)]
    if header[:1] == columns[:1] and sorted(header) == sorted(columns):
        return ""
    parts = [
        f"{what} {', '.join(names[:4])}{' …' if len(names) > 4 else ''}"
        for what, names in (
            ("lacks", [name for name in columns if name not in header]),
            ("has", [name for name in header if name not in columns]),
        )
        if names
    ]
    return (
        f"the sample {' and '.join(parts) or 'has other columns first, or one twice'}, and the "
        f"submission {type(form).__name__} is of {_in_short(columns)}: mend it, or the task's "
        f"classes, in competitions/{competition.folder}/__init__.py"
    )


def check_submission(path: Path, sample: Path, competition: Competition) -> int:
    """Check a submission; return its number of rows.

    The header must be that of the form, in the sample's order unless the sample is the table of
    pairs; each id of the sample must be there once and no other; each cell must be what the form
    allows. Raises UserError naming the first wrong rows. Rows are read in parts: there may be
    millions.
    """
    task, form = competition.task, competition.form
    columns = [form.id_column, *form.columns(task)]
    header, expected = read_header(path, exact=True), read_header(sample)
    if sorted(expected) != sorted(columns):
        expected = columns
    if header != expected:
        raise UserError(f"{path}: its header is {_in_short(header)}, not {_in_short(expected)}")
    number, in_order = 0, True
    wrong: dict[str, list[pd.DataFrame]] = {}
    wanted = read_rows(sample, columns[:1])
    for rows in read_rows(path):
        number += len(rows)
        ids = next(wanted, None)
        in_order = in_order and ids is not None and np.array_equal(ids, rows[columns[:1]])
        for name in columns[1:]:
            bad, what = form.bad(task, rows[name])
            if bad.any():
                wrong.setdefault(f"have a {name} that is not {what}", []).append(rows[bad])
    for words, parts in wrong.items():
        raise _refusal(path, words, parts)
    if not in_order or next(wanted, None) is not None:
        _check_ids(path, sample, columns[0])
    return number


def _check_ids(path: Path, sample: Path, id_column: str) -> None:
    rows, wanted = read_table(path), read_table(sample, [id_column])[id_column]
    ids = rows[id_column]
    for what, bad in (
        ("have an id that the sample has not", ~ids.isin(wanted)),
        ("repeat an id", ids.duplicated()),
    ):
        if bad.any():
            raise _refusal(path, what, [rows[bad]])
    missing = wanted[~wanted.isin(ids)]
    if len(missing):
        raise UserError(
            f"{path}: {len(missing)} of the sample's {len(wanted)} ids are missing, "
            f"the first are {', '.join(missing[:_SHOWN])}"
        )


def _refusal(path: Path, what: str, parts: Sequence["pd.DataFrame"]) -> UserError:
    """The error that names the first wrong rows."""
    first = [row for part in parts for row in part.head(_SHOWN).itertuples(name=None)][:_SHOWN]
    shown = "; ".join(f"line {line}: {_in_short(cells)}" for line, *cells in first)
    return UserError(f"{path}: {sum(map(len, parts))} rows {what}: {shown}")


def _in_short(row: Sequence[str]) -> str:
    """A row as it is in the file, at most 120 characters of it."""
    text = ",".join(row)
    return text if len(text) <= 120 else f"{text[:119]}…"
