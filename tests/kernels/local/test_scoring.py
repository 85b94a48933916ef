"""The local Kaggle's scores: each form by hand, all against the pipeline's, and what it refuses.

The pipeline's own metrics are tested by hand in ``common/metrics/test_metric.py``.
"""

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import forms
from common.competition import Competition
from common.errors import UserError
from common.metrics.metric import METRICS, Metric
from common.submission import check_submission, write_submission
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Grades, Number
from common.tasks.pairs import Pairs
from common.tasks.task import Task
from kernels.local.measures import find_measure
from kernels.local.scoring import Solution, Verdict, read_solution, score
from support import scored
from support.scored import FLOWERS, make

ABC = ("a", "b", "c")
CLASSES, FOUR = Classification(ABC), Classification((*ABC, "d"))
TWO = Classification(("cat", "dog"))
LABEL, PROBABILITY, NUMBER = (
    forms.LabelColumn("t"),
    forms.ProbabilityColumn("t"),
    forms.NumberColumn("t"),
)
FITTING = tuple(scored.fitting())
NEED_BOTH = ("roc_auc", "average_precision", "equal_error_rate", "tar_at_1e-2", "tar_at_1e-3")


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def solve(folder: Path, competition: Competition, *rows: str, header: str = "") -> Solution:
    """The solution of these rows."""
    form = competition.submission
    known = ",".join(("id", *form.columns(competition.task), "Usage"))
    return read_solution(competition, write(folder / "hidden.csv", header or known, *rows))


def send(
    folder: Path, competition: Competition, solution: Solution, *rows: str, header: str = ""
) -> Verdict:
    """The score of these rows."""
    known = ",".join(("id", *competition.submission.columns(competition.task)))
    return score(competition, solution, write(folder / "s.csv", header or known, *rows))


# Scores

COLUMNS_FORM = forms.ProbabilityColumns()
# Row 1 is rescaled, 0.5 of 1.25; of row 2 the true class has nothing.
LOSS = (["1,0,0", "0,0,1"], [".5,.25,.5", "1,0,0"])
NAMED, SEVERAL_OR_NONE = forms.LabelColumn("t", text=True), forms.LabelList("t", none="healthy")
LISTS = (["healthy", "c b"], ["a", "b c"])
BEST_THREE, RANKS = forms.BestLabels("t", k=3), (["b", "c", "d"], ["a b c", "c", "a b"])


@pytest.mark.parametrize(
    ("task", "metric", "form", "truth", "sent", "expected"),
    [
        (CLASSES, "macro_f1", LABEL, "0121", "0221", (1 + 2 / 3 + 2 / 3) / 3),
        (CLASSES, "accuracy", NAMED, "abcb", "accb", 3 / 4),
        (MultiLabel(ABC, at_least_one=False), "micro_f1", SEVERAL_OR_NONE, *LISTS, 4 / 5),
        (TWO, "log_loss", PROBABILITY, "10", [".8", "4E-1"], -math.log(0.8 * 0.6) / 2),
        (Pairs(), "roc_auc", PROBABILITY, "0011", ["-1", "4", "3.5", "8"], 3 / 4),
        (Number(1, 100), "rmse", NUMBER, ["59", "4"], ["60", "2"], math.sqrt(5 / 2)),
        (FOUR, "map@3", BEST_THREE, *RANKS, (1 / 2 + 1 + 0) / 3),
        (CLASSES, "log_loss", COLUMNS_FORM, *LOSS, -np.log([0.4, 1e-15]).mean()),
    ],
)
def test_scores_are_those_by_hand_in_any_order(
    tmp_path: Path,
    task: Task,
    metric: str,
    form: forms.Form,
    truth: list[str],
    sent: list[str],
    expected: float,
) -> None:
    competition = make(task, metric, form)
    competition.check()
    parts = ("Public", "Ignored", "Private")
    hidden = [f"{part}{n},{cell},{part}" for part in parts for n, cell in enumerate(truth)]
    turned = [[*reversed(c.split(",")), f"{part}{n}"] for part in parts for n, c in enumerate(sent)]
    header = ",".join([*reversed(form.columns(task)), "id"])
    solution = solve(tmp_path, competition, *hidden)
    found = send(tmp_path, competition, solution, *map(",".join, reversed(turned)), header=header)
    assert found.error == ""
    assert found.public == pytest.approx(expected, rel=1e-9)
    assert found.private == found.public


