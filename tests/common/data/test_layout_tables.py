"""Tables of pictures: every form of labels, and what may be wrong between the two."""

import shutil
import tempfile
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import py7zr
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.data.layouts import table
from common.data.records import join
from common.data.tables import write_table
from common.errors import UserError
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Grades, Number

CATS = Classification(("cat", "dog"))


def folder(root: Path, *names: str, as_zip: bool = False) -> Path:
    """Files whose names are their contents; in a zip of that name, too."""
    if as_zip:
        with zipfile.ZipFile(f"{root}.zip", "w") as archive:
            for name in names:
                archive.writestr(f"{root.name}/{name}", name)
        return root
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def read(root: Path, rows: list[tuple], *arguments: Any, **options: Any) -> Any:
    """A table with the columns ``id``, ``a``, ``b``, … and the pictures in ``root/train``."""
    header = ["id", *"abcdefg"[: len(rows[0]) - 1]]
    path = write_table(root / "train.csv", header, rows)
    return table("train", path, root / "train", "id", *arguments, **options)


@pytest.mark.parametrize(
    ("cells", "label", "task", "wanted"),
    [
        ([("dog",), ("cat",)], "a", CATS, [1, 0]),
        ([("1",), ("0.0",)], "a", CATS, [1, 0]),
        ([("2",), ("1",)], "a", Classification(("0", "2", "1")), [1, 2]),  # names come first
        ([("0", "1"), ("1.0", "0")], ["a", "b"], CATS, [1, 0]),
        ([("rust",), ("",)], "a", MultiLabel(("rust", "scab")), [[1, 0], [0, 0]]),
        ([("scab rust",), ("scab",)], "a", MultiLabel(("rust", "scab")), [[1, 1], [0, 1]]),
        ([("0", "0"), ("1", "1")], ["a", "b"], MultiLabel(("rust", "scab")), [[0, 0], [1, 1]]),
        ([("1.5",), ("100",)], "a", Number(1, 100), [1.5, 100.0]),
        ([("2",), ("0",)], "a", Grades(("none", "mild", "severe")), [2, 0]),
        ([("mild",), ("none",)], "a", Grades(("none", "mild", "severe")), [1, 0]),
    ],
)
def test_labels_are_as_the_task_has_them(
    tmp_path: Path, cells: list[tuple], label: Any, task: Any, wanted: list
) -> None:
    folder(tmp_path / "train", "x.jpg", "y.jpg")
    found = read(tmp_path, [("x", *cells[0]), ("y", *cells[1])], label, task)
    assert found.labels.tolist() == wanted
    task.check_labels(found.labels, "train")


@pytest.mark.parametrize(
    ("rows", "label", "task", "said"),
    [
        (
            [("x", "cat"), ("y", "dgo")],
            "a",
            CATS,
            "train.csv: line 3: 'dgo' is none of the cl.*dog",
        ),
        ([("x", "cat"), ("y", "2")], "a", CATS, "'2' is none of the classes: .* belongs in"),
        ([("x", "cat"), ("y", "")], "a", CATS, "line 3: '' is none of the classes"),
        ([("x", "1", "0"), ("y", "1", "1")], "ab", CATS, "line 3: of 2 classes, expected one"),
        ([("x", "1", "2")], "ab", CATS, "line 2: 1, 2, expected 0 or 1 for each class"),
        ([("x", "1", "0", "0")], "abc", CATS, "3 columns of labels for 2 classes"),
        ([("x", "big")], "a", Number(1, 9), "line 2: 'big' is no number from 1 to 9"),
        ([("x", "nan")], "a", Number(1, 9), "line 2: 'nan' is no number from 1 to 9"),
        ([("x", "10")], "a", Number(1, 9), "line 2: '10' is no number from 1 to 9"),
        ([("x", "rust, scab")], "a", MultiLabel(("rust", "scab")), "'rust,' is none of the"),
        ([("x", "cat"), ("", "cat")], "a", CATS, "train.csv: line 3 has no id"),
        ([("x", "cat"), ("x", "dog")], "a", CATS, "x has other labels in line 3 than in line 2"),
        (
            [("x", "cat")],
            "b",
            CATS,
            "train.csv: no column b; its columns are id, a: look at label",
        ),
        ([("x", "1")], "ab", CATS, "train.csv: no column b; .*: look at label= of table.* data.py"),
        ([("x", "cat")], "a", None, "its labels need the task, which knows the classes"),
    ],
)
def test_a_wrong_label_is_one_line(
    tmp_path: Path, rows: list[tuple], label: str, task: Any, said: str
) -> None:
    folder(tmp_path / "train", "x.jpg", "y.jpg")
    with pytest.raises(UserError, match=said):
        read(tmp_path, rows, label if len(label) == 1 else [*label], task)


