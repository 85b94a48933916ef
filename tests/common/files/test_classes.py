"""``classes.csv``: who or what the classes are, and how a file of another kind is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.files.classes import PictureClass, load_classes, save_classes

NAMES = st.text(st.characters(codec="utf-8"), min_size=1)
HEADER = "number,name,pictures,seen\n"


@given(st.lists(st.tuples(NAMES, st.integers(0, 10**9))), st.integers(0, 9))
def test_classes_come_back_as_they_were_left(
    tmp_path_factory: pytest.TempPathFactory, given: list[tuple[str, int]], seen: int
) -> None:
    folder = tmp_path_factory.mktemp("classes")
    classes = tuple(PictureClass(n, *found, n < seen) for n, found in enumerate(given))
    save_classes(folder, classes)
    assert load_classes(folder) == classes


def test_the_file_is_plain_csv(tmp_path: Path) -> None:
    names = ("Ōta, Kaho", 'the "Fat" Lady', "0" * 40)
    path = save_classes(tmp_path, [PictureClass(n, name, 3, n < 2) for n, name in enumerate(names)])
    assert path.read_text("utf-8").splitlines() == [
        "number,name,pictures,seen",
        '0,"Ōta, Kaho",3,1',
        '1,"the ""Fat"" Lady",3,1',
        f"2,{'0' * 40},3,0",
    ]
    assert [found.is_named for found in load_classes(tmp_path)] == [True, True, False]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "its columns are '', not 'number,name,pictures,seen'"),
        ("number,artist,paintings,seen\n0,a,1,1\n", "columns are 'number,artist,paintings,seen'"),
        (f"{HEADER}0,a,1\n", "row 1 is '0,a,1', not 0, a name"),
        (f"{HEADER}0,a,1,1\n2,b,1,1\n", "row 2 is '2,b,1,1', not 1, a name"),
        (f"{HEADER}0,,1,1\n", "row 1 is '0,,1,1'"),
        (f"{HEADER}0,a,-1,1\n", "row 1 is '0,a,-1,1'"),
        (f"{HEADER}0,a,many,1\n", "row 1 is '0,a,many,1'"),
        (f"{HEADER}0,a,1,yes\n", "row 1 is '0,a,1,yes'"),
        (f'{HEADER}0,"a\nb",1,yes\n', r"row 1 is '0,a\nb,1,yes'"),
        (f"{HEADER}0,a,1,0\n1,b,1,1\n", "a seen class comes after an unseen one"),
        (f'{HEADER}0,"a,1,1\n', "cannot be read: unexpected end of data"),
        (f"{HEADER}0,\udcff,1,1\n", "cannot be read: 'utf-8' codec"),
    ],
)
def test_other_columns_and_values_are_refused_in_one_line(
    tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "classes.csv").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError) as caught:
        load_classes(tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "classes.csv") in str(caught.value)
    assert str(caught.value).endswith("run its kernel again")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"classes\.csv cannot be read: .*No such file"):
        load_classes(tmp_path)