def test_every_metric_and_form_is_tried() -> None:
    assert {c.metric for c in FITTING} == {*METRICS, *scored.RANKED}
    assert {c.submission for c in FITTING} == set(scored.FORMS)
    assert len(FITTING) > 50


@given(st.sampled_from(FITTING), st.integers(0, 2**32 - 1), st.integers(1, 14), st.booleans())
@settings(max_examples=150, deadline=None)
def test_the_local_kaggle_and_the_pipeline_score_the_same(
    competition: Competition, seed: int, rows: int, moved: bool
) -> None:
    generator = np.random.default_rng(seed)
    labels = scored.random_labels(generator, competition.task, rows)
    predictions = scored.random_predictions(generator, competition.task, rows)
    thresholds = scored.random_thresholds(generator, competition.task) if moved else None
    usage = generator.choice(["Public", "Private", "Ignored"], rows)
    ids = np.array([f"picture {n}" for n in generator.permutation(rows)])
    with tempfile.TemporaryDirectory() as name:
        folder, back = Path(name), generator.permutation(rows)
        hidden = scored.write_solution(folder / "h.csv", competition, ids, labels, usage)
        sample = write_submission(folder / "sample.csv", competition, ids, predictions)
        path = folder / "submission.csv"
        write_submission(path, competition, ids[back], predictions[back], thresholds, sample)
        assert check_submission(path, sample, competition) == rows
        parts = {part: usage == part for part in ("Public", "Private")}
        if competition.metric in NEED_BOTH and any(
            part.any()
            and expected_score(competition, labels[part], predictions[part], None) is None
            for part in parts.values()
        ):
            with pytest.raises(UserError, match="needs both 0 and 1"):
                read_solution(competition, hidden)
            return
        with without_the_pipelines_own(competition):
            found = score(competition, read_solution(competition, hidden), path)
    assert found.error == ""
    for part, value in zip(parts.values(), (found.public, found.private), strict=True):
        expected = expected_score(competition, labels[part], predictions[part], thresholds)
        if expected == 0 and value is None:  # kappa of a single grade, which is 0 / 0
            assert competition.metric == "quadratic_weighted_kappa"
        else:
            assert value == (None if expected is None else pytest.approx(expected, rel=1e-5))


def expected_score(
    competition: Competition,
    labels: np.ndarray,
    predictions: np.ndarray,
    thresholds: np.ndarray | None,
) -> float | None:
    """The pipeline's own; None where it is not defined."""
    try:
        return competition.score(labels, predictions, thresholds)
    except UserError:
        return None


@contextmanager
def without_the_pipelines_own(competition: Competition) -> Iterator[None]:
    """What the local Kaggle is to check cannot be used."""

    def broken(*_: object) -> None:
        raise AssertionError("the local Kaggle uses what it is to check")

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (Metric, "score"),
            (Competition, "score"),
            (Competition, "of_kind"),
            (type(competition.task), "decide"),
            (type(competition.task), "values"),
            (type(competition.submission), "cells"),
            (type(competition.submission), "bad"),
            (forms, "best_first"),
        ):
            patch.setattr(owner, name, broken)
        yield


# What is refused

FLOWER = make(Classification(FLOWERS), "accuracy", forms.LabelColumn("t", text=True))
INDEX = make(CLASSES, "accuracy", LABEL)
COLUMNS = make(CLASSES, "log_loss", COLUMNS_FORM)
SEVERAL = make(MultiLabel(ABC), "micro_f1", forms.LabelList("t"))
BEST = make(FOUR, "map@3", forms.BestLabels("t", k=3))
REAL = make(Number(0, 10), "rmse", NUMBER)
GRADED = make(Grades(ABC), "rmse", NUMBER)
SAME = make(Pairs(), "roc_auc", PROBABILITY)
AUC_OF_CLASSES = make(CLASSES, "roc_auc", COLUMNS_FORM)
NOT_LISTED, NOT_RANKED = "is not a list of different labels, ' '", "is not 1 to 3 different labels"


