"""What is wrong with a part of the data, found before anything is trained on it.

Each fault is one line that names the record and its file, or the classes.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from common.data.archives import in_words
from common.data.framing import record_places
from common.data.names import nfc
from common.data.records import RECORD, Records
from common.errors import UserError
from common.inputs import as_given
from common.tasks.task import Task
from common.text import some

_NAMED = 4  # what a line names one by one


def where(records: Records, row: int) -> str:
    """Return the picture's file, and its name or number in that, for a message."""
    number, start, _, kind = records.places[row].tolist()
    path = records.files[number]
    if kind == RECORD:
        path = as_given(path)
        return f"{path}: record {1 + np.searchsorted(record_places(path)[:, 1], start)}"
    return in_words(path, start, kind)


def check_ids(records: Records) -> Records:
    """Return ``records``. Raises UserError for an id that is empty, or comes twice in any form."""
    keys = np.array([nfc(name) for name in records.ids.tolist()], np.str_)
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    if len(same):
        first, second = order[same[0]], order[same[0] + 1]
        times, places = np.count_nonzero(keys == keys[first]), where(records, first)
        if where(records, second) != places:  # a table may name one file twice
            places += f", and in {where(records, second)}"
        raise UserError(
            f"{records.name}: the id {keys[first]} comes {times} times: in {places}: keep one"
        )
    return records


def check_places(records: Records) -> Records:
    """Return ``records``. Raises UserError where two of them are one picture with a label each."""
    if records.labels is None:
        return records
    first_of: dict[tuple[int, ...], int] = {}
    for row, place in enumerate(map(tuple, records.places.tolist())):
        first = first_of.setdefault(place, row)
        if first != row and place[2]:  # files without bytes may lie at one place in an archive
            raise UserError(
                f"{records.name}: {records.ids[first]} and {records.ids[row]} are one picture, "
                f"{where(records, row)}: keep one of them, with its label"
            )
    return records


def check_against_sample(test: Records, sample: Path, ids: Iterable[str]) -> None:
    """Raise UserError where test has other ids than the competition's sample (``ids``).

    A submission needs a row for each id of the sample, and may have no other.
    """
    rows = {nfc(name): row for row, name in enumerate(test.ids.tolist())}
    wanted = {nfc(name): name for name in ids}
    more = [row for name, row in rows.items() if name not in wanted]
    lacking = [name for key, name in wanted.items() if key not in rows]
    if more or lacking:
        parts = []
        if more:
            parts.append(
                f"{len(more)} of its {len(rows)} pictures are not in the sample, the first is "
                f"{test.ids[more[0]]} ({where(test, more[0])})"
            )
        if lacking:
            parts.append(
                f"{len(lacking)} of the sample's {len(wanted)} ids have no picture, the first is "
                f"{lacking[0]}"
            )
        raise UserError(
            f"{test.name} and {as_given(sample)} have other ids: {'; '.join(parts)}: make the ids "
            f"of the competition's data.py those of the sample"
        )


def class_faults(train: Records, validation: Records, task: Task, folds: int = 0) -> list[str]:
    """Return what is strange in the classes of labelled parts, a line each; training can go on.

    Raises UserError where it cannot: train has one class alone, or none of validation's.
    """
    if not task.classes:
        return []
    learnt, asked = (_class_counts(part, task) for part in (train, validation))
    names = np.asarray(task.classes)
    if task.has_class_numbers and len(names) > 1 and np.count_nonzero(learnt) == 1:
        raise UserError(
            f"{train.name} has pictures of one class alone, {names[learnt.argmax()]}: there is "
            f"nothing to learn; look at the labels"
        )
    if not np.any((learnt > 0) & (asked > 0)):
        raise UserError(
            f"{train.name} has no picture of any class of {validation.name}, such as "
            f"{names[asked.argmax()]}: look at the labels, and whether each class is one group"
        )
    single = (learnt + asked == 1) & bool(folds)
    return [
        f"{what}: {np.count_nonzero(those)} of {len(names)} ({some(names[those].tolist(), _NAMED)})"
        for what, those in (
            ("classes without a picture in train or validation", learnt + asked == 0),
            ("classes that validation has not", (asked == 0) & (learnt > 0) & (folds == 0)),
            ("classes of validation that train has not", (asked > 0) & (learnt == 0) & ~single),
            ("classes with one picture, which the fold with it does not learn", single),
        )
        if those.any()
    ]


def _class_counts(records: Records, task: Task) -> np.ndarray:
    """Pictures of each class or label, ``(classes,)``."""
    labels = np.asarray(records.labels)
    if labels.ndim > 1:
        return np.asarray(np.count_nonzero(labels, axis=0))
    return np.bincount(labels, minlength=len(task.classes))
