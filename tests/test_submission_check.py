"""The submission against the competition's sample: what is refused, and how it is named."""

import dataclasses
from pathlib import Path

import pytest

from common.errors import UserError
from common.submission import check_submission, write_submission
from competitions.petals_to_metal import COMPETITION

SAMPLE = "id,label\na1,0\nb2,0\nc3,0\n"


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "sample_submission.csv"
    path.write_text(SAMPLE)
    return path


def check(folder: Path, sample: Path, text: str) -> int:
    path = folder / "submission.csv"
    path.write_text(text, encoding="utf-8")
    return check_submission(path, sample, COMPETITION)


@pytest.mark.parametrize(
    "text",
    [
        "id,label\na1,0\nb2,103\nc3,7\n",
        "id,label\nc3,1\na1,2\nb2,3\n",
        "id,label\r\na1,0\r\nb2,1\r\nc3,2\r\n",
    ],
)
def test_a_right_submission_passes_in_any_order(tmp_path: Path, sample: Path, text: str) -> None:
    assert check(tmp_path, sample, text) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("Id,label\na1,0\nb2,1\nc3,2\n", "its header is Id,label, not id,label"),
        ("id,label\na1,0\nb2,104\nc3,2\n", r"from 0 to 103: line 3: b2,104"),
        ("id,label\na1,0\nb2,-1\nc3,2\n", "line 3: b2,-1"),
        ("id,label\na1,0\nb2,1.0\nc3,2\n", "line 3: b2,1.0"),
        ("id,label\na1,0\nb2,\nc3,2\n", "line 3: b2,"),
        ("id,label\na1,0\nb2,nan\nc3,2\n", "line 3: b2,nan"),
        ("id,label\na1,0\nb2,1,9\nc3,2\n", "are not two values: line 3: b2,1,9"),
        ("id,label\na1,0\n\nb2,1\nc3,2\n", "are not two values: line 3"),
        ("id,label\na1,0\nzz,1\nc3,2\n", "id that the sample has not: line 3: zz,1"),
        ("id,label\na1,0\nb2,1\nb2,1\nc3,2\n", "repeat an id: line 4: b2,1"),
        ("id,label\na1,0\n", "2 of the sample's 3 ids are missing, the first are b2, c3"),
        ("id,label\na1,٣\nb2,1\nc3,2\n", "line 2"),
    ],
)
def test_a_wrong_one_is_named_by_its_first_rows(
    tmp_path: Path, sample: Path, text: str, said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        check(tmp_path, sample, text)
    assert "submission.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_written_passes(tmp_path: Path, sample: Path) -> None:
    path = write_submission(tmp_path / "submission.csv", COMPETITION, ["a1", "b2", "c3"], [1, 2, 3])
    assert path.read_text() == "id,label\na1,1\nb2,2\nc3,3\n"
    assert check_submission(path, sample, COMPETITION) == 3


def test_the_header_is_the_competitions(tmp_path: Path) -> None:
    other = dataclasses.replace(COMPETITION, id_column="index", target_column="same")
    path = write_submission(tmp_path / "s.csv", other, ["1"], [0])
    assert path.read_text() == "index,same\n1,0\n"


def test_a_missing_file_is_said(tmp_path: Path, sample: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        check_submission(tmp_path / "none.csv", sample, COMPETITION)
