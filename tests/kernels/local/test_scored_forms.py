"""The local Kaggle's score of every task, metric and form: by hand, and against the pipeline's."""

import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import forms
from common.competition import Competition
from common.errors import UserError
from common.forms import (
    BestLabels,
    Form,
    LabelColumn,
    LabelList,
    NumberColumn,
    ProbabilityColumn,
    ProbabilityColumns,
)
from common.metrics.metric import METRICS, Metric
from common.submission import check_submission, write_submission
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Grades, Number
from common.tasks.pairs import Pairs
from common.tasks.task import Task
from kernels.local.scoring import read_solution, score
from support.scored import (
    FORMS,
    RANKED,
    fitting,
    make,
    random_labels,
    random_predictions,
    random_thresholds,
    write_solution,
)

ABC = ("a", "b", "c")
GRADES = Grades(tuple("01234"))
LISTS = (["a b", "c"], ["a", "c"])
KAPPA = (["0", "1", "4", "4"], ["0", "4", "4", "1"])
RANKS = (["b", "c", "d"], ["a b c", "c", "a b"])
CLASSES = Classification(ABC)
FOUR = Classification((*ABC, "d"))
TWO = Classification(("cat", "dog"))


@pytest.mark.parametrize(
    ("task", "metric", "form", "truth", "sent", "expected"),
    [
        (CLASSES, "accuracy", LabelColumn("t"), "0121", "0221", 3 / 4),
        (CLASSES, "accuracy", LabelColumn("t", text=True), "abcb", "accb", 3 / 4),
        (CLASSES, "balanced_accuracy", LabelColumn("t"), "0001", "0021", (2 / 3 + 1) / 2),
        (CLASSES, "macro_f1", LabelColumn("t"), "0121", "0221", (1 + 2 / 3 + 2 / 3) / 3),
        (CLASSES, "micro_f1", LabelColumn("t"), "0121", "0221", 3 / 4),
        (MultiLabel(ABC), "accuracy", LabelList("t"), *LISTS, 1 / 2),
        (MultiLabel(ABC), "macro_f1", LabelList("t"), *LISTS, (1 + 0 + 1) / 3),
        (MultiLabel(ABC), "micro_f1", LabelList("t"), *LISTS, 4 / 5),
        (MultiLabel(ABC), "samples_f1", LabelList("t"), *LISTS, (2 / 3 + 1) / 2),
        (
            MultiLabel(ABC, at_least_one=False),
            "micro_f1",
            LabelList("t", none="healthy"),
            ["healthy", "c b"],
            ["a", "b c"],
            4 / 5,
        ),
        (
            TWO,
            "log_loss",
            ProbabilityColumn("t"),
            "10",
            [".8", ".4"],
            -(math.log(0.8) + math.log(0.6)) / 2,
        ),
        (TWO, "log_loss", ProbabilityColumn("t"), "11", ["0", "1"], -math.log(1e-15) / 2),
        (TWO, "roc_auc", ProbabilityColumn("t"), "0011", [".1", ".4", ".35", ".8"], 3 / 4),
        (Pairs(), "roc_auc", ProbabilityColumn("t"), "0011", ["-1", "4", "3.5", "8"], 3 / 4),
        (GRADES, "quadratic_weighted_kappa", LabelColumn("t"), *KAPPA, 1 - 18 / (102 / 4)),
        (GRADES, "accuracy", LabelColumn("t"), *KAPPA, 1 / 2),
        (GRADES, "rmse", NumberColumn("t"), "14", ["1.5", "3"], math.sqrt(1.25 / 2)),
        (Number(1, 100), "rmse", NumberColumn("t"), ["59", "4"], ["60", "2"], math.sqrt(5 / 2)),
        (Number(1, 100), "mae", NumberColumn("t"), ["59.5", "4"], ["60", "2"], 2.5 / 2),
        (FOUR, "map@3", BestLabels("t", k=3), *RANKS, (1 / 2 + 1 + 0) / 3),
        (FOUR, "top3_error", BestLabels("t", k=3), *RANKS, 1 / 3),
        (FOUR, "map@1", BestLabels("t", k=1), "abd", "acd", 2 / 3),
        (FOUR, "top1_error", BestLabels("t", k=1), "abd", "acd", 1 / 3),
    ],
)
def test_a_column_is_scored_as_by_hand(
    tmp_path: Path,
    task: Task,
    metric: str,
    form: Form,
    truth: list[str],
    sent: list[str],
    expected: float,
) -> None:
    competition = make(task, metric, form)
    competition.check()
    parts = ("Public", "Ignored", "Private")
    hidden = [f"{part}{n},{cell},{part}" for part in parts for n, cell in enumerate(truth)]
    rows = [f"{part}{n},{cell}" for part in parts for n, cell in enumerate(sent)]
    solution = read_solution(competition, write(tmp_path / "solution.csv", "id,t,Usage", *hidden))
    found = score(competition, solution, write(tmp_path / "s.csv", "id,t", *reversed(rows)))
    assert found.error == ""
    assert found.public == pytest.approx(expected, rel=1e-12)
    assert found.private == found.public


@pytest.mark.parametrize(
    ("task", "metric", "truth", "sent", "expected"),
    [
        # Row 1 is rescaled, 0.5 of 1.25; of row 2 the true class has nothing.
        (CLASSES, "log_loss", ["1,0,0", "0,0,1"], [".5,.25,.5", "1,0,0"], (0.4, 1e-15)),
        (MultiLabel(ABC), "log_loss", ["1,1,0"], [".5,.25,.2"], (0.5, 0.25, 0.8)),
    ],
)
def test_log_loss_of_columns_is_as_by_hand(
    tmp_path: Path,
    task: Task,
    metric: str,
    truth: list[str],
    sent: list[str],
    expected: tuple[float, ...],
) -> None:
    found = scored_columns(tmp_path, task, metric, truth, sent)
    assert found == pytest.approx(-np.log(expected).mean(), rel=1e-9)


