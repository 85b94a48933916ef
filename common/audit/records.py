"""Reads every record of a data set for its audit: what is in it, or why it cannot be used."""

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.data.lookalikes import Fingerprint, fingerprint
from common.data.tfrecords import count_in_name, decode, parse, records_of
from common.errors import UserError
from common.inputs import as_given
from common.progress import report


@dataclass(frozen=True)
class Split:
    """One part of the data: its name for people, its TFRecords, whether they have labels."""

    name: str
    files: tuple[Path, ...]
    labelled: bool


@dataclass(frozen=True)
class Picture:
    """One picture: where it is (records count from 1) and its fingerprint."""

    split: str
    id: str
    label: int | None
    file: Path
    record: int
    print: Fingerprint


@dataclass(frozen=True)
class BrokenRecord:
    """A record that cannot be used, and why; number 0 is the file as a whole."""

    split: str
    file: str
    record: int
    reason: str


def read_pictures(
    splits: Sequence[Split], classes: int
) -> tuple[tuple[Picture, ...], tuple[BrokenRecord, ...]]:
    """Read fingerprints of every picture that can be read, and the records that cannot.

    Labels outside of ``0..classes-1`` are among the latter. A file at a time is in memory.
    """
    pictures: list[Picture] = []
    broken: list[BrokenRecord] = []
    for split in splits:
        for path in split.files:
            for found in _read_file(split, path, classes):
                if isinstance(found, BrokenRecord):
                    broken.append(found)
                else:
                    pictures.append(found)
            report("reading", split=split.name, file=path.name, pictures=len(pictures))
    return tuple(pictures), tuple(broken)


def read_picture(picture: Picture) -> np.ndarray:
    """Read the picture itself once more, ``(height, width, 3)`` uint8."""
    record = next(itertools.islice(records_of(picture.file), picture.record - 1, None))
    return decode(parse(record, "image")[0])


def _read_file(split: Split, path: Path, classes: int) -> Iterator[Picture | BrokenRecord]:
    def read(number: int, record: bytes) -> Picture | BrokenRecord:
        try:
            names = ("id", "image", "class") if split.labelled else ("id", "image")
            name, jpeg, label = [*parse(record, *names, classes=classes), None][:3]
            return Picture(split.name, name, label, path, number, fingerprint(decode(jpeg)))
        except ValueError as error:
            return BrokenRecord(split.name, path.name, number, str(error))

    records: list[bytes] = []
    fault = ""
    try:
        for record in records_of(path):
            records.append(record)
    except ValueError as error:
        fault = f"{error} after record {len(records)}: the rest is lost"
    with ThreadPoolExecutor() as pool:  # decoding releases Python's lock
        yield from pool.map(read, itertools.count(1), records)
    fault = fault or _name_fault(path, len(records))
    if fault:
        yield BrokenRecord(split.name, path.name, 0, fault)


def _name_fault(path: Path, records: int) -> str:
    """What its name says that is not so; empty if nothing."""
    try:
        promised = count_in_name(path)
    except UserError as error:
        return str(error).removeprefix(f"{as_given(path)}: ")
    return "" if records == promised else f"has {records} records, its name says {promised}"
