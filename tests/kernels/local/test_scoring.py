"""The local Kaggle's scores: of classes and of pairs, and the first fault of a submission."""

from pathlib import Path

import numpy as np
import pandas
import pytest
from sklearn.metrics import roc_auc_score

from common.errors import UserError
from competitions.painter_by_numbers import COMPETITION as PAINTER
from competitions.petals_to_metal import COMPETITION as PETALS
from kernels.local.scoring import read_solution, score

HEADER = "index,sameArtist"


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def hidden(tmp_path: Path) -> Path:
    """200 pairs, of which a third are public."""
    generator = np.random.default_rng(0)
    same = generator.integers(0, 2, 200)
    usage = np.where(generator.random(200) < 1 / 3, "Public", "Private")
    rows = [f"{n},{label},{part}" for n, (label, part) in enumerate(zip(same, usage, strict=True))]
    return write(tmp_path / "solution.csv", f"{HEADER},Usage", *rows)


def submitted(folder: Path, *rows: str, header: str = HEADER) -> Path:
    return write(folder / "submission.csv", header, *rows)


def test_scores_of_pairs_are_roc_auc_of_each_part(hidden: Path, tmp_path: Path) -> None:
    solution = read_solution(PAINTER, hidden)
    assert len(solution.ids) == 200
    table = pandas.read_csv(hidden)
    truth, public = table["sameArtist"].to_numpy(), (table["Usage"] == "Public").to_numpy()
    # Rounded, so that many are equal; beyond 0 and 1 too, and in another order.
    values = np.round(truth + 1.5 * np.random.default_rng(1).normal(size=200), 1)
    order = np.random.default_rng(2).permutation(200)
    path = submitted(tmp_path, *(f"{n},{values[n]}" for n in order))
    found = score(PAINTER, solution, path)
    assert found.error == ""
    assert found.public == pytest.approx(roc_auc_score(truth[public], values[public]))
    assert found.private == pytest.approx(roc_auc_score(truth[~public], values[~public]))
    assert found.public != found.private


@pytest.mark.parametrize("value", ["1e-7", "0.5", "-3", "1E2"])
def test_scores_may_be_written_in_any_way(hidden: Path, tmp_path: Path, value: str) -> None:
    solution = read_solution(PAINTER, hidden)
    found = score(PAINTER, solution, submitted(tmp_path, *(f"{n},{value}" for n in range(200))))
    assert (found.public, found.private, found.error) == (0.5, 0.5, "")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("3,nan", "The value 'nan' in the column 'sameArtist' is not a number (Line 5)"),
        ("3,inf", "The value 'inf' in the column 'sameArtist' is not a number"),
        ("3,", "The value '' in the column 'sameArtist' is not a number"),
        ("3,yes", "The value 'yes' in the column 'sameArtist' is not a number"),
        ("3,1,1", "Submission contains 3 columns, but 2 expected (Line 5)"),
        ("2,1", "The value '2' in the key column 'index' has already been defined"),
        ("777,1", "The value '777' in the key column 'index' is not expected"),
    ],
)
def test_the_first_fault_of_scores_is_named(
    hidden: Path, tmp_path: Path, row: str, said: str
) -> None:
    rows = [f"{n},0.5" for n in range(200)]
    rows[3] = row
    found = score(PAINTER, read_solution(PAINTER, hidden), submitted(tmp_path, *rows))
    assert said in found.error


def test_what_is_missing_and_another_header_are_named(hidden: Path, tmp_path: Path) -> None:
    solution = read_solution(PAINTER, hidden)
    short = submitted(tmp_path, *(f"{n},1" for n in range(199)))
    assert "index '199' is missing" in score(PAINTER, solution, short).error
    other = submitted(tmp_path, *(f"{n},1" for n in range(200)), header="index,score")
    assert "must start with the columns index,sameArtist" in score(PAINTER, solution, other).error


def test_classes_are_whole_numbers_still(tmp_path: Path) -> None:
    hidden = write(tmp_path / "solution.csv", "id,label,Usage", "a,1,Public", "b,2,Private")
    solution = read_solution(PETALS, hidden)
    right = submitted(tmp_path, "a,1", "b,3", header="id,label")
    assert (score(PETALS, solution, right).public, score(PETALS, solution, right).private) == (1, 0)
    for value in ("0.5", "104", "-1"):
        wrong = submitted(tmp_path, "a,1", f"b,{value}", header="id,label")
        assert "is not one of 0 to 103" in score(PETALS, solution, wrong).error


@pytest.mark.parametrize("part", ["Public", "Private"])
def test_a_part_without_both_kinds_of_pairs_has_no_score(tmp_path: Path, part: str) -> None:
    other = {"Public": "Private", "Private": "Public"}[part]
    rows = [f"0,1,{part}", f"1,1,{part}", f"2,0,{other}", f"3,1,{other}"]
    hidden = write(tmp_path / "solution.csv", f"{HEADER},Usage", *rows)
    with pytest.raises(UserError, match=f"solution.csv: none of its 2 {part} rows is 0"):
        read_solution(PAINTER, hidden)


def test_answers_of_pairs_are_0_or_1(tmp_path: Path) -> None:
    rows = ["0,1,Public", "1,0,Public", "2,0,Private", "3,2,Private"]
    hidden = write(tmp_path / "solution.csv", f"{HEADER},Usage", *rows)
    with pytest.raises(UserError, match="has in line 5 a sameArtist that is not .*: 3,2,Private"):
        read_solution(PAINTER, hidden)
