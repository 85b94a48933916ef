"""A dry run on one's own data: what is checked first, and wherever they are."""

import os
import shutil
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.errors import UserError
from common.submission import check_submission, write_submission
from competitions.painter_by_numbers import COMPETITION as PAINTER
from competitions.petals_to_metal import COMPETITION as PETALS
from competitions.petals_to_metal.data import PARTS
from kernels.local import dry_run
from kernels.local.dry_run import check_data, check_records
from kernels.local.scoring import Verdict, read_solution, score
from kernels.plan.find import find_competition
from kernels.plan.plan import plan_kernels
from kernels.plan.request import Request
from support import flowers, tiny
from support.read_here import read_here

pytestmark = pytest.mark.slow
SAMPLE = "data/sample_submission.csv"


@pytest.fixture
def files(tiny_data: tuple[Path, Path], tmp_path: Path) -> Path:
    """A folder with data and a solution that fit."""
    shutil.copytree(tiny_data[0], tmp_path / "mine" / "data")
    shutil.copy(tiny_data[1], tmp_path / "mine" / "solution.csv")
    return tmp_path / "mine"


def check(files: Path) -> None:
    check_data(find_competition("tiny"), files / "data", files / "solution.csv")


@pytest.mark.parametrize(
    ("names", "before", "after", "said"),
    [
        (["solution.csv"], "id,label,Usage", "id,labels,Usage", "must start with the columns id,l"),
        (["solution.csv"], "r12,", "r99,", "solution.csv lacks r12, which "),
        (["solution.csv"], "r12,", "r99,", "has: both must have the same ids"),
        ([SAMPLE], "r14,0\n", "", "sample_submission.csv lacks r14, which the solution "),
        ([SAMPLE], "id,label", "id,class", "the sample lacks label and has class, and the submiss"),
        ([SAMPLE], "id,label", "label,id", "the sample has other columns first, or one twice, and"),
        ([SAMPLE], "r14,0\n", "r14\n", "line 4 has 1 values, the header 2"),
        ([SAMPLE], "r14,0\n", "r14,0\nr13,0\n", "1 ids come twice, the first is r13 in line 5"),
        (["solution.csv"], "Public", "Private", "solution.csv: no row has the Usage Public: give"),
        ([SAMPLE, "solution.csv"], "id,label", "image,label", "the sample lacks id and has image"),
    ],
)
def test_what_does_not_fit_is_one_line(
    files: Path, names: list[str], before: str, after: str, said: str
) -> None:
    for name in names:
        text = (files / name).read_text()
        assert before in text.replace("\r\n", "\n")
        (files / name).write_text(text.replace("\r\n", "\n").replace(before, after))
    with pytest.raises(UserError) as caught:
        check(files)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "cells", "said"),
    [
        (
            "paws",
            ["101", "5", "6", "7"],
            "'101' in the column 'Pawpularity' is not a number from 1 to",
        ),
        (
            "eyes",
            ["1", "1", "2", "0"],
            "quadratic weighted kappa needs two grades or more in its Pub",
        ),
        ("spots", ["2", "1", "0", "1"], "'2' in the column 'spot' is not one of 0, 1"),
    ],
)
def test_what_cannot_be_scored_is_refused_first(
    tmp_path: Path, name: str, cells: list[str], said: str
) -> None:
    competition = find_competition(name)
    form = competition.submission
    rows = [f"a{n},{cell}" for n, cell in enumerate(cells)]
    usage = ["Public", "Public", "Private", "Private"]
    answers = [f"{row},{part}" for row, part in zip(rows, usage, strict=True)]
    header = f"{form.id_column},{form.target_column}"
    solution = tmp_path / "solution.csv"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / competition.sample).write_text("\n".join([header, *rows]))
    solution.write_text("\n".join([f"{header},Usage", *answers]) + "\n\n")
    with pytest.raises(UserError) as caught:
        check_data(competition, tmp_path / "data", solution)
    assert said in str(caught.value)


