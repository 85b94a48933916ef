"""Pictures that are copies of others of the same part: what a split must keep on one side.

Copies with two labels are a fault of the data.
"""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from common.data.images import decode
from common.data.lookalikes import Fingerprint, find_pairs, fingerprint, groups
from common.data.pictures import Pictures
from common.data.records import RECORD, Records
from common.progress import report
from common.tasks.task import Task
from common.text import some

MOST = 20_000  # pictures that are looked through, in minutes
# Nine of ten pictures that were cropped, lit and compressed anew are within 10 bits of the
# original, and X-rays of different people seldom are: within 16 bits an audit of 1,806 X-rays
# aligns 88,000 pairs, within 10 bits 3,200.
_BITS, _AGREEMENT = 10, 0.97
_LOOKS = 3  # pairs that are aligned for each picture, at most
_SIDE = 128  # pixels of the shorter side that are enough: JPEG files are decoded reduced
_EVERY = 2.0  # seconds between progress lines
_NAMED = 4  # copies in a line


def find_copies(records: Records) -> list[list[int]]:
    """Return the rows of pictures that are copies of each other, exact or near, a list a group.

    Pictures of one colour are copies of none: there may be many, and there is nothing in them that
    a network could have seen before. Nor are those that cannot be read, as a training will say.
    """
    pictures, last = Pictures(records, 1), time.monotonic()

    def look(row: int) -> Fingerprint | None:
        try:
            return fingerprint(decode(pictures.content(row), least=_SIDE))
        except (ValueError, IndexError, OSError):
            return None

    report("copies", looked_at=f"0/{len(records)}")
    prints: dict[int, Fingerprint] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for row, known in enumerate(pool.map(look, range(len(records)))):
            if known and not known.plain:
                prints[row] = known
            if time.monotonic() > last + _EVERY:
                last = time.monotonic()
                report("copies", looked_at=f"{row + 1}/{len(records)}")
    rows = list(prints)
    found = find_pairs(list(prints.values()), _BITS, _AGREEMENT, _LOOKS * len(records))
    return [[rows[number] for number in group] for group in groups(found.pairs)]


def byte_faults(parts: Sequence[Records], task: Task) -> list[str]:
    """Return a line where pictures with the same bytes have two labels, or are in train and others.

    The first of ``parts`` is train; test may have no labels. Among up to 20,000 pictures (else not
    test, or none), of which those are read that may have as many bytes as another; an audit
    compares what pictures show. Nothing is said of pairs.
    """
    while parts and sum(map(len, parts)) > MOST:
        parts = parts[:-1]
    if not parts or parts[0].seconds is not None:  # a picture is in several pairs
        return []
    lengths = [_lengths(part) for part in parts]
    lone = [n for n, count in Counter(np.concatenate(lengths).tolist()).items() if count == 1]
    first_of: dict[bytes, tuple[Records, int]] = {}
    two, again = [], dict[str, list[str]]()
    for part, own in zip(parts, lengths, strict=True):
        pictures = Pictures(part, 1)
        for row in np.flatnonzero(~np.isin(own, lone)).tolist():
            try:
                content = pictures.content(row)
            except (OSError, ValueError):  # whoever trains on it says so
                continue
            known, first = first_of.setdefault(hashlib.sha256(content).digest(), (part, row))
            if known is parts[0] and part is not known:
                again.setdefault(part.name, []).append(str(part.ids[row]))
            if known.labels is None or part.labels is None:
                continue
            if not np.array_equal(known.labels[first], part.labels[row]):
                two.append(f"{_labelled(known, first, task)} and {_labelled(part, row, task)}")
    lines = [f"one picture with two labels: {len(two)} ({some(two, _NAMED)})"] if two else []
    return lines + [
        f"{len(ids)} of the {sum(len(part) for part in parts if part.name == name)} pictures of "
        f"{name} are in {parts[0].name} too, with the same bytes ({some(ids, _NAMED)}): its score "
        f"is too good"
        for name, ids in again.items()
    ]


def _labelled(part: Records, row: int, task: Task) -> str:
    assert part.labels is not None
    return f"{part.name}/{part.ids[row]} {task.describe(part.labels[row])}"


def _lengths(records: Records) -> np.ndarray:
    """Bytes by which pictures differ if they are not the same, ``(pictures,)``.

    Records of one picture have as many bytes, but for their id and label: a number of seven bits
    takes one byte.
    """
    labels = np.zeros(0) if records.labels is None else np.asarray(records.labels)
    named = np.array([len(name.encode()) for name in records.ids.tolist()], np.int64)
    numbers = labels.ndim == 1 and labels.dtype.kind in "iu"
    in_record = named + (labels > 127 if numbers and len(labels) else 0)
    places = records.places
    return np.asarray(places[:, 2] - np.where(places[:, 3] == RECORD, in_record, 0))