@pytest.mark.parametrize(
    ("competition", "truth", "rows", "said"),
    [
        (FLOWER, "rose", "p,Rose", "'Rose' in the column 't' is not one of daisy, rose, sun fl"),
        *((INDEX, "2", f"p,{bad}", "not one of 0, 1, 2 (Line 2)") for bad in ("3", "1.0", "")),
        (SEVERAL, "a b", "p,c a|q,a d", f"'a d' in the column 't' {NOT_LISTED}"),
        (SEVERAL, "a b", "p,a a", f"'a a' in the column 't' {NOT_LISTED}"),
        (SEVERAL, "a b", "p,", f"'' in the column 't' {NOT_LISTED}"),
        (BEST, "a", "p,a b c d", f"'a b c d' in the column 't' {NOT_RANKED}"),
        (BEST, "a", "p,a e", f"'a e' in the column 't' {NOT_RANKED}"),
        (REAL, "3.5", "p,inf", "'inf' in the column 't' is not a number"),
        (GRADED, "2", "p,b", "'b' in the column 't' is not a number"),
        (COLUMNS, "0,1,0", "p,nan,,1", "'nan' in the column 'a' is not a number"),
        (COLUMNS, "0,1,0", "q,9,9,9|x,9,9,9", "'x' in the column 'id' is not expected (Line 3)"),
        (COLUMNS, "0,1,0", "q,0,0,0|q,x,0,0", "'q' in the column 'id' has already been defined"),
        (COLUMNS, "0,1,0", "p,0,0,0|q,0,0,x|q,0,0,0", "'x' in the column 'c' is not a number (L"),
        (COLUMNS, "0,1,0", "p,0,0,0|q,0,0,0,0|x,0,0,0", "line 3 has 5 values, the header 4"),
        (COLUMNS, "0,1,0", "p,0,0,0|||x,0,0,0", "'x' in the column 'id' is not expected (Line 5"),
        (COLUMNS, "0,1,0", "q,0,0,0", "must have 2 rows and has 1: id 'p' is missing"),
        (COLUMNS, "0,1,0", "", "must have 2 rows and has 0: id 'p' is missing"),
        (COLUMNS, "0,1,0", "id,a,b, c", "columns id,a,b,c, and has id,a,b, c"),
        (COLUMNS, "0,1,0", "id,a,b", "columns id,a,b,c, and has id,a,b: 'c' is missing"),
        (COLUMNS, "0,1,0", "id,a,b,c,c", "columns id,a,b,c, and has id,a,b,c,c"),
    ],
)
def test_the_first_fault_of_a_submission_is_named(
    tmp_path: Path, competition: Competition, truth: str, rows: str, said: str
) -> None:
    solution = solve(tmp_path, competition, f"p,{truth},Public", f"q,{truth},Private")
    header = rows if rows.startswith("id,") else ""
    error = send(tmp_path, competition, solution, *rows.split("|"), header=header).error
    assert error.startswith("Submission Scoring Error: ")
    assert said in error


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"id,t\np,\xff\n", "not a csv file in UTF-8"), (b"", "the file is empty"), (None, "no such")],
)
def test_what_is_no_table_is_one_line(tmp_path: Path, content: bytes | None, said: str) -> None:
    solution, path = solve(tmp_path, REAL, "p,1,Public"), tmp_path / "s.csv"
    if content is not None:
        path.write_bytes(content)
    assert score(REAL, solution, path).error.startswith(f"Submission Scoring Error: {said}")
    with pytest.raises(UserError, match=f"^the solution .*s.csv: {said}"):
        read_solution(REAL, path)


