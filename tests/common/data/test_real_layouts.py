"""Each layout on real data of competitions and data sets, as they lie and packed in archives."""

import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import py7zr
import pytest

from common.data.layouts import folder_per_class, labelled_pairs, labels_in_names, table
from common.data.pictures import Pictures
from common.data.records import Records
from common.data.splits import hold_out
from common.data.tables import read_table
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Number
from common.tasks.task import Task
from support import real

Load = Callable[[Path, Task], tuple[Records, Records, Records]]
FLOWERS = ("daisy", "dandelion", "rose", "sunflower", "tulip")

# What ``load`` of each competition's data.py would be; ``root`` is its folder, ``task`` its task.


def cactus(root: Path, task: Task) -> tuple[Records, Records, Records]:
    known = table("train", root / "train.csv", root / "train", "id", "has_cactus", task)
    test = table("test", root / "sample_submission.csv", root / "test", "id")
    return *hold_out(known, task), test


def dog_breeds(root: Path, task: Task) -> tuple[Records, Records, Records]:
    known = table("train", root / "labels.csv", root / "train", "id", "breed", task)
    test = table("test", root / "sample_submission.csv", root / "test", "id")
    return *hold_out(known, task), test


def dogs_and_cats(root: Path, task: Task) -> tuple[Records, Records, Records]:
    known = labels_in_names("train", root / "train", r"(?P<label>cat|dog)\.\d+", task)
    test = labels_in_names("test", root / "test", r"(?P<id>\d+)")
    return *hold_out(known, task), test


def paddy(root: Path, task: Task) -> tuple[Records, Records, Records]:
    known = folder_per_class("train", root / "train_images", task)
    test = table("test", root / "sample_submission.csv", root / "test_images", "image_id")
    return *hold_out(known, task), test


def plants_2020(root: Path, task: Task) -> tuple[Records, Records, Records]:
    images = root / "images"
    known = table("train", root / "train.csv", images, "image_id", task.classes, task)
    test = table("test", root / "test.csv", images, "image_id")
    return *hold_out(known, task), test


def plants_2021(root: Path, task: Task) -> tuple[Records, Records, Records]:
    known = table("train", root / "train.csv", root / "train_images", "image", "labels", task)
    test = table("test", root / "sample_submission.csv", root / "test_images", "image")
    return *hold_out(known, task), test


def pawpularity(root: Path, task: Task) -> tuple[Records, Records, Records]:
    known = table("train", root / "train.csv", root / "train", "Id", "Pawpularity", task)
    test = table("test", root / "test.csv", root / "test", "Id")
    return *hold_out(known, task), test


def whales(root: Path, task: Task) -> tuple[Records, Records, Records]:
    known = table("train", root / "train.csv", root / "train", "Image", "Id", task)
    test = table("test", root / "sample_submission.csv", root / "test", "Image")
    return *hold_out(known, task), test


COMPETITIONS: dict[str, tuple[Load, Task | None]] = {
    "aerial-cactus-identification": (cactus, Classification(("no", "yes"))),
    "dog-breed-identification": (dog_breeds, Classification(FLOWERS)),
    "dogs-vs-cats-redux-kernels-edition": (dogs_and_cats, Classification(("cat", "dog"))),
    "paddy-disease-classification": (paddy, Classification(FLOWERS)),
    "plant-pathology-2020-fgvc7": (
        plants_2020,
        Classification(("healthy", "multiple_diseases", "rust", "scab")),
    ),
    "plant-pathology-2021-fgvc8": (plants_2021, MultiLabel(FLOWERS)),
    "petfinder-pawpularity-score": (pawpularity, Number(1, 100)),
    "whale-categorization-playground": (whales, None),
}


def loaded(slug: str) -> tuple[Path, Task, tuple[Records, Records, Records]]:
    root = real.data("competitions", slug)
    load, task = COMPETITIONS[slug]
    task = task or Classification(tuple(sorted(set(read_table(root / "train.csv")["Id"]))))
    return root, task, load(root, task)


@pytest.mark.parametrize("slug", COMPETITIONS)
def test_a_competition_is_read_in_its_own_layout(slug: str) -> None:
    root, task, (train, validation, test) = loaded(slug)
    assert (train.name, validation.name, test.name) == ("train", "val", "test")
    assert len(train) + len(validation) == 240
    sample = read_table(root / "sample_submission.csv")
    assert test.ids.tolist() == sample.iloc[:, 0].tolist()
    for part in (train, validation):
        assert part.labels is not None
        task.check_labels(part.labels, part.name)
    for part in (train, validation, test):
        Pictures(part, 32).decode_all()


