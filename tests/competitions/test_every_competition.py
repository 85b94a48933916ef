"""A competition of every task and form, to its score: tiny ones by the command, real layouts.

What the local Kaggle says is computed again by scikit-learn from the two csv files alone.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common import forms
from common.submission import check_submission, read_sample_ids, write_submission
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Number
from kernels.local.scoring import read_solution, score
from kernels.plan.find import find_competition
from kernels.results.scores import read_score
from support import tiny, tiny_data
from support.by_scikit_learn import by_scikit_learn
from support.made import MADE
from support.scored import make, random_predictions

pytestmark = pytest.mark.slow
tiny.add_tiny()
TINY = {name: find_competition(name) for name in MADE}


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
    for part, shown in (("Public", "public_score"), ("Private", "private_score")):
        rows = true[true["Usage"] == part]
        expected = by_scikit_learn(competition, rows, sent.loc[rows.index])
        assert result[shown] == pytest.approx(expected, abs=6e-6)
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


REAL = tiny.ROOT.parent / "shared" / "data" / "competitions"
FLOWERS = ("daisy", "dandelion", "rose", "sunflower", "tulip")
LEAVES = ("healthy", "rust", "scab", "multiple_diseases")  # in another order than the columns


def whales() -> tuple[str, ...]:
    """The classes of training, and the one of whales that are not there."""
    table = REAL / "whale-categorization-playground" / "train.csv"
    seen = sorted(pd.read_csv(table)["Id"].unique()) if table.is_file() else []
    return ("new_whale", *seen)


def sample_of(slug: str) -> Path:
    """The sample of all rows: of competitions that take kernels, the one that replaces Kaggle's."""
    hidden = REAL / f"{slug}-hidden" / "sample_submission.csv"
    return hidden if hidden.is_file() else REAL / slug / "sample_submission.csv"


LAYOUTS = {
    "aerial-cactus-identification": make(
        Classification(("none", "cactus")), "roc_auc", forms.ProbabilityColumn("has_cactus")
    ),
    "dog-breed-identification": make(
        Classification(FLOWERS), "log_loss", forms.ProbabilityColumns()
    ),
    "dogs-vs-cats-redux-kernels-edition": make(
        Classification(("cat", "dog")), "log_loss", forms.ProbabilityColumn("label")
    ),
    "paddy-disease-classification": make(
        Classification(FLOWERS), "accuracy", forms.LabelColumn("label", "image_id", text=True)
    ),
    "petfinder-pawpularity-score": make(
        Number(1, 100), "rmse", forms.NumberColumn("Pawpularity", "Id")
    ),
    "plant-pathology-2020-fgvc7": make(
        Classification(LEAVES), "roc_auc", forms.ProbabilityColumns(id_column="image_id")
    ),
    "plant-pathology-2021-fgvc8": make(
        MultiLabel(FLOWERS), "micro_f1", forms.LabelList("labels", "image")
    ),
    "whale-categorization-playground": make(
        Classification(whales()), "map@5", forms.BestLabels("Id", "Image")
    ),
}


@pytest.mark.skipif(not REAL.is_dir(), reason="no real layouts next to this clone")
@pytest.mark.parametrize("slug", LAYOUTS)
def test_a_real_layout_is_written_checked_and_scored(slug: str, tmp_path: Path) -> None:
    competition, sample = LAYOUTS[slug], sample_of(slug)
    hidden = REAL / f"{slug}-solution.csv"
    competition.check()
    ids = read_sample_ids(sample, competition)
    generator = np.random.default_rng(0)
    predictions = random_predictions(generator, competition.task, len(ids))
    path = tmp_path / "submission.csv"
    write_submission(path, competition, ids, predictions, None, sample)
    assert check_submission(path, sample, competition) == len(ids)
    assert path.read_text().splitlines()[0] == sample.read_text().splitlines()[0]
    shuffled = pd.read_csv(path, dtype=str).sample(frac=1, random_state=0)
    shuffled.to_csv(tmp_path / "shuffled.csv", index=False)
    found = score(competition, read_solution(competition, hidden), tmp_path / "shuffled.csv")
    assert found.error == ""
    id_column = competition.submission.id_column
    solved, sent = (pd.read_csv(table).set_index(id_column) for table in (hidden, path))
    for part, value in (("Public", found.public), ("Private", found.private)):
        truth = solved[solved["Usage"] == part]
        expected = (
            by_scikit_learn(competition, truth, sent.loc[truth.index]) if len(truth) else None
        )
        assert value == (None if expected is None else pytest.approx(expected, rel=1e-9))
    assert found.public is not None
    truth = pd.read_csv(hidden, dtype=str).drop(columns="Usage")
    truth.to_csv(tmp_path / "truth.csv", index=False)
    metric = competition.scoring
    best = metric.highest if metric.greater_is_better else 0
    right = score(competition, read_solution(competition, hidden), tmp_path / "truth.csv")
    assert right.public == pytest.approx(best, abs=1e-12)
