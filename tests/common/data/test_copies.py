"""Copies among the pictures of a part, and splits of real pictures by what they show."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.data.copies import byte_faults, find_copies
from common.data.layouts import image_files, labels_in_names, table
from common.data.lookalikes import Pair, unchained
from common.data.records import Records
from common.data.splits import hold_out, join_labelled, one_fold
from common.data.tfrecords import read_records
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Number
from support import flowers, real

TASK = Classification(("a", "b", "c"))


def blotches(seed: int) -> np.ndarray:
    """A picture ``(64, 64, 3)`` uint8 that no other seed has."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (7, 7, 3)).astype(np.uint8)
    return cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC)


def test_copies_are_found_and_a_broken_picture_is_none(tmp_path: Path) -> None:
    pictures = [*map(blotches, range(30)), blotches(3), blotches(4)[2:, :-2], blotches(4)[:, ::-1]]
    pictures += [np.full((64, 64, 3), 200, np.uint8)] * 2  # of one colour: no copies
    paths = [tmp_path / f"{number}.png" for number in range(len(pictures) + 1)]
    for path, picture in zip(paths, pictures, strict=False):
        cv2.imwrite(str(path), picture)
    paths[-1].write_bytes(b"no picture")
    assert find_copies(image_files("train", paths, paths)) == [[3, 30], [4, 31, 32]]


def test_a_chain_of_lookalikes_is_not_one_group() -> None:
    chain = [Pair(n, n + 1, "near", 9, 0.971) for n in range(200)]
    copies = [Pair(500, 501, "near", 2, 0.995), Pair(500, 502, "exact")]
    assert unchained([*chain, *copies], 1000, 0.97) == (copies, 0.985)
    assert unchained([*chain, *copies], 20_000, 0.97) == ([*chain, *copies], 0.97)  # few of so many
    same = [Pair(0, n, "exact") for n in range(1, 100)]  # black frames, for example
    assert unchained([*same, *chain], 1000, 0.97) == (same, 1.0)
    assert unchained([], 1000, 0.97) == ([], 0.97)


def test_one_picture_with_two_labels_is_a_line(tmp_path: Path) -> None:
    contents = [b"one", b"two", b"one", b"three", b"two", b"one"]
    paths = [tmp_path / f"{number}.jpg" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    names = [path.name for path in paths]
    labels = np.array([0, 1, 2, 1, 1, 0])
    records = image_files("train", paths, names, labels)
    assert byte_faults([records], TASK) == [
        "one picture with two labels: 1 (train/0.jpg a and train/2.jpg c)"
    ]
    paths[2].unlink()  # a training will say so
    assert byte_faults([records], TASK) == []
    several = image_files("train", paths[:2], names[:2], np.array([[1, 0], [0, 1]]))
    assert byte_faults([several], MultiLabel(("a", "b"))) == []


def test_pictures_of_train_in_validation_and_test_are_a_line_each(tmp_path: Path) -> None:
    def part(name: str, contents: list[bytes], labels: list[int] | None) -> Records:
        paths = [tmp_path / f"{name}{number}.jpg" for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        return image_files(name, paths, [p.name for p in paths], labels and np.array(labels))

    train = part("train", [b"one", b"two", b"three"], [0, 1, 2])
    validation = part("val", [b"two", b"six", b"one"], [1, 1, 0])
    test = part("test", [b"six", b"three", b"seven"], None)
    assert byte_faults([train, validation, test], TASK) == [
        f"{said}: its score is too good"
        for said in (
            "2 of the 3 pictures of val are in train too, with the same bytes (val0.jpg, val2.jpg)",
            "1 of the 3 pictures of test are in train too, with the same bytes (test1.jpg)",
        )
    ]
    assert byte_faults([train, test], TASK)[0].startswith("1 of the 3 pictures of test")
    assert byte_faults([validation.take(np.array([1])), train], TASK) == []


def test_one_record_with_two_labels_is_a_line(tmp_path: Path) -> None:
    task = Classification(tuple(map(str, range(200))))
    jpegs = [cv2.imencode(".jpg", blotches(n))[1].tobytes() for n in range(3)]
    rows = [("a", 5, 0), ("long name", 150, 0), ("b", 7, 1), ("cc", 7, 1), ("d", 9, 2)]
    records = [flowers.example(name, label, jpegs[n]) for name, label, n in rows]
    flowers.write_file(tmp_path / "00-64x64-3.tfrec", records[:3])
    flowers.write_file(tmp_path / "01-64x64-2.tfrec", records[3:])
    name = tmp_path.name
    said = f"one picture with two labels: 1 ({name}/a 5 and {name}/long name 150)"
    assert byte_faults([read_records(tmp_path, True, 200)], task) == [said]
    numbers = replace(read_records(tmp_path, True, 200), labels=np.arange(5.0))  # in a table
    assert len(byte_faults([numbers], Number(0, 9))) == 1


def xrays() -> tuple[Records, Classification]:
    """By patient: ``person12_bacteria_47.jpeg``, ``NORMAL2-IM-0482-0001.jpeg``."""
    task = Classification(("NORMAL", "PNEUMONIA"))
    pattern = r"(?P<label>NORMAL|PNEUMONIA)/(?P<group>person\d+|(NORMAL2-)?IM-\d+)"
    folder = real.data("chest-xray-pneumonia", "chest_xray", "train")
    return labels_in_names("train", folder, pattern, task), task


def paintings() -> tuple[Records, Classification]:
    """By artist; the classes are made up: no artist has paintings in two parts."""
    root, task = real.data("painter-by-numbers"), Classification(("a", "b", "c"))
    read = table("train", root / "train_info.csv", root / "train", "filename", group="artist")
    return replace(read, labels=np.char.str_len(read.columns["title"]) % 3), task


def faces() -> tuple[Records, Classification]:
    """By person; the classes are those with many pictures and the others."""
    read = labels_in_names("train", real.data("lfw-dataset"), "(?P<group>[^/]+)/")
    assert read.groups is not None
    first = read.take(np.argsort(read.ids)[:2000])
    _, person, count = np.unique(first.groups, return_inverse=True, return_counts=True)
    return replace(first, labels=(count[person] > 4).astype(int)), Classification(("few", "many"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("read", "groups", "copies"), [(xrays, 1203, 10), (paintings, 30, 20), (faces, 1224, 2)]
)
def test_no_group_of_real_pictures_stands_on_both_sides(
    read: Callable[[], tuple[Records, Classification]], groups: int, copies: int
) -> None:
    whole, task = read()
    train, validation = hold_out(whole, task)
    said = f"{groups:,} groups kept together, {copies} pictures kept with their copies, seed 0"
    assert said in validation.split
    both = join_labelled(train, validation)
    folds = [(train, validation), *(one_fold(both, task, 5, n, 1) for n in range(5))]
    for others, part in folds:
        assert others.groups is not None
        assert part.groups is not None
        assert not {*others.groups.tolist()} & {*part.groups.tolist()}
        assert sorted([*others.ids, *part.ids]) == sorted(whole.ids)
        share = np.bincount(part.labels) / np.bincount(whole.labels)
        assert np.all(np.abs(share - 0.2) < 0.04)
    assert sum(len(part) for _, part in folds[1:]) == len(whole)
