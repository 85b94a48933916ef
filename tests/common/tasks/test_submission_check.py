"""The submission against the competition's sample: what is refused, and how it is named."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from common.forms import LabelColumn
from common.pairs.table import write_pair_scores
from common.submission import check_submission, write_submission
from competitions.painter_by_numbers import COMPETITION as PAINTER
from competitions.petals_to_metal import COMPETITION
from support import tiny

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
        "id,label\na1,0\n\nb2,1\nc3,2\n\n",
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
        ("id,label\na1,0\nb2,1,9\nc3,2\n", "line 3 has 3 values, the header 2: fetch the file"),
        ("id,label\na1,0\n\nb2,x\nc3,2\n", "not an integer from 0 to 103: line 4: b2,x"),
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
    predictions = np.eye(COMPETITION.task.units)[1:4]
    path = write_submission(
        tmp_path / "submission.csv", COMPETITION, ["a1", "b2", "c3"], predictions
    )
    assert path.read_text() == "id,label\na1,1\nb2,2\nc3,3\n"
    assert check_submission(path, sample, COMPETITION) == 3


def test_the_header_is_the_competitions(tmp_path: Path) -> None:
    other = dataclasses.replace(COMPETITION, submission=LabelColumn("same", "index"))
    path = write_submission(tmp_path / "s.csv", other, ["1"], np.eye(COMPETITION.task.units)[:1])
    assert path.read_text() == "index,same\n1,0\n"


def test_a_missing_file_is_said(tmp_path: Path, sample: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        check_submission(tmp_path / "none.csv", sample, COMPETITION)


PAIRS = "index,image1,image2\n7,a.jpg,b.jpg\n9,a.jpg,c.jpg\n8,b.jpg,c.jpg\n"


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A sample that is another table, whose first column holds the ids."""
    path = tmp_path / "submission_info.csv"
    path.write_text(PAIRS)
    return path


RIGHT_SCORES = [
    "index,sameArtist\n7,0.5\n9,1\n8,0\n",
    "index,sameArtist\n7,1.0\n9,1e-7\n8,2.5E-3\n",
    "index,sameArtist\r\n7,0.5\r\n9,1\r\n8,0\r\n",
    "\ufeffindex,sameArtist\n7,0.5\n9,1\n8,0\n",
    'index,sameArtist\n"7","0.5"\n9,1\n8,0\n',
    "index,sameArtist\n8,0\n7,0.5\n9,1",
]


def check_scores(folder: Path, pairs: Path, text: str) -> int:
    path = folder / "submission.csv"
    path.write_bytes(text.encode())
    return check_submission(path, pairs, PAINTER)


@pytest.mark.parametrize("text", RIGHT_SCORES)
def test_right_scores_pass(tmp_path: Path, pairs: Path, text: str) -> None:
    assert check_scores(tmp_path, pairs, text) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("index,image1,image2\n7,a.jpg,b.jpg\n", "header is index,image1,image2, not index,sameA"),
        ("index,score\n7,1\n9,1\n8,0\n", "its header is index,score, not index,sameArtist"),
        (
            "index,sameArtist\n7,0.5\n9,nan\n8,0\n",
            "a probability that is not a finite number from 0 to 1: line 3: 9,nan",
        ),
        ("index,sameArtist\n7,0.5\n9,inf\n8,-inf\n", "2 rows have a probability .* line 4: 8,-inf"),
        ("index,sameArtist\n7,0.5\n9,1e999\n8,0\n", "line 3: 9,1e999"),
        ("index,sameArtist\n7,0.5\n9,same\n8,0\n", "line 3: 9,same"),
        ("index,sameArtist\n7,0.5\n9,\n8,0\n", "not a finite number from 0 to 1: line 3: 9,"),
        ("index,sameArtist\n7,0.5\n9,1.5\n8,-0.1\n", "2 rows have a probability .* line 3: 9,1.5"),
        ("index,sameArtist\n7,0.5\n9\n8,0\n", "line 3 has 1 values, the header 2: fetch"),
        ("index,sameArtist\n7,0.5\n9,0,5\n8,0\n", "line 3 has 3 values, the header 2: fetch"),
        ("index,sameArtist\n7,0.5\n9,1\n8,0\n10,1\n", "the sample has not: line 5: 10,1"),
        ("index,sameArtist\n7,0.5\n9,1\n9,1\n", "repeat an id: line 4: 9,1"),
        ("index,sameArtist\n7,0.5\n8,1\n", "1 of the sample's 3 ids are missing, .* are 9"),
        ("index,sameArtist\n", "3 of the sample's 3 ids are missing"),
        ("", "the file is empty"),
    ],
)
def test_wrong_scores_are_named_by_their_first_rows(
    tmp_path: Path, pairs: Path, text: str, said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        check_scores(tmp_path, pairs, text)
    assert "\n" not in str(caught.value)


def test_a_sample_that_is_not_there_or_no_table_is_said(tmp_path: Path, pairs: Path) -> None:
    text = RIGHT_SCORES[0]
    pairs.write_bytes(b"")
    with pytest.raises(UserError, match=r"submission_info.csv: the file is empty"):
        check_scores(tmp_path, pairs, text)
    pairs.unlink()
    with pytest.raises(UserError, match=r"submission_info.csv: no such file"):
        check_scores(tmp_path, pairs, text)


MEASURED = """
import json, resource, sys
from pathlib import Path
from common.submission import check_submission
from competitions.painter_by_numbers import COMPETITION
import pandas
most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = most()
rows = check_submission(*map(Path, sys.argv[1:]), COMPETITION)
print(json.dumps({"rows": rows, "bytes": most() - before}))
"""


def test_millions_of_rows_are_held_in_bounded_memory(tmp_path: Path) -> None:
    number = 2_000_000
    sample = tmp_path / "submission_info.csv"
    with open(sample, "w") as file:
        file.write("index,image1,image2\n")
        file.writelines(f"{n},{n % 977}.jpg,{n % 967}.jpg\n" for n in range(number))
    scores = np.random.default_rng(0).random(number, np.float32)
    columns = (PAINTER.submission.id_column, PAINTER.submission.target_column)
    path = write_pair_scores(tmp_path / "submission.csv", columns, np.arange(number), scores)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, path, sample],
        capture_output=True, text=True, cwd=tiny.ROOT,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told["rows"] == number
    assert told["bytes"] / number < 100  # of 21.9 million: less than 2.2 GB
    lines = path.read_text().splitlines()
    lines[number // 2] = f"{number // 2 - 1},nan"
    path.write_text("\n".join(lines))
    with pytest.raises(
        UserError, match=f"1 rows have a probability .* line {number // 2 + 1}: 999999,nan"
    ):
        check_submission(path, sample, PAINTER)
