"""Eight of Kaggle's image competitions: sample, submission and score in their real layouts."""

from pathlib import Path

import numpy as np
import pandas
import pytest

from common.forms import (
    BestLabels,
    LabelColumn,
    LabelList,
    NumberColumn,
    ProbabilityColumn,
    ProbabilityColumns,
)
from common.submission import check_submission, read_sample_ids, write_submission
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Number
from kernels.local.scoring import read_solution, score
from support import tiny
from support.by_scikit_learn import by_scikit_learn
from support.scored import make, random_predictions

REAL = tiny.ROOT.parent / "shared" / "data" / "competitions"
FLOWERS = ("daisy", "dandelion", "rose", "sunflower", "tulip")
LEAVES = ("healthy", "rust", "scab", "multiple_diseases")  # in another order than the columns

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="no real layouts beside this clone")


def whales() -> tuple[str, ...]:
    """The classes of training, and the one of whales that are not there."""
    table = REAL / "whale-categorization-playground" / "train.csv"
    seen = sorted(pandas.read_csv(table)["Id"].unique()) if table.is_file() else []
    return ("new_whale", *seen)


def sample_of(slug: str) -> Path:
    """The sample of all rows: of competitions that take kernels, the one that replaces Kaggle's."""
    hidden = REAL / f"{slug}-hidden" / "sample_submission.csv"
    return hidden if hidden.is_file() else REAL / slug / "sample_submission.csv"


COMPETITIONS = {
    "aerial-cactus-identification": make(
        Classification(("none", "cactus")), "roc_auc", ProbabilityColumn("has_cactus")
    ),
    "dog-breed-identification": make(Classification(FLOWERS), "log_loss", ProbabilityColumns()),
    "dogs-vs-cats-redux-kernels-edition": make(
        Classification(("cat", "dog")), "log_loss", ProbabilityColumn("label")
    ),
    "paddy-disease-classification": make(
        Classification(FLOWERS), "accuracy", LabelColumn("label", "image_id", text=True)
    ),
    "petfinder-pawpularity-score": make(Number(1, 100), "rmse", NumberColumn("Pawpularity", "Id")),
    "plant-pathology-2020-fgvc7": make(
        Classification(LEAVES), "roc_auc", ProbabilityColumns(id_column="image_id")
    ),
    "plant-pathology-2021-fgvc8": make(
        MultiLabel(FLOWERS), "micro_f1", LabelList("labels", "image")
    ),
    "whale-categorization-playground": make(
        Classification(whales()), "map@5", BestLabels("Id", "Image")
    ),
}


@pytest.mark.parametrize("slug", COMPETITIONS)
def test_a_real_layout_is_written_checked_and_scored(slug: str, tmp_path: Path) -> None:
    competition, sample = COMPETITIONS[slug], sample_of(slug)
    hidden = REAL / f"{slug}-solution.csv"
    competition.check()
    ids = read_sample_ids(sample, competition)
    generator = np.random.default_rng(0)
    predictions = random_predictions(generator, competition.task, len(ids))
    path = tmp_path / "submission.csv"
    write_submission(path, competition, ids, predictions, None, sample)
    assert check_submission(path, sample, competition) == len(ids)
    assert path.read_text().splitlines()[0] == sample.read_text().splitlines()[0]
    shuffled = pandas.read_csv(path, dtype=str).sample(frac=1, random_state=0)
    shuffled.to_csv(tmp_path / "shuffled.csv", index=False)
    found = score(competition, read_solution(competition, hidden), tmp_path / "shuffled.csv")
    assert found.error == ""
    id_column = competition.submission.id_column
    solved, sent = (pandas.read_csv(table).set_index(id_column) for table in (hidden, path))
    for part, value in (("Public", found.public), ("Private", found.private)):
        truth = solved[solved["Usage"] == part]
        expected = (
            by_scikit_learn(competition, truth, sent.loc[truth.index]) if len(truth) else None
        )
        assert value == (None if expected is None else pytest.approx(expected, rel=1e-9))
    assert found.public is not None


@pytest.mark.parametrize("slug", COMPETITIONS)
def test_the_truth_itself_scores_best(slug: str, tmp_path: Path) -> None:
    competition, hidden = COMPETITIONS[slug], REAL / f"{slug}-solution.csv"
    truth = pandas.read_csv(hidden, dtype=str).drop(columns="Usage")
    truth.to_csv(tmp_path / "s.csv", index=False)
    found = score(competition, read_solution(competition, hidden), tmp_path / "s.csv")
    metric = competition.scoring
    best = metric.highest if metric.greater_is_better else 0
    assert found.public == pytest.approx(best, abs=1e-12)
