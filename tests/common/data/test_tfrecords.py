"""Reading the data, and what is said when it is damaged."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.data.tfrecords import read_records
from common.errors import UserError
from competitions.petals_to_metal import data
from support import flowers

LABELS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]


def read(folder: Path, labelled: bool = True) -> object:
    return read_records(folder, labelled, 104)


def test_ids_and_labels_come_in_file_order(tmp_path: Path) -> None:
    flowers.shard(tmp_path, [7, 8], number=1)
    flowers.shard(tmp_path, [5, 103, 0], number=0)
    records = read_records(tmp_path, True, 104)
    assert records.ids.tolist() == ["0-0", "0-1", "0-2", "1-0", "1-1"]
    assert records.labels is not None
    assert records.labels.tolist() == [5, 103, 0, 7, 8]


def test_test_data_have_no_labels(tmp_path: Path) -> None:
    path = tmp_path / "00-24x24-2.tfrec"
    flowers.write_file(path, [flowers.example(name, None) for name in "ab"])
    records = read_records(tmp_path, False, 104)
    assert records.ids.tolist() == ["a", "b"]
    assert records.labels is None


def test_a_truncated_file_is_named_with_its_record(tmp_path: Path) -> None:
    path = flowers.shard(tmp_path, LABELS)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(UserError, match=rf"{path.name}: record 10 is truncated or corrupt"):
        read(tmp_path)


def test_a_damaged_byte_is_found_by_its_record(tmp_path: Path) -> None:
    path = flowers.shard(tmp_path, LABELS)
    content = bytearray(path.read_bytes())
    content[len(content) * 35 // 100] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"{path.name}: record 4 is truncated or corrupt"):
        read(tmp_path)


def test_a_count_that_is_not_the_names_is_refused(tmp_path: Path) -> None:
    path = flowers.shard(tmp_path, LABELS)
    path.rename(tmp_path / "00-24x24-11.tfrec")
    with pytest.raises(UserError, match="holds 10 records, its name says 11"):
        read(tmp_path)


def test_a_name_without_a_count_is_refused(tmp_path: Path) -> None:
    flowers.shard(tmp_path, LABELS).rename(tmp_path / "train.tfrec")
    with pytest.raises(UserError, match="does not end in -<number of pictures>"):
        read(tmp_path)


@pytest.mark.parametrize("label", [104, -1])
def test_a_label_outside_the_classes_is_named(tmp_path: Path, label: int) -> None:
    flowers.shard(tmp_path, [3, 5, label, 7])
    with pytest.raises(UserError, match=rf"00-24x24-4.tfrec: record 3 has label {label}, outside"):
        read(tmp_path)


def test_a_record_without_its_class_is_named(tmp_path: Path) -> None:
    records = [flowers.example("a", 1), flowers.example("b", None)]
    flowers.write_file(tmp_path / "00-24x24-2.tfrec", records)
    with pytest.raises(UserError, match="record 2 has no readable feature 'class'"):
        read(tmp_path)


def test_no_files_says_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match=r"no \*.tfrec in .*train; .* holds notes.txt, train"):
        read(tmp_path / "train")


@pytest.mark.parametrize(("wanted", "taken"), [(331, 331), (200, 224), (32, 192), (600, 512)])
def test_the_best_resolution_is_taken(tmp_path: Path, wanted: int, taken: int) -> None:
    for size in (192, 224, 331, 512):
        (tmp_path / f"tfrecords-jpeg-{size}x{size}").mkdir()
    assert data.resolution_folder(tmp_path, wanted).name == f"tfrecords-jpeg-{taken}x{taken}"


def test_a_folder_without_the_data_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(UserError, match=r"tfrecords-jpeg-<size>.*holds pictures"):
        data.load_from(tmp_path, 192)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    flowers.shard(tmp_path / "tfrecords-jpeg-24x24" / "train", [1, 2])
    with pytest.raises(UserError, match="no folder val, test"):
        data.load_from(tmp_path, 24)
