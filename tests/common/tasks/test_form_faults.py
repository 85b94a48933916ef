"""Forms that do not fit their task, and metrics that must measure what a form hands in."""

import math
import zipfile
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from common.forms import (
    BestLabels,
    Form,
    LabelList,
    NumberColumn,
    ProbabilityColumn,
    ProbabilityColumns,
)
from common.metrics.metric import find_metric
from common.submission import check_submission, read_sample_ids, write_submission
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Number
from common.tasks.pairs import Pairs
from common.tasks.task import Task
from support.scored import FLOWERS, make

TWO = Classification(("cat", "dog"))
NONE = MultiLabel(("a", "b"), at_least_one=False)


@pytest.mark.parametrize(
    ("task", "metric", "form", "said"),
    [
        (
            MultiLabel(FLOWERS),
            "micro_f1",
            LabelList("t"),
            "labels by ' ', which is in 'sun flower'",
        ),
        (
            MultiLabel(FLOWERS),
            "micro_f1",
            LabelList("t", separator=""),
            "labels by '', which is in",
        ),
        (Classification(FLOWERS), "map@5", BestLabels("t"), "labels by ' ', which is in 'sun flow"),
        (NONE, "micro_f1", LabelList("t"), "empty cells where there is no label: name a word as"),
        (TWO, "roc_auc", ProbabilityColumn("t", positive=2), "of class 2: name 0 or 1"),
        (Pairs(), "roc_auc", ProbabilityColumn("t", positive=0), "of class 0: name 1"),
        (
            TWO,
            "log_loss",
            ProbabilityColumns("image_id"),
            "the ids' write id_column='image_id'",
        ),
    ],
)
def test_a_form_that_cannot_be_read_again_is_refused(
    task: Task, metric: str, form: Form, said: str
) -> None:
    with pytest.raises(UserError) as caught:
        make(task, metric, form).check()
    assert said in str(caught.value)


def test_a_list_without_a_label_has_its_word(tmp_path: Path) -> None:
    competition = make(NONE, "micro_f1", LabelList("t", none="healthy"))
    competition.check()
    path = write_submission(tmp_path / "s.csv", competition, ["1"], np.array([[0.1, 0.2]]))
    assert path.read_text() == "id,t\n1,healthy\n"
    assert check_submission(path, path, competition) == 1


@pytest.mark.parametrize("output", [0.0, 1.0])
@pytest.mark.parametrize("bounds", [(0.7, 1.3), (-1.3, 0.3)])
def test_a_float32_of_a_bound_is_within_it(bounds: tuple, output: float, tmp_path: Path) -> None:
    task = Number(*bounds)  # whose nearest float32s are 0.69999999 and 0.30000001
    competition = make(task, "rmse", NumberColumn("t"))
    predictions = task.predictions(np.array([[output]], np.float32))
    path = write_submission(tmp_path / "s.csv", competition, ["1"], predictions)
    assert check_submission(path, path, competition) == 1


def test_grades_weigh_by_their_distance_where_one_between_does_not_occur() -> None:
    truth, predicted = np.array([0, 1, 4, 4]), np.array([0, 4, 4, 1])
    kappa = find_metric("quadratic_weighted_kappa").score(truth, predicted)
    assert math.isclose(kappa, 1 - 18 / (102 / 4))


def test_of_equal_probabilities_the_error_is_of_those_handed_in() -> None:
    equal = np.full((1, 4), 0.25)
    scores = [find_metric("top2_error").score(np.array([n]), equal) for n in range(4)]
    assert scores == [0, 0, 1, 1]


def test_a_sample_is_read_in_a_zip(tmp_path: Path) -> None:
    competition = make(TWO, "roc_auc", ProbabilityColumn("t"))
    with zipfile.ZipFile(tmp_path / "sample.csv.zip", "w") as archive:
        archive.writestr("sample.csv", "id,t\n1,0\n")
    assert list(read_sample_ids(tmp_path / "sample.csv.zip", competition)) == ["1"]
    with pytest.raises(UserError, match="no such file"):
        read_sample_ids(tmp_path / "none.csv", competition)
