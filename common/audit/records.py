"""Reads every record of a data set for its audit: what it holds, or why it cannot be used."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from common.audit.lookalikes import Fingerprint, fingerprint
from common.data.tfrecords import count_in_name, decode
from common.progress import report


@dataclass(frozen=True)
class Split:
    """One part of the data: its name for people, its TFRecords, whether they have labels."""

    name: str
    files: tuple[Path, ...]
    labelled: bool


@dataclass(frozen=True)
class Picture:
    """One picture: where it stands (records count from 1) and its fingerprint."""

    split: str
    id: str
    label: int | None
    file: Path
    record: int
    print: Fingerprint


@dataclass(frozen=True)
class Broken:
    """A record that cannot be used, and why; number 0 is the file as a whole."""

    split: str
    file: str
    record: int
    reason: str


def read_pictures(
    splits: Sequence[Split], classes: int
) -> tuple[tuple[Picture, ...], tuple[Broken, ...]]:
    """Fingerprints of every picture that can be read, and the records that cannot.

    Labels outside of ``0..classes-1`` are among the latter. A file at a time is in memory.
    """
    pictures: list[Picture] = []
    broken: list[Broken] = []
    for split in splits:
        for path in split.files:
            for found in _read_file(split, path, classes):
                if isinstance(found, Broken):
                    broken.append(found)
                else:
                    pictures.append(found)
            report("reading", split=split.name, file=path.name, pictures=len(pictures))
    return tuple(pictures), tuple(broken)


def read_picture(picture: Picture) -> np.ndarray:
    """The picture itself once more, ``(height, width, 3)`` uint8."""
    import tensorflow as tf

    records = tf.data.TFRecordDataset(str(picture.file)).skip(picture.record - 1).take(1)
    record = next(iter(records.as_numpy_iterator()))
    return decode(_parse(record, labelled=False)[2])


def _read_file(split: Split, path: Path, classes: int) -> Iterator[Picture | Broken]:
    records, fault = _records(path)
    read = partial(_picture, split, path, classes)
    with ThreadPoolExecutor() as pool:  # decoding leaves Python's lock
        yield from pool.map(read, range(1, len(records) + 1), records)
    promised = count_in_name(path)
    if not fault and len(records) != promised:
        fault = f"holds {len(records)} records, its name says {promised}"
    if fault:
        yield Broken(split.name, path.name, 0, fault)


def _records(path: Path) -> tuple[list[bytes], str]:
    """The records of a file, as far as they can be read, and what ended them, or ``""``."""
    import tensorflow as tf

    records: list[bytes] = []
    try:
        for record in tf.data.TFRecordDataset(str(path)).prefetch(16).as_numpy_iterator():
            records.append(record)
    except tf.errors.DataLossError:
        return records, f"is truncated or corrupt after record {len(records)}: the rest is lost"
    return records, ""


def _picture(
    split: Split, path: Path, classes: int, number: int, record: bytes
) -> Picture | Broken:
    try:
        name, label, jpeg = _parse(record, split.labelled)
        if label is not None and not 0 <= label < classes:
            raise ValueError(f"label {label} is outside 0..{classes - 1}")
        print_of = fingerprint(decode(jpeg))
    except ValueError as error:
        return Broken(split.name, path.name, number, str(error))
    return Picture(split.name, name, label, path, number, print_of)


def _parse(record: bytes, labelled: bool) -> tuple[str, int | None, bytes]:
    """Id, label and JPEG of a record. Raises ValueError where one is missing."""
    from google.protobuf.message import DecodeError
    from tensorflow.train import Example

    try:
        features = Example.FromString(record).features.feature
    except DecodeError:
        raise ValueError("not a tf.train.Example") from None
    for name in ("id", "image", "class") if labelled else ("id", "image"):
        values = features[name].int64_list if name == "class" else features[name].bytes_list
        if not values.value:
            raise ValueError(f"no feature {name!r}")
    label = features["class"].int64_list.value[0] if labelled else None
    name = features["id"].bytes_list.value[0].decode("utf-8", "replace")
    return name, label, features["image"].bytes_list.value[0]
