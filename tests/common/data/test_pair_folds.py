"""Lists of pairs in folds, in two forms, and of one picture twice: what is wrong is one line."""

import shutil
from pathlib import Path

import pytest

from common.data.layouts import (
    compare_lists,
    folder_per_class,
    folds_of,
    labelled_pairs,
    pair_records,
)
from common.data.records import Records
from common.errors import UserError

PEOPLE = ("ann", "bob", "cid", "dan", "eve", "fay")


@pytest.fixture
def faces(tmp_path: Path) -> Records:
    """Three files of each of six people, each file's bytes its own."""
    for name in PEOPLE:
        (tmp_path / "faces" / name).mkdir(parents=True)
        for number in (1, 2, 3):
            path = tmp_path / "faces" / name / f"{name}_{number:04d}.jpg"
            path.write_bytes(f"{name} {number}".encode())
    return folder_per_class("faces", tmp_path / "faces")


def written(tmp_path: Path, *folds: str, first: str = "", name: str = "pairs.txt") -> Path:
    """A list of folds: words of a pair each, of numbers and of people by their letters."""
    rows = [first] if first else []
    for pair in " ".join(folds).split():
        one, other = pair[0], pair[2] if len(pair) == 4 else ""
        names = [next(person for person in PEOPLE if person[0] == x) for x in (one, other) if x]
        values = [names[0], pair[1], *names[1:], pair[-1]]
        rows.append(("," if name.endswith("csv") else "\t").join(values))
    (tmp_path / name).write_text("\n".join(rows))
    return tmp_path / name


FOLDS = ("a12 a13 a1b1 b2a2", "c12 d12 c1d1 d2c2", "e12 e23 e1f1 f2e2")


@pytest.mark.parametrize(
    ("first", "name"),
    [("3\t2", "pairs.txt"), ("", "pairs.txt"), ("name,imagenum1,imagenum2,", "pairs.csv")],
)
def test_folds_are_told_by_their_pairs(
    faces: Records, tmp_path: Path, first: str, name: str
) -> None:
    path = written(tmp_path, *FOLDS, first=first, name=name)
    found = folds_of(labelled_pairs(faces, path), path)
    assert found.tolist() == [0] * 4 + [1] * 4 + [2] * 4


@pytest.mark.parametrize(
    ("folds", "first", "said"),
    [
        (FOLDS, "4\t2", "its first line, 4 2, is of 8 pairs of each kind, and 6 are of one name"),
        (FOLDS, "2\t3", "fold 1 has 2 pairs of one name and 2 of two after them, not 3 and 3"),
        (FOLDS[:2], "", "it has 2 folds of pairs, and 3 are needed"),
        (("a12 b12 a1b1", *FOLDS[1:]), "", "fold 2 has 2 pairs of one name and 2 .* not 2 and 1"),
        (("a1b1 b2a2", *FOLDS[1:]), "", "fold 1 has 0 pairs of one name and .* needs both"),
        ((*FOLDS, "b12 b13"), "", "fold 4 has 2 pairs of one name and 0 of two after them, not 2"),
        ((*FOLDS[:2], "e12 a23 e1f1 f2e2"), "", "1 people are in .* ann is the first, in 1 and 3"),
    ],
    ids=["number", "sizes", "few", "uneven", "no same", "no different", "a person twice"],
)  # fmt: skip
def test_folds_that_are_wrong_are_one_line(
    faces: Records, tmp_path: Path, folds: tuple[str, ...], first: str, said: str
) -> None:
    path = written(tmp_path, *folds, first=first)
    with pytest.raises(UserError, match=f"pairs.txt: .*{said}"):
        folds_of(labelled_pairs(faces, path), path)


def test_two_forms_of_a_list_have_the_same_pairs(faces: Records, tmp_path: Path) -> None:
    text = labelled_pairs(faces, written(tmp_path, *FOLDS))
    turned = ("c12 d12 d1c1 d2c2", *FOLDS[::2])
    compare_lists(text, labelled_pairs(faces, written(tmp_path, *turned, name="p.csv")), "both")
    other = labelled_pairs(faces, written(tmp_path, *FOLDS[:2], "e12 e23 e1f1 f2e3", name="p.csv"))
    said = "^both have other pairs: 2 are in one of them alone, the first is of fay and eve: remove"
    with pytest.raises(UserError, match=said):
        compare_lists(text, other, "both")


@pytest.mark.parametrize(
    ("copy", "said"),
    [("ann_0002", "1 (ann_0001 | ann_0002, listed as one person)"),
     ("bob_0001", "1 (ann_0001 | bob_0001, listed as two people)")],
)  # fmt: skip
def test_one_picture_in_both_files_of_a_pair_is_a_note(
    faces: Records, tmp_path: Path, copy: str, said: str
) -> None:
    pairs = labelled_pairs(faces, written(tmp_path, *FOLDS))
    assert pair_records("test", faces, pairs).notes == ()
    folder = tmp_path / "faces"
    shutil.copy(folder / "ann" / "ann_0001.jpg", folder / copy[:3] / f"{copy}.jpg")
    (note,) = pair_records("test", faces, pairs).notes
    assert note == f"pairs of test that are one picture in two files of the same bytes: {said}"
