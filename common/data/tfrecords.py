"""TFRecords of labelled pictures, as Kaggle's TPU competitions give them.

A record holds ``image`` (JPEG bytes), ``id`` (text) and, unless it is test data, ``class``
(int64). The number of pictures stands at the end of a file's name (``00-331x331-798.tfrec``).
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.inputs import listing

_COUNT = re.compile(r"-(\d+)\.tfrec$")
_BATCH = 512


@dataclass(frozen=True)
class Records:
    """One part of the data.

    Attributes:
        name: ``train``, ``val`` or ``test``.
        files: in reading order.
        ids: ``(pictures,)`` text, in reading order.
        labels: ``(pictures, …)`` as the competition's task has them, or None where there are none.
        places: ``(pictures, 3)`` int64: number of the file, first byte and length of each record.
        whole_files: whether each file is a picture, and not a TFRecord of several.
    """

    name: str
    files: tuple[Path, ...]
    ids: np.ndarray
    labels: np.ndarray | None
    places: np.ndarray
    whole_files: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> "Records":
        """Some of the pictures, in the order of ``rows``: ``(n,)`` numbers, or a mask."""
        labels = None if self.labels is None else self.labels[rows]
        ids, places = self.ids[rows], self.places[rows]
        return Records(self.name, self.files, ids, labels, places, self.whole_files)


def join(name: str, first: Records, second: Records) -> Records:
    """The pictures of two labelled parts, one after the other."""
    assert first.labels is not None
    assert second.labels is not None
    moved = second.places + np.array([len(first.files), 0, 0])
    return Records(
        name,
        (*first.files, *second.files),
        np.concatenate([first.ids, second.ids]),
        np.concatenate([first.labels, second.labels]),
        np.concatenate([first.places, moved]),
        first.whole_files,
    )


def count_in_name(path: Path) -> int:
    """The number of pictures that a file's name promises. Raises UserError without one."""
    match = _COUNT.search(path.name)
    if match is None:
        raise UserError(f"{path}: its name does not end in -<number of pictures>.tfrec")
    return int(match.group(1))


def record_files(folder: Path) -> tuple[Path, ...]:
    """The ``*.tfrec`` of a folder, sorted. Raises UserError without any, or any without a count."""
    files = tuple(sorted(folder.glob("*.tfrec")))
    if not files:
        raise UserError(f"no *.tfrec in {folder}; {listing(folder.parent)}")
    for path in files:
        count_in_name(path)
    return files


def read_records(folder: Path, labelled: bool, classes: int) -> Records:
    """Read ids and labels of all ``*.tfrec`` in ``folder``, without decoding pictures.

    Raises UserError when there are no files, when a file is damaged or holds another number of
    records than its name says, and for a label outside ``0..classes-1``; it names the record.
    """
    files = record_files(folder)
    ids, labels, places = [], [], []
    for number, path in enumerate(files):
        file_ids, file_labels = _read_file(path, labelled)
        _check_count(path, len(file_ids))
        _check_labels(path, file_labels, classes)
        ids.append(file_ids)
        labels.append(file_labels)
        places.append(np.insert(record_places(path), 0, number, axis=1))
    every_label = np.concatenate(labels) if labelled else None
    return Records(folder.name, files, np.concatenate(ids), every_label, np.concatenate(places))


def record_places(path: Path) -> np.ndarray:
    """First byte and length of each record of a whole file, ``(records, 2)`` int64.

    A TFRecord is its length (uint64), a CRC of that (4 bytes), the record, and its CRC.
    """
    places, start, size = [], 0, path.stat().st_size
    with open(path, "rb") as file:
        while start < size:
            file.seek(start)
            (length,) = struct.unpack("<Q", file.read(8))
            places.append((start + 12, length))
            start += length + 16
    return np.array(places, dtype=np.int64).reshape(-1, 2)


def parse(record: Any, *names: str) -> dict[str, Any]:
    """The features ``names`` of one serialized record, or of a batch of them."""
    import tensorflow as tf

    kinds = {"image": tf.string, "id": tf.string, "class": tf.int64}
    features = {name: tf.io.FixedLenFeature([], kinds[name]) for name in names}
    one = record.shape.rank == 0
    return (tf.io.parse_single_example if one else tf.io.parse_example)(record, features)


def decode(jpeg: bytes) -> np.ndarray:
    """``(height, width, 3)`` uint8 of a JPEG's bytes; ValueError when it is none, or cut short."""
    import cv2

    flags = (
        cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    )  # as TensorFlow: EXIF turns nothing
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), flags) if jpeg else None
    if picture is None:
        raise ValueError(f"{len(jpeg)} bytes that are no whole JPEG")
    return picture


def first_fault(path: Path, features: tuple[str, ...] = ("image", "id")) -> str:
    """The first damaged record of a file (counted from 1) and what is wrong, or ``""``."""
    import tensorflow as tf

    number = 0
    reader = iter(tf.data.TFRecordDataset(str(path)))
    while True:
        number += 1
        try:
            record = next(reader, None)
        except tf.errors.DataLossError as error:
            return f"record {number} is truncated or corrupt ({_short(error)})"
        if record is None:
            return ""
        fault = _fault_of(record, features)
        if fault:
            return f"record {number} {fault}"


def _fault_of(record: Any, features: tuple[str, ...]) -> str:
    import tensorflow as tf

    for name in features:
        try:
            values = parse(record, name)
        except tf.errors.InvalidArgumentError as error:
            return f"has no readable feature {name!r} ({_short(error)})"
        if name == "image":
            try:
                decode(values["image"].numpy())
            except ValueError as error:
                return f"holds no readable JPEG ({error})"
    return ""


def _read_file(path: Path, labelled: bool) -> tuple[np.ndarray, np.ndarray]:
    import tensorflow as tf

    names = ("id", "class") if labelled else ("id",)
    ids, labels = [np.empty(0, dtype=np.str_)], [np.empty(0, dtype=np.int64)]
    try:
        for batch in tf.data.TFRecordDataset(str(path)).batch(_BATCH):
            values = parse(batch, *names)
            ids.append(values["id"].numpy().astype(np.str_))
            if labelled:
                labels.append(values["class"].numpy())
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
        fault = first_fault(path, names) or _short(error)
        raise UserError(f"{path.resolve()}: {fault}: fetch the file again") from error
    return np.concatenate(ids), np.concatenate(labels)


def _check_count(path: Path, read: int) -> None:
    promised = count_in_name(path)
    if read != promised:
        raise UserError(
            f"{path.resolve()}: holds {read} records, its name says {promised}: "
            f"fetch the file again"
        )


def _check_labels(path: Path, labels: np.ndarray, classes: int) -> None:
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        more = f", and so have {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise UserError(
            f"{path.resolve()}: record {wrong[0] + 1} has label {labels[wrong[0]]}, outside "
            f"0..{classes - 1}{more}: mend the file or fetch it again"
        )


def _short(error: Exception) -> str:
    """TensorFlow's own words, without its operation names."""
    text = str(getattr(error, "message", error)).split("}}")[-1].split(" [Op:")[0]
    return text.strip().splitlines()[0][:120] if text.strip() else "no message"
