"""Folders, names, JSON and lists of pairs: what they say of pictures, and what may be wrong."""

import json
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.data.layouts import (
    check_apart,
    coco,
    folder_of_pictures,
    folder_per_class,
    labelled_pairs,
    labels_in_names,
)
from common.errors import UserError
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Number

CATS = Classification(("cat", "dog"))


def folder(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def test_classes_are_folders_wherever_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    names = ("x/cat/2.jpg", "x/cat/10.jpg", "x/dog/deep/2.jpg", "x/cat/.DS_Store", "x/labels.csv")
    found = folder_per_class("train", folder(tmp_path, *names), CATS)
    assert found.ids.tolist() == ["cat/2.jpg", "dog/deep/2.jpg", "cat/10.jpg"]
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 0]
    assert found.columns["class"].tolist() == ["cat", "dog", "cat"]
    assert "stage=layout" not in capsys.readouterr().out
    folder_per_class("train", tmp_path, Classification(("cat", "dog", "owl", "emu")))
    said = "progress stage=layout part=train classes_without_pictures=2 first=owl\n"
    assert capsys.readouterr().out.endswith(said)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(CATS.classes), st.text("ab\u00e91", min_size=1, max_size=4)),
        min_size=1,
        max_size=9,
        unique=True,
    ),
    st.sampled_from(["", "data/", "data/train/"]),
    st.booleans(),
)
def test_what_was_sorted_into_folders_is_read(
    drawn: list[tuple[str, str]], above: str, as_zip: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = folder(Path(name) / "x", *(f"{above}{label}/{stem}.jpg" for label, stem in drawn))
        if as_zip:
            shutil.make_archive(str(root), "zip", root)
            shutil.rmtree(root)
        found = folder_per_class("train", root, CATS)
        read = zip(found.columns["class"].tolist(), found.ids.tolist(), strict=True)
        assert found.labels is not None
        assert [CATS.classes[label] for label in found.labels] == found.columns["class"].tolist()
        stems = {(label, id_.rpartition("/")[2].removesuffix(".jpg")) for label, id_ in read}
        assert stems == set(drawn)


def test_without_a_task_the_folders_are_the_classes(tmp_path: Path) -> None:
    names = ("all/b/one/1.jpg", "all/b/two/1.jpg", "all/a/one/1.jpg")
    found = folder_per_class("train", folder(tmp_path, *names))
    assert found.columns["class"].tolist() == ["a/one", "b/one", "b/two"]
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 2]
    alone = folder_per_class("train", tmp_path / "all" / "a")
    assert (alone.ids.tolist(), alone.columns["class"].tolist()) == (["one/1.jpg"], ["one"])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ["cat/1.jpg", "dgo/2.jpg"],
            "dgo/2.jpg in .* is in the folder of no class: .*dog.*; a class that is",
        ),
        (["cat/1.jpg", "2.jpg"], "train: 2.jpg in .* is in the folder of no class"),
        (["cat/dog/1.jpg", "cat/2.jpg"], "cat/dog/1.jpg in .* is in the folder of no class"),
        (["notes.txt"], "has no pictures"),
    ],
)
def test_a_picture_of_no_class_is_refused(tmp_path: Path, names: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        folder_per_class("train", folder(tmp_path / "data", *names), CATS)


def test_a_folder_alone_has_ids_in_the_order_of_numbers(tmp_path: Path) -> None:
    folder(tmp_path / "test" / "test", "10.jpg", "9.PNG", "readme.md")
    assert folder_of_pictures("test", tmp_path / "test").ids.tolist() == ["9.PNG", "10.jpg"]
    bare = folder_of_pictures("test", tmp_path / "test", endings=False)
    assert bare.ids.tolist() == ["9", "10"]
    assert bare.labels is None


def test_labels_in_names_are_what_the_pattern_says(tmp_path: Path) -> None:
    folder(tmp_path / "train", "cat.0.jpg", "dog.1.jpg")
    found = labels_in_names("train", tmp_path / "train", r"(?P<label>cat|dog)\.(?P<id>\d+)", CATS)
    assert found.labels is not None
    assert (found.ids.tolist(), found.labels.tolist()) == (["0", "1"], [0, 1])
    folder(tmp_path / "ages", "ann_f_31.jpg", "bob_m_7.jpg")
    pattern = r"(?P<group>[a-z]+)_(?P<sex>.)_(?P<label>\d+)"
    ages = labels_in_names("train", tmp_path / "ages", pattern, Number(0, 120))
    assert ages.labels is not None
    assert ages.groups is not None
    assert ages.labels.tolist() == [7.0, 31.0]
    assert ages.groups.tolist() == ["bob", "ann"]
    assert ages.columns["sex"].tolist() == ["m", "f"]
    assert ages.ids.tolist() == ["bob_m_7.jpg", "ann_f_31.jpg"]
    for wrong, task, said in (
        (r"(?P<label>\d+)_", CATS, "2 of 2 names in .*ages do not match .*, the first is bob_m_7"),
        (pattern, CATS, "bob_m_7.jpg: '7' is none of the classes"),
        (pattern, None, "labels_in_names needs the task"),
        ("(", CATS, r"train: the pattern \( is no regular expression: "),
        (r"(?P<id>[fm])\w+(?P<label>)", MultiLabel(("a",)), ""),
    ):
        if said:
            with pytest.raises(UserError, match=said):
                labels_in_names("train", tmp_path / "ages", wrong, task)
        else:
            assert labels_in_names("t", tmp_path / "ages", wrong, task).ids.tolist() == ["m", "f"]


def described(root: Path, **changes: Any) -> Path:
    content = {
        "images": [
            {"id": 7, "file_name": "a/1.jpg", "width": 3, "place": "x"},
            {"id": 8, "file_name": "a/2.jpg", "width": 4, "place": "y"},
        ],
        "annotations": [{"image_id": 8, "category_id": 1}, {"image_id": 7, "category_id": 0}],
        "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
        **changes,
    }
    path = root / "train.json"
    path.write_text(json.dumps(content))
    return path


def test_json_of_coco_is_read(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    pictures = folder(tmp_path / "train", "a/1.jpg", "a/2.jpg")
    found = coco("train", described(tmp_path), pictures, CATS, group="place")
    assert found.labels is not None
    assert found.groups is not None
    assert (found.ids.tolist(), found.labels.tolist()) == (["7", "8"], [0, 1])
    assert found.groups.tolist() == ["x", "y"]
    assert found.columns["width"].tolist() == ["3", "4"]
    numbered = coco("train", described(tmp_path), pictures, Classification(("1", "0")))
    assert numbered.labels is not None
    assert numbered.labels.tolist() == [1, 0]  # ids of categories
    assert coco("test", described(tmp_path), pictures).labels is None
    with tarfile.open(tmp_path / "packed.json.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "train.json", "train.json")
    packed = coco("train", tmp_path / "packed.json", pictures, CATS)
    assert packed.ids.tolist() == ["7", "8"]
    twice = [{"image_id": 7, "category_id": 1}, {"image_id": 7, "category_id": 0}]
    several = coco(
        "train", described(tmp_path, annotations=twice), pictures, MultiLabel(("cat", "dog"))
    )
    assert several.labels is not None
    assert several.labels.tolist() == [[1, 1]]
    assert "images_without_annotation=1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"images": None},
            "train.json has no images, but annotations, categories: it needs a li",
        ),
        ({"images": [{"id": 1}]}, "train.json: entry 1 of images has no file_name, but id"),
        ({"images": ["x.jpg"]}, "train.json: entry 1 of images has no file_name"),
        ({"images": [{"file_name": "a/1.jpg"}]}, "entry 1 of images has no id, but file_name"),
        ({"annotations": []}, "has no annotations, but .*: they say .* leave out the task"),
        ({"annotations": [{"image_id": 7}]}, "entry 1 of annotations has no category_id, but im"),
        ({"annotations": [{"id": 7, "category_id": 7}]}, "entry 1 of annotations has no image_id"),
        ({"categories": []}, "has no categories, but .*: they have the names of the classes; wit"),
        ({"categories": [{"name": "cat"}]}, "entry 1 of categories has no id, but name"),
        (
            {"images": [{"id": 7, "file_name": "x.jpg"}]},
            "1 of the 1 pictures .*, the first is x.jpg",
        ),
        (
            {"annotations": [{"image_id": 7, "category_id": n} for n in (0, 1)]},
            "image 7 is of cat and of dog",
        ),
        ({"categories": [{"id": 0, "name": "owl"}]}, "image 7: 'owl' is none of the classes"),
        (
            {"images": [{"id": "7", "file_name": "a/1.jpg"}]},
            'none of its 2 annotations has an id of its images: ids are text in images .*"7".* and '
            "numbers in annotations .8.: write the same ids in both",
        ),
        (
            {"annotations": [{"image_id": n, "category_id": 0} for n in (70, 71, 72)]},
            "none of its 3 annotations has .* numbers in images .* and others in annotations .70.",
        ),
        (
            {"categories": [{"id": str(n), "name": CATS.classes[n]} for n in (0, 1)]},
            'none of its 2 annotations has an id of its categories: ids are text .*"0".* numbers',
        ),
        (
            {"images": [{"id": [7], "file_name": "a/1.jpg"}]},
            r"train.json: entry 1 of images has \[7\] as its id: write a text or a number",
        ),
        (
            {"annotations": [{"image_id": 7, "category_id": None}]},
            "entry 1 of annotations has null as its category_id: write",
        ),
        (
            {"categories": [{"id": {}, "name": "cat"}]},
            "entry 1 of categories has {} as its id: write",
        ),
    ],
)
def test_json_that_does_not_fit_is_one_line(tmp_path: Path, changes: dict, said: str) -> None:
    pictures = folder(tmp_path / "train", "a/1.jpg", "a/2.jpg")
    with pytest.raises(UserError, match=said):
        coco("train", described(tmp_path, **changes), pictures, CATS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>", "train.json is no JSON in line 1: fetch the file again"),
        (b"\xff\xfe\x00", "train.json is no JSON: fetch the file again"),
        (b"[" * 100_000, "train.json is no JSON: fetch the file again"),
        (b"3", "train.json has no images: it needs a list of them, with id and file_name"),
    ],
)
def test_what_is_no_json_is_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "train.json").write_bytes(content)
    with pytest.raises(UserError, match=said):
        coco("train", tmp_path / "train.json", tmp_path, CATS)


