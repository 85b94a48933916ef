"""``split.csv``: on which side of a split each picture is."""

from collections.abc import Iterable
from pathlib import Path

from common.data.records import Records
from common.data.tables import write_table
from common.tasks.task import Task

NAME, COLUMNS = "split.csv", ("id", "part", "fold", "group", "label")


def write_split(folder: Path, parts: Iterable[tuple[Records, str, str]], task: Task) -> None:
    """Write ``split.csv``: which picture was trained on and which one validated on.

    A row a picture: ``id``, ``part`` (``train`` or ``val``, and ``test`` where it is split anew),
    ``fold`` (in which it is validated on; empty without folds), ``group`` and ``label`` in words.
    ``parts`` are pictures, with their part and fold; where one kernel carries out all folds it has
    no train.
    """
    rows = []
    for records, part, number in parts:
        assert records.labels is not None
        groups = [""] * len(records) if records.groups is None else records.groups.tolist()
        labels = map(task.describe, records.labels)
        for name, group, label in zip(records.ids.tolist(), groups, labels, strict=True):
            rows.append((name, part, number, group, label))
    write_table(folder / NAME, COLUMNS, rows)
