"""A dry run on one's own data: what is checked first, and wherever they are."""

import shutil
import zipfile
from pathlib import Path

import pytest

from common.errors import UserError
from kernels.local.dry_run import check_data
from kernels.plan.find import find_competition
from support import tiny

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
        (["solution.csv"], "r12,", "r99,", "differ in 2 ids, for example r12, r99: they must name"),
        ([SAMPLE], "id,label", "id,class", "the sample lacks label and has class, and the submiss"),
        ([SAMPLE], "id,label", "label,id", "the sample has other columns first, or one twice, and"),
        ([SAMPLE], "r14,0\n", "r14\n", "line 4 has 1 values, the header 2"),
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
