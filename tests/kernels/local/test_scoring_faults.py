"""What the local Kaggle says of a solution or submission that is not of the competition's form."""

from pathlib import Path

import numpy as np
import pytest

from common.competition import Competition
from common.errors import UserError
from common.forms import (
    BestLabels,
    LabelColumn,
    LabelList,
    NumberColumn,
    ProbabilityColumn,
    ProbabilityColumns,
)
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Grades, Number
from common.tasks.pairs import Pairs
from kernels.local.scoring import Score, read_solution, score
from support.scored import FLOWERS, make

ABC = ("a", "b", "c")
FLOWER = make(Classification(FLOWERS), "accuracy", LabelColumn("t", text=True))
COLUMNS = make(Classification(ABC), "log_loss", ProbabilityColumns())
LISTS = make(MultiLabel(ABC), "micro_f1", LabelList("t"))
BEST = make(Classification((*ABC, "d")), "map@3", BestLabels("t", k=3))
NUMBER = make(Number(0, 10), "rmse", NumberColumn("t"))
GRADED = make(Grades(ABC), "rmse", NumberColumn("t"))
PAIRS = make(Pairs(), "roc_auc", ProbabilityColumn("t"))


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def solve(folder: Path, competition: Competition, *rows: str, header: str = ""):
    """The solution of these rows."""
    form = competition.submission
    known = ",".join(("id", *form.columns(competition.task), "Usage"))
    return read_solution(competition, write(folder / "hidden.csv", header or known, *rows))


def sent(folder: Path, competition: Competition, truth: str, *rows: str, header: str = "") -> Score:
    """The score of ``rows`` where the public row ``p`` and the private ``q`` are ``truth``."""
    solution = solve(folder, competition, f"p,{truth},Public", f"q,{truth},Private")
    known = ",".join(("id", *competition.submission.columns(competition.task)))
    return score(competition, solution, write(folder / "s.csv", header or known, *rows))


@pytest.mark.parametrize(
    ("competition", "truth", "right", "wrong", "said"),
    [
        (
            FLOWER,
            "rose",
            "tulip",
            "Rose",
            "'Rose' in the column 't' is not one of daisy, rose, sun",
        ),
        (FLOWER, "rose", "tulip", "", "'' in the column 't' is not one of daisy"),
        (COLUMNS, "0,1,0", "0,.5,1", "0,x,1", "'x' in the column 'b' is not a number"),
        (COLUMNS, "0,1,0", "0,.5,1", "0,,1", "'' in the column 'b' is not a number"),
        (COLUMNS, "0,1,0", "0,.5,1", "nan,,1", "'nan' in the column 'a' is not a number"),
        (LISTS, "a b", "c a", "a d", "'a d' in the column 't' is not a list of different labels"),
        (LISTS, "a b", "c a", "a a", "'a a' in the column 't' is not a list of different labels"),
        (LISTS, "a b", "c a", "a  b", "'a  b' in the column 't' is not a list"),
        (LISTS, "a b", "c a", "", "'' in the column 't' is not a list"),
        (BEST, "a", "a b c", "a b c d", "'a b c d' in the column 't' is not 1 to 3 different lab"),
        (BEST, "a", "b", "e", "'e' in the column 't' is not 1 to 3 different labels, ' ' between"),
        (NUMBER, "3.5", "-1e1", "inf", "'inf' in the column 't' is not a number"),
        (NUMBER, "3.5", "4", "1,5", "contains 3 columns, but 2 expected"),
        (GRADED, "2", "1.25", "b", "'b' in the column 't' is not a number"),
    ],
)
def test_the_first_cell_that_is_not_of_the_form_is_named(
    tmp_path: Path, competition: Competition, truth: str, right: str, wrong: str, said: str
) -> None:
    assert sent(tmp_path, competition, truth, f"q,{right}", f"p,{right}").error == ""
    found = sent(tmp_path, competition, truth, f"q,{right}", f"p,{wrong}")
    assert said in found.error
    assert found.error.endswith("(Line 3)")
    assert (found.public, found.private) == (None, None)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (("q,9,9,9", "x,9,9,9"), "'x' in the key column 'id' is not expected (Line 3)"),
        (("q,0,0,0", "q,x,0,0"), "'q' in the key column 'id' has already been defined (Line 3)"),
        (("p,0,0,0", "q,0,0,x", "q,0,0,0"), "'x' in the column 'c' is not a number (Line 3)"),
        (("p,0,0,0", "q,0,0,0,0", "x,0,0,0"), "5 columns, but 4 expected (Line 3)"),
        (("p,0,0,0", "q,0", "x,0,0,0"), "2 columns, but 4 expected (Line 3)"),
        (("x,0,0,0", "q,0"), "'x' in the key column 'id' is not expected (Line 2)"),
        (("p,0,0,0", "", "", "x,0,0,0"), "'x' in the key column 'id' is not expected (Line 5)"),
        (("q,0,0,0",), "must have 2 rows and has 1: id 'p' is missing"),
        ((), "must have 2 rows and has 0: id 'p' is missing"),
    ],
)
def test_the_first_row_at_fault_is_named_whatever_is_wrong(
    tmp_path: Path, rows: tuple[str, ...], said: str
) -> None:
    assert said in sent(tmp_path, COLUMNS, "0,1,0", *rows).error


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("id,a,b", "columns id,a,b,c, and has id,a,b: 'c' is missing"),
        ("id,a,b,d", "columns id,a,b,c, and has id,a,b,d: 'c' is missing"),
        ("id,a,b,c,c", "columns id,a,b,c, and has id,a,b,c,c"),
        ("id,a,b,c,Usage", "columns id,a,b,c, and has id,a,b,c,Usage"),
    ],
)
def test_other_columns_are_named(tmp_path: Path, header: str, said: str) -> None:
    assert said in sent(tmp_path, COLUMNS, "0,1,0", header=header).error


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"id,t\np,\xff\n"])
def test_what_is_no_text_is_said_in_our_own_words(tmp_path: Path, content: bytes) -> None:
    solution = solve(tmp_path, NUMBER, "p,1,Public")
    (tmp_path / "s.csv").write_bytes(content)
    said = "The submission cannot be read as a csv file in UTF-8"
    assert score(NUMBER, solution, tmp_path / "s.csv") == Score(error=said)
    (tmp_path / "hidden.csv").write_bytes(content)
    with pytest.raises(
        UserError, match=r"hidden.csv cannot be read as a csv file in UTF-8: it must"
    ):
        read_solution(NUMBER, tmp_path / "hidden.csv")
    with pytest.raises(
        UserError, match=r"nowhere.csv is not there: it must be a table of id,t,Usage"
    ):
        read_solution(NUMBER, tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    ("competition", "rows", "said"),
    [
        (FLOWER, ["p,rose,Public", "q,rosa,Private"], "in line 3 a t that is not one of daisy"),
        (FLOWER, ["p,rose,Public", "p,rose,Private"], "in line 3 an id again: p,rose,Private"),
        (FLOWER, ["p,rose,public"], "in line 2 a Usage that is not one of Public, Private, Ignor"),
        (FLOWER, ["p,rose,Public", "q,rose"], "in line 3 2 values, and 3 columns"),
        (FLOWER, [], "no rows"),
        (COLUMNS, ["p,0,1,1,Public"], "in line 2 not a single 1 in the columns of the classes"),
        (COLUMNS, ["p,0,0,0,Public"], "in line 2 not a single 1 in the columns of the classes"),
        (COLUMNS, ["p,0,.5,.5,Public"], "in line 2 a b that is not one of 0 to 1"),
        (LISTS, ["p,a d,Public"], "in line 2 a t that is not a list of different labels"),
        (BEST, ["p,a b,Public"], "in line 2 a t that is not one of a, b, c, d"),
        (NUMBER, ["p,1.5,Public", "q,,Public"], "in line 3 a t that is not a number"),
        (GRADED, ["p,1.5,Public"], "in line 2 a t that is not one of 0 to 2"),
    ],
)
def test_a_solution_is_of_the_form(
    tmp_path: Path, competition: Competition, rows: list[str], said: str
) -> None:
    with pytest.raises(UserError, match="the solution .*hidden.csv has ") as caught:
        solve(tmp_path, competition, *rows)
    assert said in str(caught.value)