def test_a_group_that_no_image_has_is_one_line(tmp_path: Path) -> None:
    pictures = folder(tmp_path / "train", "a/1.jpg", "a/2.jpg")
    said = "images have no who, but id, file_name, width, place: look at group= of coco"
    with pytest.raises(UserError, match=said):
        coco("train", described(tmp_path), pictures, CATS, group="who")


def test_json_of_inaturalist_and_herbarium_is_read(tmp_path: Path) -> None:
    for name in ("cat/1.jpg", "dog/2.jpg"):
        folder(tmp_path / "train", name)
    images = [{"id": 0, "file_name": "train/cat/1.jpg"}, {"id": 1, "file_name": "train/dog/2.jpg"}]
    annotations = [{"id": n, "image_id": n, "category_id": n} for n in (0, 1)]
    numbers = Classification(("0", "1"))
    # iNaturalist 2018 hid the names; in 2021 there are many, and places that are not known.
    content = {"images": images, "annotations": annotations}
    content["images"] = [{**one, "latitude": float("nan")} for one in images]
    path = described(tmp_path, **content, categories=None)
    assert coco("train", path, tmp_path / "train", numbers).labels.tolist() == [0, 1]
    species = [{"id": n, "name": CATS.classes[n], "class": "Mammalia"} for n in (0, 1)]
    path = described(tmp_path, **content, categories=species)
    assert coco("train", path, tmp_path / "train", CATS).labels.tolist() == [0, 1]
    # Herbarium 2022: other names for the ids, and for test a list alone.
    images = [{"image_id": f"0__{one['id']}", "file_name": one["file_name"][6:]} for one in images]
    annotations = [{"image_id": f"0__{n}", "category_id": n, "genus_id": 9} for n in (0, 1)]
    names = [{"category_id": n, "scientificName": CATS.classes[n]} for n in (0, 1)]
    path = described(tmp_path, images=images, annotations=annotations, categories=names)
    found = coco("train", path, tmp_path / "train", CATS)
    assert (found.ids.tolist(), found.labels.tolist()) == (["0__0", "0__1"], [0, 1])
    path.write_text(json.dumps(images))
    test = coco("test", path, tmp_path / "train")
    assert (test.ids.tolist(), test.labels) == (["0__0", "0__1"], None)


