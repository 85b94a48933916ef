"""A table that names pictures, and folders or archives of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.data.layouts.found import Finder, fields_of, fill, note, records_at
from common.data.layouts.labels import encoded, of_columns
from common.data.records import Records
from common.data.tables import check_columns, find_table, read_header, read_table
from common.errors import UserError
from common.inputs import as_given, listing
from common.tasks.task import Task

if TYPE_CHECKING:
    import pandas as pd


def table(
    name: str,
    csv: Path,
    pictures: Path | Sequence[Path],
    id: str,
    label: str | Sequence[str] | None = None,
    task: Task | None = None,
    *,
    file: str = "",
    group: str | None = None,
    separator: str | None = None,
) -> Records:
    """Read the pictures that a table names.

    Args:
        name: ``train``, ``val`` or ``test``.
        csv: the table, plain or zipped (``common.data.tables``).
        pictures: the folders or archives in which the pictures are.
        id: the column of the ids, as the submission has them.
        label: the column of the labels, or a column for each of the task's classes in their order;
            None where there are none.
        task: what is predicted, and the classes: names, or else their numbers.
        file: the files' names, if they are not the ids: a column, or columns in braces, such as
            ``{patient}/{view}.png``; ``{id:06d}`` is ``000007`` for 7. Endings and leading folders
            may be missing.
        group: the column of the groups that a split keeps together.
        separator: between the labels of one cell; None for spaces.

    Other columns are in ``columns`` of the Records. A row that comes twice counts once. Where a
    picture may have several labels, those of all its rows are joined. Pictures that a table of
    labels names and that are not there are left out if they are at most half, and so are pictures
    that it does not name. A line of progress says how many there are of each.

    Raises UserError for a picture with two labels or two ids, a picture of test that is not there,
    an empty id, a name that two pictures have, a label that is no class, and no pictures at all.
    """
    labels = [label] if isinstance(label, str) else list(label or ())
    named_by = fields_of(file, "file") if "{" in file else [file] if file else []
    groups = [] if group is None else [group]
    rows = _read(csv, {"id": [id], "label": labels, "group": groups, "file": named_by})
    rows = _once(name, rows, id, labels, task, separator)
    finder = Finder([pictures] if isinstance(pictures, Path) else pictures)
    named = len(rows)
    rows, found = _with_pictures(name, rows, id, file, finder, bool(labels))
    table_name = Path(rows.attrs["path"]).name
    lacking = f"{named - len(rows)} of the {named} pictures that {table_name} names are not there"
    others = [column for column in rows if column not in (id, *labels, group)]
    records = records_at(
        name,
        [finder[one] for one in found],
        rows[id],
        _labels(rows, label, task, separator),
        None if group is None else rows[group],
        {column: rows[column] for column in others},
    )
    return replace(records, notes=(lacking,)) if len(rows) < named else records


def _read(csv: Path, asked: Mapping[str, Sequence[str]]) -> "pd.DataFrame":
    """All rows and columns of a table; the columns ``asked`` for, by argument, come first.

    Raises UserError where there is no such table or column, or no row.
    """
    where = find_table(csv.parent, csv.name)
    if where is None:
        raise UserError(f"{as_given(csv)}: no such file; {listing(csv.parent)}")
    for argument, columns in asked.items():
        todo = f"look at {argument}= of table(...) in the competition's data.py"
        check_columns(where, columns, todo)
    wanted = [column for columns in asked.values() for column in columns]
    rows = read_table(where, list(dict.fromkeys([*wanted, *read_header(where)])))
    if not len(rows):
        raise UserError(f"{as_given(where)} has no rows: fetch it again")
    return rows


def _once(
    part: str,
    rows: "pd.DataFrame",
    id: str,
    labels: list[str],
    task: Task | None,
    separator: str | None,
) -> "pd.DataFrame":
    """The rows with each id once. Raises UserError for two labels, and for an empty id."""
    path = rows.attrs["path"]
    empty = rows.index[rows[id] == ""]
    if len(empty):
        raise UserError(f"{path}: line {empty[0]} has no {id}")
    again = rows.duplicated(id)
    if not again.any():
        return rows
    same = rows.duplicated([id, *labels])
    if not same[again].all():
        if task is None or task.name != "multilabel" or len(labels) != 1:
            line = rows.index[again & ~same][0]
            first = rows.index[rows[id] == rows.loc[line, id]][0]
            raise UserError(
                f"{path}: {rows.loc[line, id]} has other labels in line {line} than in line {first}"
            )
        joined = rows.groupby(id)[labels[0]].transform((separator or " ").join)
        rows = rows.assign(**{labels[0]: joined})
    note(part, rows_of_one_picture=int(again.sum()), first=rows.loc[again, id].iloc[0])
    return rows[~again]


def _with_pictures(
    part: str, rows: "pd.DataFrame", id: str, file: str, finder: Finder, labelled: bool
) -> tuple["pd.DataFrame", list[str]]:
    """The rows whose pictures are there, and these. Raises UserError as ``Finder.find_all``."""
    if "{" in file:
        path, cells = rows.attrs["path"], rows.to_dict("records")
        lines = (f"{path}: line {line}" for line in rows.index)
        names = [fill(file, row, "file", line) for row, line in zip(cells, lines, strict=True)]
    else:
        names = rows[file or id].tolist()
    found = finder.find_all(part, names, rows.attrs["path"], labelled)
    taken = [one for one in found if one is not None]
    others = finder.pictures - set(taken)
    if others and labelled:
        note(part, there_and_not_named=len(others), first=min(others))
    return rows[[one is not None for one in found]], taken


def _labels(
    rows: "pd.DataFrame",
    label: str | Sequence[str] | None,
    task: Task | None,
    separator: str | None,
) -> np.ndarray | None:
    if label is None:
        return None
    if task is None:
        raise UserError(f"{rows.attrs['path']}: its labels need the task, which knows the classes")

    def where(row: int) -> str:
        return f"{rows.attrs['path']}: line {rows.index[row]}"

    if isinstance(label, str):
        return encoded(task, rows[label].tolist(), where, separator)
    return of_columns(task, rows[[*label]].to_numpy().tolist(), where)
