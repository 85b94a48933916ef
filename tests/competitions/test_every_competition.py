"""Every tiny competition, one a task and submission form, from the command line to its score.

They are found, not listed. What Kaggle's stand-in says is computed again by scikit-learn from the
two csv files alone.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk

from common.competition import Competition
from kernels.plan.find import all_competitions
from kernels.results.scores import read_score
from support import tiny, tiny_data

pytestmark = pytest.mark.slow
tiny.add_tiny()
TINY = {
    name: competition
    for name, competition in all_competitions().items()
    if competition.files in tiny_data.LAYOUTS
}


def recomputed(competition: Competition, sent: pd.DataFrame, true: pd.DataFrame) -> float:
    """The competition's metric of two tables with the same rows."""
    name, columns = competition.metric, list(competition.submission.columns(competition.task))
    if name == "roc_auc":
        return float(np.mean([sk.roc_auc_score(true[c], sent[c]) for c in columns]))
    if name == "log_loss":
        return float(np.mean([sk.log_loss(true[c], sent[c], labels=[0, 1]) for c in columns]))
    answers, given = true[columns[0]], sent[columns[0]]
    if name == "map@5":
        places = [
            row.split().index(label) + 1 if label in row.split() else np.inf
            for label, row in zip(answers, given, strict=True)
        ]
        return float(np.mean(1 / np.array(places)))
    if name == "micro_f1":
        table = [
            np.array([[c in row.split() for c in competition.task.classes] for row in column])
            for column in (answers, given)
        ]
        return float(sk.f1_score(*table, average="micro"))
    measured = {
        "accuracy": sk.accuracy_score,
        "rmse": sk.root_mean_squared_error,
        "quadratic_weighted_kappa": lambda a, b: sk.cohen_kappa_score(a, b, weights="quadratic"),
    }
    return float(measured[name](answers, given))


def test_there_is_one_for_each_task_and_form() -> None:
    found = {(c.task.name, type(c.submission).__name__) for c in TINY.values()}
    assert len(found) >= 9
    tasks = {"classification", "multilabel", "number", "grades", "pairs"}
    assert {task for task, _ in found} == tasks


@pytest.mark.parametrize("name", TINY)
def test_a_dry_run_ends_in_the_score_that_scikit_learn_computes(name: str, tmp_path: Path) -> None:
    competition = TINY[name]
    data, solution = tiny_data.write_data(competition, tmp_path / "in", seed=1)
    done = tiny.submit(
        *(name, "--ensemble", "--dry-run", "--blend", "weighted", "--json"),
        *("--data", data, "--solution", solution, "--run-dir", tmp_path / "run"),
    )
    result = tiny.last_json(done)
    key = competition.submission.id_column
    sent = pd.read_csv(result["submission"], dtype={key: str}).set_index(key)
    true = pd.read_csv(solution, dtype={key: str}).set_index(key)
    if competition.task.name != "pairs":  # whose sample is the table of pairs
        sample = pd.read_csv(data / competition.sample)
        assert [key, *sent.columns] == list(sample.columns)
    for part, score in (("Public", "public_score"), ("Private", "private_score")):
        rows = true[true["Usage"] == part]
        expected = recomputed(competition, sent.loc[rows.index], rows)
        assert result[score] == pytest.approx(expected, abs=6e-6)
    metrics = json.loads((tmp_path / "run/outputs/ensemble/metrics.json").read_text())
    low, high = metrics["interval"]
    assert metrics["metric"] == competition.metric
    assert low <= metrics["validation_score"] <= high
    assert metrics["n"] == tiny_data.TRAIN / 3
    sign = competition.scoring.sign
    best = max(sign * score for score in metrics["members"].values())
    assert sign * metrics["validation_score"] >= best - 1e-9
    assert competition.scoring.title in (tmp_path / "run/report.html").read_text("utf-8")
    assert str(read_score(metrics)) in done.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metric": "rmsle"}, "unknown metric 'rmsle': did you mean rmse"),
        ({"metric": "rmse"}, "its metric rmse does not measure the task classification"),
        (
            {"metric": "log_loss"},
            "is of probabilities, and the submission LabelColumn of labels",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_pushed(
    change: dict, said: str, tmp_path: Path
) -> None:
    from common.errors import UserError
    from kernels.plan.planned import plan_kernels
    from kernels.plan.request import Request

    wrong = dataclasses.replace(TINY["names"], **change)
    with pytest.raises(UserError, match=said):
        plan_kernels(Request(wrong, ("model",), dry_run=True))


def test_a_setting_without_effect_and_calibration_of_numbers_are_refused(tmp_path: Path) -> None:
    done = tiny.submit("paws", "--ensemble", "--calibrate", "--run-dir", tmp_path / "run")
    assert done.returncode == 1
    assert "--calibrate is for one class of several, the task is number" in done.stderr


def test_a_form_that_does_not_fit_the_sample_is_refused_with_the_data(tmp_path: Path) -> None:
    data, solution = tiny_data.write_data(TINY["odds"], tmp_path / "in", seed=1)
    sample = data / "sample_submission.csv"
    sample.write_text(sample.read_text().replace("scab", "scabs", 1))
    done = tiny.submit(
        *("odds", "--ensemble", "--dry-run", "--data", data, "--solution", solution),
        *("--run-dir", tmp_path / "run"),
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "lacks scab and has scabs" in done.stderr
    assert not (tmp_path / "run").exists()