LISTS = {
    "pairs.txt": "1\t1\nann\t1\t2\nbob\t1\tann\t2\n",
    "matchpairsDevTrain.csv": "name,imagenum1,imagenum2\nann,1,2\n",
    "mismatchpairsDevTrain.csv": "name,imagenum1,name,imagenum2\nbob,1,ann,2\n",
    "pairs.csv": "name,imagenum1,imagenum2,\nann,1,2,\nbob,1,ann,2\n",
}


def test_pairs_are_read_from_every_form_of_list(tmp_path: Path) -> None:
    names = ("ann/ann_0001.jpg", "ann/ann_0002.jpg", "bob/bob_0001.jpg")
    faces = folder_per_class("all", folder(tmp_path / "faces", *names))
    for name, text in LISTS.items():
        (tmp_path / name).write_text(text)
    two = [tmp_path / f"{one}DevTrain.csv" for one in ("matchpairs", "mismatchpairs")]
    for paths in ([tmp_path / "pairs.txt"], [tmp_path / "pairs.csv"], two):
        pairs = labelled_pairs(faces, *paths)
        assert faces.ids[pairs.rows].tolist() == [[names[0], names[1]], [names[2], names[1]]]
        assert pairs.same.tolist() == [1, 0]
        assert pairs.names.tolist() == [["ann", "ann"], ["bob", "ann"]]
    (tmp_path / "pairs.txt").write_text("ann\t1\t2\n")
    with pytest.raises(UserError, match="pairs.txt: line 1: names='{name:d}' does not fit name='"):
        labelled_pairs(faces, tmp_path / "pairs.txt", names="{name:d}")
    with pytest.raises(UserError, match="names='{who}': a picture has a name and a number, no who"):
        labelled_pairs(faces, tmp_path / "pairs.txt", names="{who}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ann\t1\t9\nbob\t7\tann\t1\n",
         "pairs.txt: line 1 names ann/ann_0009: no such picture; 2 of the 3 pictures that pairs.txt"
         " names are missing: take lists and pictures of one download"),
        ("ann\tx\t1\n", "line 1 names ann x: no such picture"),
        ("1\t2\n", "pairs.txt: no pair is there: download it again"),
        ("1\nann\t1\t2\nbob\t1\n", "pairs.txt: line 3 has 2 values, not 3 or 4"),
        ("1\nann\t1\t2\nbob\t1\tann\t2\t3\n", "pairs.txt: line 3 has 5 values, not 3 or 4"),
        ("1 2\nann 1 2\n", "line 1 has 1 value, not 3 or 4: a name .* of both, separated by tabs"),
        ("bob\t1\t2\t9\n", "line 1, bob 1 2 9, has a number for its second name, 2: write a name"),
        ("ann\t1\t2\n7\n", "line 2 has 1 value, not 3 or 4: a name and two numbers, or two of"),
        ("ann\t1\t2\nann\t1\tann\t2\n", "line 2 has ann twice, as two people"),
        ("ann 1 2\n", "line 1 has 1 value, not 3 or 4"),
        ("ann\t1\tbob\t1\t2\n", "line 1 has 5 values"),
        ("ann\n", "line 1 has 1 value, not 3 or 4"),
        ("ann\t2\t2\n", "line 1 pairs ann 2 with itself: remove it"),
        ("ann\t1\t2\nann\t2\t1\n", "line 2 has the pair of .*pairs.txt: line 1 again: remove one"),
        ("ann\t1\tann\t2\n", "line 1 has ann twice, as two people: write ann 1 2, or mend"),
        ("2\nann\t1\t2\nbob\t1\tann\t2\n", "line, 2, is of 2 pairs .* 1 are of one name and 1"),
        ("name,x\n", "pairs.txt: line 1 has 1 value"),
        ("", "pairs.txt: no pair is there: download it again"),
    ],
)  # fmt: skip
def test_a_list_of_pairs_that_is_wrong_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    names = ("ann/ann_0001.jpg", "ann/ann_0002.jpg", "bob/bob_0001.jpg")
    faces = folder_per_class("all", folder(tmp_path / "faces", *names))
    (tmp_path / "pairs.txt").write_text(text)
    with pytest.raises(UserError, match=said):
        labelled_pairs(faces, tmp_path / "pairs.txt")