def test_a_column_that_is_asked_for_and_not_there_is_named_with_its_argument(
    tmp_path: Path,
) -> None:
    pictures = folder(tmp_path / "train", "x.jpg")
    path = write_table(tmp_path / "train.csv", ("Id", "Label", *"abcdefghijklm"), [("x",) * 15])
    for arguments, options, argument, name in (
        (("id",), {}, "id", "id"),
        (("Id", "label", CATS), {}, "label", "label"),
        (("Id",), {"group": "who"}, "group", "who"),
        (("Id",), {"file": "path"}, "file", "path"),
        (("Id",), {"file": "{Id}/{view}.png"}, "file", "view"),
    ):
        with pytest.raises(UserError) as caught:
            table("train", path, pictures, *arguments, **options)
        assert str(caught.value) == (
            f"{path}: no column {name}; its columns are Id, Label, a, b, c, d, e, f, g, h, i, j, "
            f"and 3 more: look at {argument}= of table(...) in the competition's data.py"
        )
    for wrong in ("{Id", "{Id!x}", "{}", "{Id:{Label}}"):
        with pytest.raises(UserError, match=f"^file='{wrong}': its braces do not fit: write names"):
            table("train", path, pictures, "Id", file=wrong)
    path.write_text("Id,Label,Label\nx,cat,dog\n")
    with pytest.raises(UserError, match="train.csv: its header has Label twice: rename one"):
        table("train", path, pictures, "Id")
    path.write_text("<html><body>Sign in</body></html>")
    with pytest.raises(UserError, match="no column Id; it is a web page: fetch the file again"):
        table("train", path, pictures, "Id")


def test_a_table_with_a_header_alone_is_one_line(tmp_path: Path) -> None:
    path = write_table(tmp_path / "train.csv", ("id", "a"), [])
    folder(tmp_path / "train", "1.jpg")
    with pytest.raises(UserError, match=r"train.csv has no rows: fetch it again"):
        table("train", path, tmp_path / "train", "id", "a", CATS)


def test_other_columns_are_kept_and_groups_too(tmp_path: Path) -> None:
    folder(tmp_path / "train", "x.jpg", "y.jpg", ".DS_Store")
    rows = [("y", "cat", "ann", "7", ""), ("x", "dog", "bob", "", "z")]
    found = read(tmp_path, rows, "a", CATS, group="b")
    assert found.ids.tolist() == ["y", "x"]
    assert found.groups.tolist() == ["ann", "bob"]
    assert {name: values.tolist() for name, values in found.columns.items()} == {
        **{"c": ["7", ""], "d": ["", "z"]},
    }
    assert found.take(np.array([1])).columns["d"].tolist() == ["z"]