def test_a_solution_has_the_columns_of_a_submission(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="starts with id,a,b,Usage, expected id,a,b,c,Usage"):
        solve(tmp_path, COLUMNS, "p,0,1,Public", header="id,a,b,Usage")
    solution = solve(tmp_path, COLUMNS, "0,Public,1,0,p", header="b,Usage,c,a,id")
    path = write(tmp_path / "s.csv", "id,a,b,c", "p,.25,.25,.5")
    assert score(COLUMNS, solution, path).public == pytest.approx(np.log(2))


def test_what_is_true_of_an_ignored_row_does_not_matter(tmp_path: Path) -> None:
    rows = ["p,rose,Public", "q,,Ignored", "r,?,Ignored", "s,tulip,Private"]
    solution = solve(tmp_path, FLOWER, *rows)
    path = write(tmp_path / "s.csv", "id,t", "s,rose", "r,rose", "q,rose", "p,rose")
    assert score(FLOWER, solution, path) == Score(1.0, 0.0)
    path = write(tmp_path / "s.csv", "id,t", "s,rose", "p,rose")
    assert "must have 4 rows and has 2: id 'q' is missing" in score(FLOWER, solution, path).error


def test_auc_of_a_column_needs_both_answers_in_each_part(tmp_path: Path) -> None:
    columns = make(Classification(ABC), "roc_auc", ProbabilityColumns())
    rows = ["p,0,1,0,Public", "q,1,0,0,Public"]
    with pytest.raises(UserError, match="none of its 2 Public rows is 1 in c, and ROC AUC needs"):
        solve(tmp_path, columns, *rows)
    rows += ["r,0,0,1,Public", "s,0,0,1,Ignored"]
    assert solve(tmp_path, columns, *rows).rows["Private"].size == 0


def test_a_part_without_rows_has_no_score(tmp_path: Path) -> None:
    solution = solve(tmp_path, PAIRS, "0,1,Private", "1,0,Private")
    path = write(tmp_path / "s.csv", "id,t", "0,.5", "1,.25")
    assert score(PAIRS, solution, path) == Score(None, 1.0)


def test_kappa_of_a_single_grade_is_no_score(tmp_path: Path) -> None:
    graded = make(Grades(ABC), "quadratic_weighted_kappa", LabelColumn("t"))
    assert sent(tmp_path, graded, "1", "p,1", "q,2") == Score(None, 0.0)


def test_many_rows_in_another_order_are_matched_at_once(tmp_path: Path) -> None:
    number = 300_000
    ids = np.random.default_rng(0).permutation(number).tolist()
    rows = (f"{n},{n % 2},{'Public' if n % 3 else 'Private'}" for n in range(number))
    solution = solve(tmp_path, PAIRS, *rows)
    path = write(tmp_path / "s.csv", "id,t", *(f"{n},{n % 2}.{n % 7}" for n in ids))
    assert score(PAIRS, solution, path) == Score(1.0, 1.0)
