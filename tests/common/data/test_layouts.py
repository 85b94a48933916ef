"""Pictures that are files of their own: read as they are, stratified, and named when broken."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from common.data.layouts import image_files
from common.data.pictures import Pictures
from common.data.splits import hold_out
from common.errors import UserError
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = []
    for number in range(20):
        shade = np.full((8 + number % 3, 9, 3), 10 * number, np.uint8)
        paths.append(tmp_path / f"p{number}.{('jpg', 'png', 'bmp')[number % 3]}")
        cv2.imwrite(str(paths[-1]), shade)
    return paths


@pytest.mark.parametrize("cache", ["none", "memory"])
def test_each_file_is_a_picture_under_its_id(files: list[Path], cache: str) -> None:
    records = image_files("train", files, [path.name for path in files], np.arange(20) % 4)
    pictures = Pictures(records.take(np.array([3, 7])), 8, cache)
    assert pictures.records.ids.tolist() == ["p3.jpg", "p7.png"]
    assert pictures.labels.tolist() == [3, 3]
    assert pictures[0].shape == (8, 8, 3)
    assert abs(int(pictures[0].mean()) - 30) <= 1
    assert int(pictures[1].mean()) == 70


def test_a_header_is_looked_at_once(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bytes] = []
    monkeypatch.setattr("common.data.pictures.is_usual", lambda content: not looked.append(content))
    pictures = Pictures(image_files("train", files, files), 8)
    for _ in range(3):
        pictures.decode_all()
    assert len(looked) == len(files)


def test_validation_is_stratified_and_nothing_is_lost(files: list[Path]) -> None:
    task = Classification(("a", "b", "c", "d"))
    labelled = image_files("train", files, files, np.arange(20) % 4)
    train, validation = hold_out(labelled, task, 0.25)
    assert (train.name, validation.name) == ("train", "val")
    assert sorted(np.bincount(validation.labels).tolist()) == [1, 1, 1, 2]
    assert sorted([*train.ids, *validation.ids]) == sorted(map(str, files))
    several = image_files("train", files, files, np.tile([[1, 0], [1, 1]], (10, 1)))
    _, validation = hold_out(several, MultiLabel(("a", "b")))
    assert validation.labels.mean(axis=0).tolist() == [1.0, 0.5]


def test_a_broken_picture_is_named(files: list[Path]) -> None:
    files[4].write_bytes(b"\x89PNG no more")
    pictures = Pictures(image_files("test", files, files), 8)
    with pytest.raises(
        UserError, match=f"{files[4].name} has no readable picture.*: fetch the file"
    ):
        pictures[4]


def test_what_does_not_fit_is_one_line(files: list[Path], tmp_path: Path) -> None:
    for arguments, said in (
        (
            ("test", [*files, tmp_path / "x.jpg"], range(21)),
            "test: 1 of 21 pictures are not there, the first is .*x.jpg",
        ),
        (("train", files, [7] * 20), "train: the id 7 comes 20 times"),
        (("train", files, files, [1, 2, 3]), "train: 20 files, 20 ids and 3 labels"),
        (("test", [], []), "test: there are no pictures"),
    ):
        with pytest.raises(UserError, match=said):
            image_files(*arguments)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="test has no labels"):
        hold_out(image_files("test", files, files), Classification(("a",)))