@pytest.mark.parametrize("as_zip", [False, True])
@pytest.mark.parametrize(
    ("id_", "file"),
    [
        ("1", "1.jpg"),
        ("1.jpg", "1.JPG"),
        ("1.JPG", "1.jpg"),
        ("1.2", "1.2.png"),
        ("cat/1", "cat/1.jpg"),
        ("1", "deep/in/a/1.jpg"),
        ("train/cat/1.jpg", "cat/1.jpg"),
        ("../input/slug/train/cat/1.jpg", "cat/1.jpg"),
        ("train\\cat\\1.jpg", "cat/1.jpg"),
        ("raw", "raw"),
        (unicodedata.normalize("NFD", "é"), unicodedata.normalize("NFC", "é.jpg")),
        (unicodedata.normalize("NFC", "é.jpg"), unicodedata.normalize("NFD", "é.jpg")),
    ],
)
def test_an_id_finds_its_picture(tmp_path: Path, id_: str, file: str, as_zip: bool) -> None:
    folder(tmp_path / "train", file, "other.jpg", "__MACOSX/._1.jpg", as_zip=as_zip)
    found = read(tmp_path, [(id_,)])
    assert found.ids.tolist() == [unicodedata.normalize("NFC", id_)]
    assert found.places[0, 2] == len(file.encode())


def test_a_picture_of_another_folder_is_not_taken(tmp_path: Path) -> None:
    folder(tmp_path / "train", "dog/1.jpg")
    with pytest.raises(UserError, match="1 of the 1 pictures that it names are not in .*cat/1"):
        read(tmp_path, [("cat/1",)])


def test_one_name_of_two_pictures_is_refused(tmp_path: Path) -> None:
    folder(tmp_path / "train", "cat/1.jpg", "dog/1.jpg", "2.png", "2.jpg")
    for id_, said in (("1", "1 may be train/cat/1.jpg or train/dog/1.jpg"), ("2", "2 may be ")):
        with pytest.raises(UserError, match=said):
            read(tmp_path, [(id_,)])
    assert len(read(tmp_path, [("2.png",), ("dog/1",)])) == 2


def test_pictures_may_be_in_several_places_and_named_by_columns(tmp_path: Path) -> None:
    folder(tmp_path / "one", "ann/left.png")
    folder(tmp_path / "two", "bob/right.png", as_zip=True)
    path = write_table(
        tmp_path / "t.csv", ("id", "who", "The view"), [(1, "ann", "left"), (2, "bob", "right")]
    )
    places = [tmp_path / "one", tmp_path / "two"]
    found = table("test", path, places, "id", file="{who}/{The view}.png")
    assert found.places[:, 2].tolist() == [12, 13]
    assert found.ids.tolist() == ["1", "2"]
    assert found.columns["who"].tolist() == ["ann", "bob"]


def test_digits_in_names_are_filled_up_as_the_pattern_says(tmp_path: Path) -> None:
    folder(tmp_path / "test", "000007.jpg", "x/11.jpg")
    path = write_table(tmp_path / "t.csv", ("id", "n"), [("a", "7")])
    for pattern in ("{n:06d}.jpg", "{n:06}.jpg", "{n:0>6}", "{n:06d}"):
        assert table("test", path, tmp_path / "test", "id", file=pattern).ids.tolist() == ["a"]
    said = "t.csv: line 2: file='{id:06d}.{n}' does not fit id='a', n='7': write it without what"
    with pytest.raises(UserError, match=said):
        table("test", path, tmp_path / "test", "id", file="{id:06d}.{n}")
    with pytest.raises(UserError, match="line 2: file='{n:k}' does not fit n='7'"):
        table("test", path, tmp_path / "test", "id", file="{n:k}")


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar", "7z"])
def test_the_table_may_be_packed_too(tmp_path: Path, kind: str) -> None:
    folder(tmp_path / "train", "1.jpg")
    (tmp_path / "in").mkdir()
    path = write_table(tmp_path / "in" / "train.csv", ("id", "a"), [("1", "dog")])
    if kind == "7z":
        with py7zr.SevenZipFile(tmp_path / "train.csv.7z", "w") as archive:
            archive.write(path, "train.csv")
    else:
        shutil.make_archive(str(tmp_path / "train.csv"), kind, tmp_path / "in")
    found = table("train", tmp_path / "train.csv", tmp_path / "train", "id", "a", CATS)
    assert (found.ids.tolist(), np.asarray(found.labels).tolist()) == (["1"], [1])


