"""Reading the data, and what is said when it is damaged."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.data.framing import framed, serialized
from common.data.tfrecords import parse, read_records, records_of
from common.errors import UserError
from competitions.petals_to_metal import data
from support import flowers

LABELS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]


def test_ids_and_labels_come_in_file_order(tmp_path: Path) -> None:
    flowers.shard(tmp_path, [7, 8], number=1)
    path = flowers.shard(tmp_path, [5, 103, 0], number=0)
    records = read_records(tmp_path, True, 104)
    assert records.ids.tolist() == ["0-0", "0-1", "0-2", "1-0", "1-1"]
    assert records.labels is not None
    assert records.labels.tolist() == [5, 103, 0, 7, 8]
    assert read_records(tmp_path, False, 0).labels is None
    content = path.read_bytes()
    for (_, start, length, _), record in zip(records.places[:3], records_of(path), strict=True):
        assert content[start : start + length] == record


@pytest.mark.parametrize("label", [None, 0, 103, 1 << 40, -1])
@pytest.mark.parametrize("size", [0, 1, 127, 128, 70_000])
def test_a_file_is_what_tensorflow_writes(label: int | None, size: int, tmp_path: Path) -> None:
    import tensorflow as tf
    from tensorflow.train import BytesList, Example, Feature, Features, Int64List

    jpeg, name = bytes(range(256)) * (size // 256) + bytes(size % 256), "b 7, ä"
    content = {
        "id": Feature(bytes_list=BytesList(value=[name.encode()])),
        "image": Feature(bytes_list=BytesList(value=[jpeg])),
    }
    if label is not None:
        content["class"] = Feature(int64_list=Int64List(value=[label]))
    example = Example(features=Features(feature=content)).SerializeToString(deterministic=True)
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        writer.write(example)
    assert serialized(name, label, jpeg) == example
    assert framed(example) == (tmp_path / "theirs").read_bytes()
    known = ["image", "id", *([] if label is None else ["class"])]
    assert parse(example, *known) == [jpeg, name, label][: len(known)]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) * 35 // 100] ^= 0xFF
    path.write_bytes(content)


def rename(name: str) -> Callable[[Path], None]:
    return lambda path: path.rename(path.with_name(name)) and None


def write(record: bytes) -> Callable[[Path], None]:
    good = [flowers.example("a", 1)] * 9
    return lambda path: flowers.write_file(path, [good[0], record, *good[1:]]) and None


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (cut, "00-24x24-10.tfrec: record 10 is truncated or corrupt: fetch the file again"),
        (damage, "00-24x24-10.tfrec: record 4 is truncated or corrupt"),
        (rename("00-24x24-11.tfrec"), "has 10 records, its name says 11: fetch the file again"),
        (rename("train.tfrec"), "train.tfrec: its name does not end in -<number of pictures>"),
        (write(flowers.example("b", 104)), "record 2 has label 104, outside 0..103: fetch"),
        (write(flowers.example("b", -1)), "record 2 has label -1, outside 0..103"),
        (write(flowers.example("b", None)), "record 2 has no feature 'class': fetch"),
        (write(b"no example"), "record 2 is no tf.train.Example: fetch the file again"),
        (Path.unlink, "no *.tfrec in "),
    ],
)
def test_damage_is_named_with_its_record(
    tmp_path: Path, fault: Callable[[Path], None], said: str
) -> None:
    fault(flowers.shard(tmp_path / "train", LABELS))
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match=re.escape(said)) as error:
        read_records(tmp_path / "train", True, 104)
    assert "no *" not in said or str(error.value).endswith("has train (empty), notes.txt")


@pytest.mark.parametrize(("wanted", "taken"), [(331, 331), (200, 224), (32, 192), (600, 512)])
def test_the_best_resolution_is_taken(tmp_path: Path, wanted: int, taken: int) -> None:
    for size in (192, 224, 331, 512):
        for part in data.PARTS:
            flowers.shard(tmp_path / f"tfrecords-jpeg-{size}x{size}" / part, [1])
    assert data.check_folder(tmp_path, wanted).name == f"tfrecords-jpeg-{taken}x{taken}"


def test_a_folder_without_the_data_names_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(UserError, match=r"tfrecords-jpeg-<size>.*has pictures"):
        data.load_from(tmp_path, 192)
    flowers.shard(tmp_path / "tfrecords-jpeg-24x24" / "train", [1, 2])
    with pytest.raises(UserError, match=r"no \*.tfrec in .*val; .*24x24 has train"):
        data.load_from(tmp_path, 24)