@pytest.mark.parametrize("task", [CLASSES, MultiLabel(ABC)])
def test_auc_of_columns_is_their_mean(tmp_path: Path, task: Task) -> None:
    truth = ["1,0,0", "0,1,0", "0,0,1", "0,1,0"]
    sent = [".9,.1,.4", ".1,.2,.3", ".2,.6,.2", ".3,.4,.1"]
    # Pairs in the right order: 3 of 3; (.2, .4 against .1, .6) 2 of 4; .2 of .4, .3, .1: 1 of 3.
    expected = (1 + 2 / 4 + 1 / 3) / 3
    assert scored_columns(tmp_path, task, "roc_auc", truth, sent) == pytest.approx(expected)


def scored_columns(
    folder: Path, task: Task, metric: str, truth: list[str], sent: list[str]
) -> float | None:
    """The public score where the submission has the columns in another order."""
    competition = make(task, metric, ProbabilityColumns())
    competition.check()
    hidden = [f"r{n},{cells},Public" for n, cells in enumerate(truth)]
    solution = read_solution(competition, write(folder / "h.csv", "id,a,b,c,Usage", *hidden))
    turned = [",".join([*reversed(cells.split(",")), f"r{n}"]) for n, cells in enumerate(sent)]
    found = score(competition, solution, write(folder / "s.csv", "c,b,a,id", *turned))
    assert found.error == ""
    assert found.private is None
    return found.public


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


FITTING = tuple(fitting())


def test_every_metric_and_form_is_tried() -> None:
    assert {c.metric for c in FITTING} == {*METRICS, *RANKED}
    assert {c.submission for c in FITTING} == set(FORMS)
    assert len(FITTING) > 50


@given(st.sampled_from(FITTING), st.integers(0, 2**32 - 1), st.integers(1, 14), st.booleans())
@settings(max_examples=400, deadline=None)
def test_the_local_kaggle_and_the_pipeline_score_the_same(
    competition: Competition, seed: int, rows: int, moved: bool
) -> None:
    generator = np.random.default_rng(seed)
    labels = random_labels(generator, competition.task, rows)
    predictions = random_predictions(generator, competition.task, rows)
    thresholds = random_thresholds(generator, competition.task) if moved else None
    usage = generator.choice(["Public", "Private", "Ignored"], rows)
    ids = np.array([f"picture {n}" for n in generator.permutation(rows)])
    with tempfile.TemporaryDirectory() as name:
        folder, back = Path(name), generator.permutation(rows)
        hidden = write_solution(folder / "h.csv", competition, ids, labels, usage)
        sample = write_submission(folder / "sample.csv", competition, ids, predictions)
        path = folder / "submission.csv"
        write_submission(path, competition, ids[back], predictions[back], thresholds, sample)
        assert check_submission(path, sample, competition) == rows
        parts = {part: usage == part for part in ("Public", "Private")}
        if competition.metric == "roc_auc" and any(
            part.any()
            and expected_score(competition, labels[part], predictions[part], None) is None
            for part in parts.values()
        ):
            with pytest.raises(UserError, match="ROC AUC needs both 0 and 1"):
                read_solution(competition, hidden)
            return
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


@pytest.mark.parametrize("competition", FITTING, ids=lambda c: f"{c.task.name}-{c.metric}")
def test_nothing_of_the_pipelines_own_reading_or_measuring_is_used(
    competition: Competition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator, rows = np.random.default_rng(0), 40
    labels = random_labels(generator, competition.task, rows)
    predictions = random_predictions(generator, competition.task, rows)
    ids, usage = [str(n) for n in range(rows)], ["Public"] * rows
    expected = competition.score(labels, predictions)
    path = write_submission(tmp_path / "s.csv", competition, ids, predictions)
    hidden = write_solution(tmp_path / "h.csv", competition, ids, labels, usage)

    def broken(*_: object) -> None:
        raise AssertionError("the local Kaggle uses what it is to check")

    for owner, name in (
        (Metric, "score"),
        (Competition, "score"),
        (Competition, "given"),
        (type(competition.task), "decide"),
        (type(competition.task), "values"),
        (type(competition.submission), "cells"),
        (type(competition.submission), "bad"),
        (forms, "best_first"),
    ):
        monkeypatch.setattr(owner, name, broken)
    found = score(competition, read_solution(competition, hidden), path)
    assert found.public == pytest.approx(expected, rel=1e-5)
    assert found.private is None


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_that_is_broken_in_the_pipeline_differs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    competition = next(c for c in FITTING if c.metric == name)
    generator, rows = np.random.default_rng(1), 40
    labels = random_labels(generator, competition.task, rows)
    predictions = random_predictions(generator, competition.task, rows)
    ids, usage = [str(n) for n in range(rows)], ["Public"] * rows
    whole = METRICS[name].function
    monkeypatch.setattr(
        "common.metrics.metric.METRICS",
        {name: Metric(name, name, METRICS[name].takes, METRICS[name].tasks, shifted(whole))},
    )
    path = write_submission(tmp_path / "s.csv", competition, ids, predictions)
    hidden = write_solution(tmp_path / "h.csv", competition, ids, labels, usage)
    found = score(competition, read_solution(competition, hidden), path)
    assert found.public != pytest.approx(competition.score(labels, predictions), rel=1e-5)


def shifted(function):
    """The metric of all rows but the last."""
    return lambda truth, predicted: function(truth[:-1], predicted[:-1])
