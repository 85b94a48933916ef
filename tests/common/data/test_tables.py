"""Csv files as text: every row with all its fields, or one line that names file and row."""

import zipfile
from pathlib import Path

import pytest

from common.data.tables import read_header, read_rows, read_table
from common.errors import UserError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


def test_cells_stay_text_and_rows_keep_their_lines(path: Path) -> None:
    path.write_bytes('\ufeffid,x,y\n\n"01",NA,\r\n"a,b",nan,1.0\n\n'.encode())
    rows = read_table(path)
    assert read_header(path) == list(rows) == ["id", "x", "y"]
    assert rows.to_numpy().tolist() == [["01", "NA", ""], ["a,b", "nan", "1.0"]]
    assert rows.index.tolist() == [3, 4]
    assert read_table(path, ["y", "id"]).to_numpy().tolist() == [["", "01"], ["1.0", "a,b"]]


def test_many_rows_come_in_parts_and_none_in_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("id\n" + "".join(f"{n}\n" for n in range(10)))
    monkeypatch.setattr("common.data.tables._ROWS", 4)
    assert [part["id"].tolist() for part in read_rows(path)] == [
        ["0", "1", "2"],
        ["3", "4", "5", "6"],
        ["7", "8", "9"],
    ]
    path.write_text("id\n")
    assert [len(part) for part in read_rows(path)] == [0]


def test_the_only_table_of_a_zip_is_read(path: Path) -> None:
    with zipfile.ZipFile(f"{path}.zip", "w") as archive:
        archive.writestr("table.csv", "id,x\n1,2\n")
    assert read_table(Path(f"{path}.zip"))["x"].tolist() == ["2"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id,x\n1,2\n3\n", "line 3 has 1 values, the header 2: fetch"),
        (b"id,x\n1,2,\n3,4,\n", "line 2 has 3 values, the header 2: fetch"),
        (b"id,x\n1,\n2,3,4\n", "line 3 has 3 values, the header 2: fetch"),
        (b"id,y\n1,2\n", "no column x; its columns are id, y"),
        (b"", "the file is empty"),
        (b"id,x\n1,\xff\n", "not a csv file in UTF-8"),
        (b'id,x\n1,"2\n', "not a csv file in UTF-8"),
    ],
)
def test_what_is_no_whole_table_is_one_line(path: Path, content: bytes, said: str) -> None:
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_table(path, ["id", "x"])
    assert str(caught.value).startswith(f"{path}: {said}")
    path.unlink()
    with pytest.raises(UserError, match="no such file"):
        read_table(path)
