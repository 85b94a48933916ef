"""TFRecords of labelled pictures, as Kaggle's TPU competitions give them.

A record has ``image`` (JPEG bytes), ``id`` (text) and, unless it is test data, ``class``
(int64). The number of pictures is at the end of a file's name (``00-331x331-798.tfrec``).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from common.content import nature
from common.data.faults import check_ids
from common.data.feeding import without_autotuner
from common.data.framing import record_places
from common.data.images import PictureError, check_header
from common.data.names import nfc
from common.data.records import Records
from common.errors import UserError
from common.inputs import as_given, listing

_COUNT = re.compile(r"-(\d+)\.tfrec$")


def count_in_name(path: Path) -> int:
    """Return the number of pictures that a file's name promises. Raises UserError without one."""
    match = _COUNT.search(path.name)
    if match is None:
        raise UserError(f"{as_given(path)}: its name does not end in -<number of pictures>.tfrec")
    return int(match.group(1))


def record_files(folder: Path) -> tuple[Path, ...]:
    """Return the sorted ``*.tfrec`` of a folder.

    Raises UserError when there is none, or a name has no count.
    """
    files = tuple(sorted(folder.glob("*.tfrec")))
    if not files:
        raise UserError(f"no *.tfrec in {as_given(folder)}; {listing(folder.parent)}")
    for path in files:
        count_in_name(path)
    return files


def read_records(folder: Path, labelled: bool, classes: int) -> Records:
    """Read ids and labels of all ``*.tfrec`` in ``folder``, without decoding pictures.

    Raises UserError naming the record when a file is damaged, for a label outside
    ``0..classes-1``, an id that is no text or comes twice, and when there is another number of
    records than the file's name says.
    """
    files = record_files(folder)
    names = ("id", "class") if labelled else ("id",)
    read: list[list[Any]] = []
    places = []
    for number, path in enumerate(files):
        start = len(read)
        try:
            for record in records_of(path):
                read.append(parse(record, *names, classes=classes))
        except ValueError as error:
            fault = f"record {len(read) - start + 1} {error}"
            raise UserError(f"{as_given(path)}: {fault}: fetch the file again") from None
        if len(read) - start != count_in_name(path):
            raise UserError(
                f"{as_given(path)}: has {len(read) - start} records, its name says "
                f"{count_in_name(path)}: fetch the file again"
            )
        places.append(record_places(path, number))
    ids = np.array([values[0] for values in read], np.str_)
    labels = np.array([values[1] for values in read], np.int64) if labelled else None
    return check_ids(Records(folder.name, files, ids, labels, np.concatenate(places)))


def records_of(path: Path) -> Iterator[bytes]:
    """Yield the serialized records of a file. Raises ValueError where it is damaged."""
    import tensorflow as tf

    try:
        if path.stat().st_size:  # TensorFlow takes an empty file for one without records
            dataset = tf.data.TFRecordDataset(str(path)).prefetch(16)
            yield from without_autotuner(dataset).as_numpy_iterator()
    except tf.errors.DataLossError:
        with open(path, "rb") as file:
            what = nature(file.read(64))
        raise ValueError(f"is truncated or corrupt{f': {what}' if what else ''}") from None
    except (tf.errors.OpError, OSError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__.removesuffix("Error")
        raise ValueError(f"cannot be read: {reason}") from None


def parse(record: bytes, *names: str, classes: int | None = None) -> list[Any]:
    """Return the features ``names`` of a record: ``image`` bytes, ``id`` text, ``class`` a number.

    Ids are in NFC. Raises ValueError for the first that is missing, a class outside
    ``0..classes-1``, and an id that is no text.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.train import Example

    try:
        features = Example.FromString(record).features.feature
    except DecodeError:
        raise ValueError("is no tf.train.Example") from None
    found: list[Any] = []
    for name in names:
        values = features[name].int64_list if name == "class" else features[name].bytes_list
        if not values.value:
            raise ValueError(f"has no feature {name!r}")
        value = values.value[0]
        if name == "class" and classes is not None and not 0 <= value < classes:
            raise ValueError(f"has label {value}, outside 0..{classes - 1}")
        found.append(_id(value) if name == "id" else value)
    return found


def _id(value: bytes) -> str:
    """An id's text. Raises ValueError for what cannot be in a table."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise ValueError(f"has an id that is not UTF-8: {value[:40]!r}") from None
    if not text.strip() or not text.isprintable():
        raise ValueError(f"has an id that is no text: {value[:40]!r}")
    return nfc(text)


def decode(content: bytes | memoryview, checked: bool = False) -> np.ndarray:
    """Decode a picture to ``(height, width, 3)`` uint8, as TensorFlow does it: EXIF turns nothing.

    With ``checked`` its header is not looked at again (``images.check_header``), which takes a
    tenth of the time. Raises PictureError for what is no whole picture, or too large.
    """
    import cv2

    if not checked:
        check_header(bytes(content))
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:
        picture = None
    if picture is None:
        raise PictureError(f"{len(content)} bytes that are no whole picture")
    return picture
