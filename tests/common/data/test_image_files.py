"""Pictures that are files of their own: read as they lie, stratified, and named when broken."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from common.data.files import image_files
from common.data.pictures import Pictures
from common.data.splits import hold_out
from common.errors import UserError
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(20):
        shade = np.full((8 + number % 3, 9, 3), 10 * number, np.uint8)
        ending = ("jpg", "png", "bmp")[number % 3]
        cv2.imwrite(str(tmp_path / f"p{number}.{ending}"), shade)
    return tmp_path


def paths(folder: Path) -> list[Path]:
    return sorted(folder.iterdir(), key=lambda path: int(path.stem[1:]))


@pytest.mark.parametrize("cache", ["none", "memory"])
def test_each_file_is_a_picture_under_its_id(folder: Path, cache: str) -> None:
    files = paths(folder)
    records = image_files("train", files, [path.name for path in files], np.arange(20) % 4)
    pictures = Pictures(records.take(np.array([3, 7])), 8, cache)
    assert pictures.records.ids.tolist() == ["p3.jpg", "p7.png"]
    assert pictures.labels.tolist() == [3, 3]
    assert pictures[0].shape == (8, 8, 3)
    assert abs(int(pictures[0].mean()) - 30) <= 1
    assert int(pictures[1].mean()) == 70


def test_validation_is_stratified_and_nothing_is_lost(folder: Path) -> None:
    files = paths(folder)
    task = Classification(("a", "b", "c", "d"))
    train, validation = hold_out(image_files("train", files, files, np.arange(20) % 4), task, 0.25)
    assert (train.name, validation.name) == ("train", "val")
    assert np.bincount(validation.labels).sum() == 5
    assert sorted([*train.ids, *validation.ids]) == sorted(map(str, files))
    several = np.tile([[1, 0], [1, 1]], (10, 1))
    train, validation = hold_out(
        image_files("train", files, files, several), MultiLabel(("a", "b"))
    )
    assert validation.labels.mean(axis=0).tolist() == [1.0, 0.5]


def test_a_broken_picture_is_named(folder: Path) -> None:
    (folder / "p4.png").write_bytes(b"\x89PNG no more")
    files = paths(folder)
    pictures = Pictures(image_files("test", files, files), 8)
    with pytest.raises(UserError, match="p4.png: no readable picture: fetch the file again"):
        pictures[4]


def test_what_does_not_fit_is_one_line(folder: Path) -> None:
    files = paths(folder)
    with pytest.raises(
        UserError, match="test: 1 of 21 pictures are not there, the first is .*x.jpg"
    ):
        image_files("test", [*files, folder / "x.jpg"], range(21))
    with pytest.raises(UserError, match="train: the id 7 comes 20 times"):
        image_files("train", files, [7] * 20)
    with pytest.raises(UserError, match="train: 20 files, 20 ids and 3 labels"):
        image_files("train", files, files, [1, 2, 3])
    with pytest.raises(UserError, match="test: there are no pictures"):
        image_files("test", [], [])
    with pytest.raises(UserError, match="test has no labels"):
        hold_out(image_files("test", files, files), Classification(("a",)))
