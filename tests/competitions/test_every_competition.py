"""Every tiny competition, one a task and submission form, from the command line to its score.

What Kaggle's stand-in says is computed again by scikit-learn from the
two csv files alone.
"""

import json
from pathlib import Path

import pandas as pd
import pytest

from kernels.plan.find import find_competition
from kernels.results.scores import read_score
from support import tiny, tiny_data
from support.by_scikit_learn import by_scikit_learn
from support.made import MADE

pytestmark = pytest.mark.slow
tiny.add_tiny()
TINY = {name: find_competition(name) for name in (*MADE, "twins")}


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
        expected = by_scikit_learn(competition, rows, sent.loc[rows.index])
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


def test_a_calibration_of_numbers_is_refused(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    done = tiny.submit_here(
        capsys, "paws", "--ensemble", "--calibrate", "--run-dir", tmp_path / "run"
    )
    assert done.returncode == 1
    assert "--calibrate is for one class of several, the task is number" in done.stderr