def test_a_list_without_a_pair_is_named(tmp_path: Path) -> None:
    faces = folder_per_class(
        "all", folder(tmp_path / "faces", "ann/ann_0001.jpg", "ann/ann_0002.jpg")
    )
    one, other = tmp_path / "match.csv", tmp_path / "mismatch.csv"
    one.write_text("name,imagenum1,imagenum2\nann,1,2\n")
    for text in ("", "name,imagenum1,name,imagenum2\n"):
        other.write_text(text)
        with pytest.raises(UserError, match=r"/mismatch\.csv: no pair is there"):
            labelled_pairs(faces, one, other)
    other.write_text("ann;1;2\n")
    with pytest.raises(UserError, match="line 1 has 1 value, .* separated by commas"):
        labelled_pairs(faces, one, other)
    (tmp_path / "pairs.txt").write_bytes(b"ann\t\xff\t2\n")
    with pytest.raises(UserError, match=r"pairs\.txt: not text in UTF-8"):
        labelled_pairs(faces, tmp_path / "pairs.txt")
    (tmp_path / "pairs.csv").mkdir()
    with pytest.raises(UserError, match=r"pairs\.csv: a folder, not a file: fetch the file again"):
        labelled_pairs(faces, tmp_path / "pairs.csv")


def test_pictures_in_several_folders_are_not_called_missing(tmp_path: Path) -> None:
    (tmp_path / "pairs.txt").write_text("ann\t1\t2\n")
    names = ["lfw/ann/ann_0001.jpg", "lfw/ann/ann_0002.jpg", "lfw/bob/bob_0001.jpg"]
    said = "line 1 names ann/ann_0001, and .* lie in several folders, such as {} and {}: move"
    for more in ("copy/ann/ann_0001.jpg", "old/zoo/1.jpg"):
        root = tmp_path / more.replace("/", "-")
        faces = folder_per_class("all", folder(root, *names, more))
        two = ("copy/ann", "lfw/ann") if more < "lfw" else ("lfw/ann", "old/zoo")
        with pytest.raises(UserError, match=said.format(*two)):
            labelled_pairs(faces, tmp_path / "pairs.txt")


def test_nobody_is_in_the_pairs_of_train_and_of_test(tmp_path: Path) -> None:
    names = [f"{who}/{who}_000{n}.jpg" for who in ("ann", "bob", "cid") for n in (1, 2)]
    faces = folder_per_class("all", folder(tmp_path / "faces", *names))
    for name, text in {"a": "ann\t1\t2\n", "b": "bob\t1\t2\n", "c": "cid\t1\tbob\t2\n"}.items():
        (tmp_path / name).write_text(text)
    a, b, c = (labelled_pairs(faces, tmp_path / name) for name in "abc")
    check_apart(a, b)
    with pytest.raises(UserError, match="1 in the pairs of train and of test, too, bob"):
        check_apart(b, c)
