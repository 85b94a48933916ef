"""What is wrong with a part of the data, found before anything is trained on it.

Each fault is one line that names the record and its file.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from common.data.archives import in_words
from common.data.names import nfc
from common.data.records import RECORD, Records
from common.errors import UserError
from common.inputs import as_given


def where(records: Records, row: int) -> str:
    """Return the picture's file, and its name or number in that, for a message."""
    from common.data.tfrecords import record_places

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
