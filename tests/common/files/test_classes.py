"""``classes.csv``: who or what the classes are, and how a file of another kind is refused."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.files.classes import PictureClass, load_classes, save_classes

NAMES = st.text(st.characters(codec="utf-8"), min_size=1)
HEADER = "number,name,pictures,seen\n"


@settings(deadline=None, max_examples=40)
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
    assert path.read_text("utf-8").splitlines()[:2] == [HEADER.strip(), '0,"Ōta, Kaho",3,1']
    assert [found.is_named for found in load_classes(tmp_path)] == [True, True, False]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        ("number,artist,pictures,seen\n0,a,1,1\n", "no column name"),
        (f"{HEADER}0,a,1\n", "line 2 has 3 values"),
        (f"{HEADER}0,a,many,1\n", "cannot be read: .*'many': run its kernel again"),
        (f"{HEADER}0,\udcff,1,1\n", "not a csv file in UTF-8"),
    ],
)
def test_other_columns_and_values_are_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "classes.csv"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=f"^{re.escape(str(path))}.*{said}"):
        load_classes(tmp_path)