def test_paddys_folders_and_its_table_say_the_same() -> None:
    root, task, _ = loaded("paddy-disease-classification")
    folders = folder_per_class("train", root / "train_images", task)
    rows = table(
        *("train", root / "train.csv", root / "train_images", "image_id", "label", task),
        group="variety",
    )
    by_name = {one.rpartition("/")[2]: n for n, one in enumerate(folders.ids.tolist())}
    order = [by_name[one] for one in rows.ids.tolist()]
    assert folders.labels is not None
    assert np.array_equal(folders.labels[order], np.asarray(rows.labels))
    assert rows.groups is not None
    assert set(rows.columns) == {"age"}
    assert set(rows.groups.tolist()) == set(read_table(root / "train.csv")["variety"])


def test_data_sets_are_read_in_their_own_layouts() -> None:
    task = Classification(("NORMAL", "PNEUMONIA"))
    for part, counts in (("train", [400, 1150]), ("val", [8, 8]), ("test", [90, 150])):
        xrays = folder_per_class(part, real.data("chest-xray-pneumonia", "chest_xray", part), task)
        assert np.bincount(np.asarray(xrays.labels)).tolist() == counts
    faces = real.data(*["14-celebrity-faces-dataset"] * 2, "data")
    parts = [folder_per_class(part, faces / part) for part in ("train", "val")]
    assert [len(part) for part in parts] == [93, 25]
    assert len(set(parts[0].columns["class"].tolist())) == 5
    for part in parts:
        Pictures(part, 32).decode_all()  # of many modes
    cars = real.data("cifar-10")
    task = Classification(("automobile", "truck", "cat"))
    known = table("train", cars / "trainLabels.csv", cars / "train", "id", "label", task)
    assert np.bincount(np.asarray(known.labels)).tolist() == [5000, 1000, 600]
    letters = folder_per_class("train", real.data("omniglot_background_small1.zip"))
    assert set(np.bincount(np.asarray(letters.labels)).tolist()) == {20}
    assert letters.columns["class"][0] == "Balinese/character01"
    Pictures(letters.take(np.arange(50)), 32).decode_all()


def test_paintings_are_rows_of_their_table() -> None:
    root = real.data("painter-by-numbers")
    artists = tuple(sorted(set(read_table(root / "train_info.csv")["artist"])))
    task = Classification(artists)
    found = table("train", root / "train_info.csv", root / "train", "filename", "artist", task)
    assert len(found) == 1350
    assert set(found.columns) == {"title", "style", "genre", "date"}


def test_pairs_of_faces_name_people_as_their_pictures_do() -> None:
    faces = folder_per_class("all", real.data("lfw-dataset", "lfw-deepfunneled"))
    for part, number in (("Train", 2200), ("Test", 1000)):
        pairs = labelled_pairs(faces, real.data("lfw-dataset", f"pairsDev{part}.txt"))
        assert pairs.rows.shape == (number, 2)
        people = faces.columns["class"][pairs.rows]
        assert np.array_equal(people[:, 0] == people[:, 1], pairs.same == 1)
        assert pairs.same.mean() == 0.5


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "7z"])
def test_real_pictures_are_the_same_from_any_archive(tmp_path: Path, ending: str) -> None:
    folder = real.data(*["14-celebrity-faces-dataset"] * 2, "data", "val")
    packed = tmp_path / f"val.{ending}"
    if ending == "zip":
        shutil.make_archive(str(packed)[:-4], "zip", folder)
    elif ending == "7z":
        with py7zr.SevenZipFile(packed, "w") as archive:
            archive.writeall(folder, "val")
    else:
        with tarfile.open(packed, "w:gz" if ending == "tar.gz" else "w") as tar:
            tar.add(folder, "val")
    found, wanted = folder_per_class("val", tmp_path / "val"), folder_per_class("val", folder)
    assert np.array_equal(found.ids, wanted.ids)
    assert np.array_equal(np.asarray(found.labels), np.asarray(wanted.labels))
    pictures, originals = Pictures(found, 64), Pictures(wanted, 64)
    for row in range(len(found)):
        assert np.array_equal(pictures[row], originals[row])