def test_what_is_missing_is_left_out_of_train_and_refused_in_test(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder(tmp_path / "train", "1.jpg", "2.jpg", "3.jpg", "notes.txt", "Thumbs.db")
    rows = [("1", "cat"), ("2", "dog"), ("9", "dog")]
    found = read(tmp_path, rows, "a", CATS)
    assert found.ids.tolist() == ["1", "2"]
    assert found.labels.tolist() == [0, 1]
    assert found.notes == ("1 of the 3 pictures that train.csv names are not there",)
    assert found.take(np.array([0])).notes == join("both", found, found).notes == found.notes
    assert capsys.readouterr().out.splitlines() == [
        "progress stage=listing of=train",
        "progress stage=layout part=train named_and_missing=1 first=9",
        "progress stage=layout part=train there_and_not_named=1 first=train/3.jpg",
    ]
    with pytest.raises(UserError, match="train.csv: 1 of the 3 pictures that it names are not in"):
        read(tmp_path, rows)
    with pytest.raises(UserError, match="train.csv: 2 of the 3 .*, the first is 8; .* has 1.jpg"):
        read(tmp_path, [("1", "cat"), ("8", "dog"), ("9", "dog")], "a", CATS)
    with pytest.raises(UserError, match="absent: no such folder or archive"):
        table("train", tmp_path / "train.csv", tmp_path / "absent", "id")
    with pytest.raises(UserError, match="absent.csv: no such file; .* has train"):
        table("train", tmp_path / "absent.csv", tmp_path / "train", "id")


@pytest.mark.parametrize("other", ["dog", "cat"])
def test_two_ids_of_one_labelled_picture_are_refused(tmp_path: Path, other: str) -> None:
    pictures = folder(tmp_path / "train", "1.jpg", "2.jpg")
    rows = [("1", "cat"), ("2", "dog"), ("1.jpg", other)]
    with pytest.raises(UserError) as caught:
        read(tmp_path, rows, "a", CATS)
    said = f"train: 1 and 1.jpg are one picture, {pictures}/1.jpg: keep one of them, with its label"
    assert str(caught.value) == said
    assert len(read(tmp_path, rows)) == 3  # a submission may ask for both


def test_a_row_that_comes_again_counts_once(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder(tmp_path / "train", "1.jpg", "2.jpg")
    rows = [("1", "cat"), ("2", "dog"), ("1", "cat")]
    assert read(tmp_path, rows, "a", CATS).labels.tolist() == [0, 1]
    assert "rows_of_one_picture=1 first=1" in capsys.readouterr().out
    several = read(
        tmp_path, [("1", "rust"), ("2", ""), ("1", "scab")], "a", MultiLabel(("rust", "scab"))
    )
    assert several.ids.tolist() == ["1", "2"]
    assert several.labels.tolist() == [[1, 1], [0, 0]]


_stems = st.text("abcé01._- ", min_size=1, max_size=8).filter(
    lambda one: one == one.strip() and not one.startswith(".") and one != ".."
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(_stems, min_size=1, max_size=8, unique_by=lambda one: one.lower()),
    st.booleans(),
    st.booleans(),
    st.data(),
)
def test_what_was_written_is_read(
    stems: list[str], endings: bool, as_zip: bool, data: st.DataObject
) -> None:
    labels = [data.draw(st.sampled_from(CATS.classes)) for _ in stems]
    order = data.draw(st.permutations(range(len(stems))))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder(root / "train", *(f"{stem}.jpg" for stem in stems), as_zip=as_zip)
        ids = [f"{stem}.jpg" if endings else stem for stem in stems]
        found = read(root, [(ids[row], labels[row]) for row in order], "a", CATS)
        assert found.ids.tolist() == [unicodedata.normalize("NFC", ids[row]) for row in order]
        assert found.labels.tolist() == [CATS.classes.index(labels[row]) for row in order]
        assert found.places[:, 2].tolist() == [len(f"{stems[row]}.jpg".encode()) for row in order]
