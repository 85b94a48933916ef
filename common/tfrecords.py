"""TFRecords of labelled pictures, as Kaggle's TPU competitions give them.

A record holds ``image`` (JPEG bytes), ``id`` (text) and, unless it is test data, ``class``
(int64). The number of pictures stands at the end of a file's name (``00-331x331-798.tfrec``).
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
        labels: ``(pictures,)`` int64, or None where the data has none.
    """

    name: str
    files: tuple[Path, ...]
    ids: np.ndarray
    labels: np.ndarray | None

    def __len__(self) -> int:
        return len(self.ids)


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
    ids, labels = [], []
    for path in files:
        file_ids, file_labels = _read_file(path, labelled)
        _check_count(path, len(file_ids))
        _check_labels(path, file_labels, classes)
        ids.append(file_ids)
        labels.append(file_labels)
    every_label = np.concatenate(labels) if labelled else None
    return Records(folder.name, files, np.concatenate(ids), every_label)


def parse(record: Any, *names: str) -> dict[str, Any]:
    """The features ``names`` of one serialized record, or of a batch of them."""
    import tensorflow as tf

    kinds = {"image": tf.string, "id": tf.string, "class": tf.int64}
    features = {name: tf.io.FixedLenFeature([], kinds[name]) for name in names}
    one = record.shape.rank == 0
    return (tf.io.parse_single_example if one else tf.io.parse_example)(record, features)


def decode(jpeg: Any) -> Any:
    """``(height, width, 3)`` uint8 of a JPEG's bytes."""
    import tensorflow as tf

    return tf.io.decode_jpeg(jpeg, channels=3)


@contextmanager
def faults_located(files: Sequence[Path]) -> Iterator[None]:
    """Turn TensorFlow's error over damaged data into a UserError that names file and record.

    The fast path stays free of checks: only after an error are the files read again, slowly.
    """
    import tensorflow as tf

    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, ValueError) as error:
        for path in files:
            fault = first_fault(path)
            if fault:
                # Where inputs are mounted as links, the file itself is named.
                raise UserError(f"{path.resolve()}: {fault}: fetch the file again") from error
        raise


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
                decode(values["image"])
            except tf.errors.InvalidArgumentError as error:
                return f"holds no readable JPEG ({_short(error)})"
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
