"""Csv files as text: every row with all its fields, or one line that names file and row."""

import csv
import io
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.text('ab,;\t "é'), st.text("01.NA ", min_size=1)), max_size=4),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["", "\n", "   \n", ",\n"]),
    st.sampled_from(["id,label", "id, label", ",id,label", "Unnamed: 0,id,label"]),
)
def test_however_a_program_writes_a_table_it_reads_the_same(
    rows: list[tuple[str, str]], encoding: str, separator: str, end: str, blank: str, header: str
) -> None:
    if ", " in header:  # then spaces around values are none of theirs
        rows = [(first.strip(), second.strip()) for first, second in rows]
    rows = [row for row in rows if any(map(str.strip, row))]
    names = header.split(",")
    numbered = [[n] * (len(names) - 2) + [*row] for n, row in enumerate(rows)]
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows(numbered)
    head = separator.join(names) + end
    between = blank.replace(",", separator * (len(names) - 1)).replace("\n", end)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(f"{head}{between}{text.getvalue()}{between}{between}".encode(encoding))
        assert read_header(path) == ["id", "label"]
        assert read_table(path).to_numpy().tolist() == [list(row) for row in rows]
        assert read_table(path, ["label"])["label"].tolist() == [row[1] for row in rows]
        plain = (encoding, separator, header) == ("utf-16", ",", "id,label")
        assert (read_header(path, exact=True) == ["id", "label"]) == (
            plain or (separator, header) == (",", "id,label")
        )


def test_lines_above_the_header_count(path: Path) -> None:
    path.write_text("\n \nid,x\n\n1,2\n3\n")
    with pytest.raises(UserError, match="line 6 has 1 values, the header 2"):
        read_table(path)
    path.write_text("\n \nid,x\n\n1,2\n")
    assert read_table(path).index.tolist() == [5]


def test_what_is_no_table_is_named(path: Path) -> None:
    for content, said in (
        ("<html>\n<b>Sign in</b>", "no column id, x; it is a web page: fetch"),
        ("version https://git-lfs.github.com/spec/v1\n", "it is a Git LFS pointer instead"),
    ):
        path.write_text(content)
        with pytest.raises(UserError, match=said):
            read_table(path, ["id", "x"])


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
        (b"PK\x03\x04\x14\x00\x06\x00\xff\xfe", "not a csv file in UTF-8, but a zip archive"),
        (b"\x1f\x8b\x08\x00\xff\xfe", "not a csv file in UTF-8, but a gzip archive"),
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