def test_ids_of_sample_and_solution_are_compared_in_one_form(tmp_path: Path) -> None:
    one, other = (unicodedata.normalize(form, "\u00e9") for form in ("NFC", "NFD"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sample_submission.csv").write_text(f"Id,Pawpularity\n{other},1\nb,1\n")
    solution = tmp_path / "solution.csv"
    solution.write_text(f"Id;Pawpularity;Usage\r\n{one};2;Public\r\nb;2;Private\r\n\r\n")
    competition = find_competition("paws")
    check_data(competition, tmp_path / "data", solution)
    sent = tmp_path / "submission.csv"
    sample = tmp_path / "data" / "sample_submission.csv"
    write_submission(sent, competition, [one, "b"], np.array([[3.0], [2.0]]), sample=sample)
    assert sent.read_text().splitlines()[1] == f"{other},3.0"  # as the sample spells it
    assert check_submission(sent, sample, competition) == 2
    assert score(competition, read_solution(competition, solution), sent) == Verdict(1.0, 0.0)


def test_what_an_audit_lists_is_not_refused_before_it(files: Path) -> None:
    (files / SAMPLE).unlink()
    competition = find_competition("tiny")
    check_data(competition, files / "data", files / "solution.csv", scored=False)
    (files / "solution.csv").write_text("id\n")
    with pytest.raises(UserError, match="must start with the columns id,label,Usage"):
        check_data(competition, files / "data", files / "solution.csv", scored=False)


def petals(root: Path) -> Path:
    """Flowers in the competition's layout, whose ids are the sample's."""
    for part in PARTS:
        flowers.shard(root / "tfrecords-jpeg-192x192" / part, [1, 2])
    (root / "sample_submission.csv").write_text("id,label\n0-0,0\n0-1,0\n")
    return root


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize(
    ("name", "fault", "said"),
    [
        ("", None, ""),
        (
            "sample_submission.csv",
            lambda path: path.write_text("id,label\n0-0,0\n"),
            "1 of its 2 p",
        ),
        (
            "tfrecords-jpeg-192x192/train/00-24x24-2.tfrec",
            damage,
            "record 2 is truncated or corrupt",
        ),
    ],
)
def test_records_are_read_before_anything_is_pushed(
    tmp_path: Path,
    name: str,
    fault: Callable[[Path], None] | None,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if name.endswith(".csv"):  # the others in a process of their own, as the command does it
        monkeypatch.setattr(dry_run, "_run_reading", read_here(monkeypatch))
    data = petals(tmp_path / "mine")
    settings = {"batch_size": "1"}  # there are two pictures to train on
    kernels = plan_kernels(Request(PETALS, ("densenet201",), dry_run=True, settings=settings))
    if fault is None:
        check_records(PETALS, kernels, data)
        assert "warning: classes without a picture in train or val" in capsys.readouterr().err
        monkeypatch.setattr(dry_run, "_run_reading", read_here(monkeypatch))
        check_records(PAINTER, plan_kernels(Request(PAINTER, ("triplets",), dry_run=True)), data)
        return
    fault(data / name)
    with pytest.raises(UserError) as caught:
        check_records(PETALS, kernels, data)
    assert said in str(caught.value)
    assert str(data / name) in str(caught.value), "it is named by another path"


def test_zipped_data_next_to_the_working_folder_are_scored(files: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(files / f"{SAMPLE}.zip", "w") as archive:
        archive.write(files / SAMPLE, "sample_submission.csv")
    (files / SAMPLE).unlink()
    (tmp_path / "here").mkdir()
    given = ("--data", "../mine/data", "--solution", "../mine/solution.csv", "--run-dir", "../run")
    done = tiny.submit(
        "tiny", "--model", "left", "--dry-run", *given, "--json", cwd=tmp_path / "here"
    )
    assert tiny.last_json(done)["public_score"] > 0.5
