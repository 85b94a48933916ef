"""Reads every picture of a data set for its audit: what is in it, or why it cannot be used."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.data.images import decode_file
from common.data.lookalikes import Fingerprint, fingerprint
from common.data.pictures import Pictures
from common.data.records import Records
from common.data.tfrecords import count_in_name, decode, parse, records_of
from common.errors import UserError
from common.inputs import as_given
from common.progress import report

_NAMES = {"val": "validation"}


@dataclass(frozen=True)
class Split:
    """One part of the data: its name for people, its files, whether they have labels.

    The files are TFRecords unless ``records`` say where in them the pictures are.
    """

    name: str
    files: tuple[Path, ...]
    labelled: bool
    records: Records | None = None


def splits_of(parts: Iterable[Records | Split | None]) -> list[Split]:
    """Return the splits of all parts that there are; ``val`` is called validation."""
    splits = (
        part
        if isinstance(part, Split)
        else Split(part.name, part.files, part.labels is not None, part)
        for part in parts
        if part is not None
    )
    return [replace(split, name=_NAMES.get(split.name, split.name)) for split in splits]


@dataclass(frozen=True)
class Picture:
    """One picture: where it is (records of TFRecords count from 1) and its fingerprint."""

    split: str
    id: str
    label: int | None
    file: Path
    record: int
    print: Fingerprint
    among: Pictures | None = None  # whose row is ``record``, where there are no TFRecords


@dataclass(frozen=True)
class BrokenRecord:
    """A picture that cannot be used, and why; number 0 is the file as a whole."""

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
        files = [(path.name, _read_file(split, path, classes)) for path in split.files]
        for name, all_found in files if split.records is None else [("all", _read_records(split))]:
            for found in all_found:
                if isinstance(found, BrokenRecord):
                    broken.append(found)
                else:
                    pictures.append(found)
            report("reading", split=split.name, file=name, pictures=len(pictures))
    return tuple(pictures), tuple(broken)


def read_picture(picture: Picture) -> np.ndarray:
    """Read the picture itself once more, ``(height, width, 3)`` uint8."""
    if picture.among is not None:
        return picture.among.original(picture.record)
    record = next(itertools.islice(records_of(picture.file), picture.record - 1, None))
    return decode(parse(record, "image")[0])


def _read_records(split: Split) -> Iterator[Picture | BrokenRecord]:
    records = split.records
    assert records is not None
    pictures = Pictures(records, 1)

    def read(row: int) -> Picture | BrokenRecord:
        name, file = str(records.ids[row]), records.files[records.places[row, 0]]
        label = int(pictures.labels[row]) if split.labelled else None
        try:
            seen = decode_file(pictures.content(row), records.bits or 16)
        except (ValueError, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            return BrokenRecord(split.name, name, 0, reason)
        return Picture(split.name, name, label, file, row, fingerprint(seen), pictures)

    with ThreadPoolExecutor() as pool:  # decoding releases Python's lock
        yield from pool.map(read, range(len(records)))


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