@pytest.mark.parametrize(
    ("competition", "rows", "said"),
    [
        (FLOWER, ["p,rose,Public", "q,rosa,Private"], "'t' is not one of daisy, rose, sun flower"),
        (FLOWER, ["p,rosa,Public"], "if it is right, name it among the classes of Classification("),
        (FLOWER, ["p,1,Public"], "right, write LabelColumn(...) without text=True, for numbers of"),
        (INDEX, ["p,rose,Public"], "right, write LabelColumn(..., text=True), for names of"),
        (INDEX, ["p,7,Public"], "it is right, name it among the classes of Classification("),
        (GRADED, ["p,7,Public"], "name it among the classes of Grades(...) in"),
        (FLOWER, ["p,rose,Public", "p,rose,Private"], "'id' has already been defined (Line 3)"),
        (FLOWER, ["p,rose,public"], "'Usage' is not one of Public, Private, Ignored (Line 2)"),
        (FLOWER, ["p,rose,Public", "q,rose"], "line 3 has 2 values, the header 3"),
        (FLOWER, [], "no rows"),
        (COLUMNS, ["p,0,1,1,Public"], "has not a single 1 in the classes' columns (Line 2)"),
        (COLUMNS, ["p,0,0,0,Public"], "has not a single 1 in the classes' columns (Line 2)"),
        (COLUMNS, ["p,0,.5,.5,Public"], "'.5' in the column 'b' is not one of 0, 1 (Line 2)"),
        (SEVERAL, ["p,a d,Public"], "'t' is not a list of different labels"),
        (BEST, ["p,a b,Public"], "'t' is not one of a, b, c, d"),
        (REAL, ["p,1.5,Public", "q,,Public"], "'t' is not a number from 0 to 10 (Line 3)"),
        (REAL, ["p,1.5,Public", "q,11,Ignored", "r,11,Private"], "'11' in the column 't' is not a"),
        (GRADED, ["p,1.5,Public"], "'t' is not one of 0, 1, 2"),
        (SAME, ["p,1,Public", "q,1,Public", "r,0,Private"], "ROC AUC needs both 0 and 1 in"),
        (AUC_OF_CLASSES, ["p,0,1,0,Public", "q,1,0,0,Public"], "every column of its Public rows"),
    ],
)
def test_a_solution_is_of_the_form(
    tmp_path: Path, competition: Competition, rows: list[str], said: str
) -> None:
    with pytest.raises(UserError, match="^the solution .*hidden.csv") as caught:
        solve(tmp_path, competition, *rows)
    assert said in str(caught.value)


def test_a_solution_has_the_columns_of_a_submission_in_any_order(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="columns id,a,b,c,Usage, and has id,a,b,Usage: 'c' is mis"):
        solve(tmp_path, COLUMNS, "p,0,1,Public", header="id,a,b,Usage")
    solution = solve(tmp_path, COLUMNS, "0,Public,1,0,p", header="b,Usage,c,a,id")
    found = send(tmp_path, COLUMNS, solution, "p,.25,.25,.5")
    assert found.public == pytest.approx(np.log(2))


def test_what_is_true_of_an_ignored_row_does_not_matter(tmp_path: Path) -> None:
    rows = ["p,rose,Public", "q,,Ignored", "r,?,Ignored", "s,tulip,Private"]
    solution = solve(tmp_path, FLOWER, *rows)
    found = send(tmp_path, FLOWER, solution, "s,rose", "r,rose", "q,rose", "p,rose")
    assert found == Verdict(1.0, 0.0)
    found = send(tmp_path, FLOWER, solution, "s,rose", "p,rose")
    assert "must have 4 rows and has 2: id 'q' is missing" in found.error


def test_a_part_without_rows_or_with_an_undefined_metric_has_no_score(tmp_path: Path) -> None:
    solution = solve(tmp_path, SAME, "0,1,Private", "1,0,Private")
    assert send(tmp_path, SAME, solution, "0,.5", "1,.25") == Verdict(None, 1.0)
    kappa = make(Grades(ABC), "quadratic_weighted_kappa", LABEL)
    solution = solve(tmp_path, kappa, "p,1,Public", "q,1,Private")
    assert send(tmp_path, kappa, solution, "p,1", "q,2") == Verdict(None, 0.0)


def test_a_metric_without_a_measure_is_one_line() -> None:
    with pytest.raises(UserError, match="cannot score hinge: kernels/local/measures.py lacks it"):
        find_measure("hinge")
