"""The submission against the competition's sample: what is refused, and how it is named."""

import dataclasses
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from common.forms import LabelColumn, LabelList, NumberColumn, ProbabilityColumn
from common.pairs.table import write_pair_scores
from common.submission import check_submission, read_sample_ids, write_submission
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Number
from competitions.painter_by_numbers import COMPETITION as PAINTER
from competitions.petals_to_metal import COMPETITION as PETALS
from support import tiny
from support.scored import make

COMPETITIONS = {"id,label": PETALS, "index,sameArtist": PAINTER}
SAMPLES = {  # of pairs it is another table, whose first column has the ids
    "id,label": "id,label\na1,0\nb2,0\nc3,0\n",
    "index,sameArtist": "index,image1,image2\n7,a.jpg,b.jpg\n9,a.jpg,c.jpg\n8,b.jpg,c.jpg\n",
}


def check(folder: Path, kind: str, rows: str) -> int:
    """Check a submission with the header ``kind``, or a whole one, of its competition."""
    sample, path = folder / "sample_submission.csv", folder / "submission.csv"
    sample.write_text(SAMPLES[kind])
    path.write_bytes((rows if rows.endswith("!") else f"{kind}\n{rows}").rstrip("!").encode())
    return check_submission(path, sample, COMPETITIONS[kind])


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("id,label", "a1,0\nb2,103\nc3,7\n"),
        ("id,label", "a1,0\r\nb2,1\r\nc3,2\r\n"),
        ("id,label", "a1,0\n\nb2,1\nc3,2\n\n"),
        ("index,sameArtist", "7,1.0\n9,1e-7\n8,2.5E-3\n"),
        ("index,sameArtist", "\ufeffindex,sameArtist\n7,0.5\n9,1\n8,0\n!"),
        ("index,sameArtist", '"7","0.5"\n9,1\n8,0\n'),
        ("index,sameArtist", "8,0\n7,0.5\n9,1"),
    ],
)
def test_a_right_submission_passes_in_any_order(tmp_path: Path, kind: str, rows: str) -> None:
    assert check(tmp_path, kind, rows) == 3


@pytest.mark.parametrize(
    ("kind", "rows", "said"),
    [
        ("id,label", "!", "the file is empty"),
        ("id,label", "Id,label\na1,0\n!", "its header is Id,label, not id,label"),
        (
            "id,label",
            "a1,0\nb2,104\nc3,2\n",
            "rows have a label that is not one of 0, 1, 2, …, 103: ",
        ),
        ("id,label", "a1,0\nb2,\nc3,2\n", "line 3: b2,"),
        ("id,label", "a1,٣\nb2,1\nc3,2\n", "line 2"),
        ("id,label", "a1,0\nb2,1,9\nc3,2\n", "line 3 has 3 values, the header 2: fetch"),
        ("id,label", "a1,0\nb2\nc3,2\n", "line 3 has 1 values, the header 2: fetch"),
        ("id,label", "a1,0\n\nb2,x\nc3,2\n", "line 4: b2,x"),
        ("id,label", "a1,0\nzz,1\nc3,2\n", "id that the sample has not: line 3: zz,1"),
        ("id,label", "a1,0\nb2,1\nb2,1\nc3,2\n", "repeat an id: line 4: b2,1"),
        ("id,label", "a1,0\n", "2 of the sample's 3 ids are missing, the first are b2, c3"),
        ("index,sameArtist", "index,image1\n7,a\n!", "header is index,image1, not index,sameA"),
        ("index,sameArtist", "7,0.5\n9,nan\n8,0\n", "not a number from 0 to 1: line 3: 9,nan"),
        ("index,sameArtist", "7,0.5\n9,inf\n8,-inf\n", "2 rows have a sameArt.* line 4: 8,-inf"),
        ("index,sameArtist", "7,0.5\n9,same\n8,0\n", "line 3: 9,same"),
        ("index,sameArtist", "7,0.5\n9,1.5\n8,-0.1\n", "2 rows have a sameArt.* line 3: 9,1.5"),
        ("index,sameArtist", "7,0.5\n9,1\n8,0\n10,1\n", "the sample has not: line 5: 10,1"),
        ("index,sameArtist", "", "3 of the sample's 3 ids are missing"),
    ],
)
def test_a_wrong_one_is_named_by_its_first_rows(
    tmp_path: Path, kind: str, rows: str, said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        check(tmp_path, kind, rows)
    assert str(caught.value).startswith(str(tmp_path / "submission.csv"))
    assert "\n" not in str(caught.value)


def test_what_is_written_passes_under_the_competitions_header(tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_text(SAMPLES["id,label"])
    ids, predictions = ["a1", "b2", "c3"], np.eye(PETALS.task.units)[1:4]
    path = write_submission(tmp_path / "s.csv", PETALS, ids, predictions)
    assert path.read_text() == "id,label\na1,1\nb2,2\nc3,3\n"
    assert check_submission(path, sample, PETALS) == 3
    other = dataclasses.replace(PETALS, submission=LabelColumn("same", "index"))
    path = write_submission(path, other, ["1"], predictions[:1])
    assert path.read_text() == "index,same\n1,1\n"
    listed = make(
        MultiLabel(("a", "b"), at_least_one=False), "micro_f1", LabelList("t", none="healthy")
    )
    listed.check()
    path = write_submission(path, listed, ["1"], np.array([[0.1, 0.2]]))
    assert path.read_text() == "id,t\n1,healthy\n"
    assert check_submission(path, path, listed) == 1


@pytest.mark.parametrize("output", [0.0, 1.0])
@pytest.mark.parametrize("bounds", [(0.7, 1.3), (-1.3, 0.3)])
def test_a_float32_of_a_bound_is_within_it(bounds: tuple, output: float, tmp_path: Path) -> None:
    task = Number(*bounds)  # whose nearest float32s are 0.69999999 and 0.30000001
    competition = make(task, "rmse", NumberColumn("t"))
    predictions = task.predictions(np.array([[output]], np.float32))
    path = write_submission(tmp_path / "s.csv", competition, ["1"], predictions)
    assert check_submission(path, path, competition) == 1


def test_a_sample_is_read_in_a_zip_and_a_missing_or_empty_one_is_one_line(tmp_path: Path) -> None:
    competition = make(Classification(("cat", "dog")), "roc_auc", ProbabilityColumn("t"))
    sample = tmp_path / "sample.csv.zip"
    with zipfile.ZipFile(sample, "w") as archive:
        archive.writestr("sample.csv", "id,t\n1,0\n")
    assert list(read_sample_ids(sample, competition)) == ["1"]
    with pytest.raises(UserError, match="the sample lacks label and has t, and"):
        read_sample_ids(sample, PETALS)
    sample = tmp_path / "none.csv"
    for said in ("none.csv: no such file", "none.csv: the file is empty"):
        with pytest.raises(UserError, match=said):
            check_submission(tmp_path / "none.csv", sample, PETALS)
        with pytest.raises(UserError, match=said):
            read_sample_ids(sample, PETALS)
        sample.write_text("")


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


def test_many_rows_take_bounded_memory(tmp_path: Path) -> None:
    number = 700_000
    sample = tmp_path / "submission_info.csv"
    with open(sample, "w") as file:
        file.write("index,image1,image2\n")
        file.writelines(f"{n},{n % 977}.jpg,{n % 967}.jpg\n" for n in range(number))
    scores = np.random.default_rng(0).random(number, np.float32)
    columns = (PAINTER.submission.id_column, PAINTER.submission.target_column)
    path = write_pair_scores(tmp_path / "submission.csv", columns, np.arange(number), scores)
    command = [sys.executable, "-c", MEASURED, path, sample]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tiny.ROOT)
    found = json.loads(done.stdout)
    assert found["rows"] == number
    assert found["bytes"] < 200e6  # whatever the number: read in parts
