"""Metrics by name: their direction, a few by hand, and what is refused.

``kernels/local/test_scoring.py`` compares each with what the local Kaggle scores by.
"""

import numpy as np
import pytest
from sklearn import metrics as sk

from common.errors import UserError
from common.metrics.metric import METRICS, confusion_matrix, f1_per_class, find_metric

FOUR = np.array([[0.5, 0.3, 0.2]] * 3)
EQUAL = np.full((4, 4), 0.25)


@pytest.mark.parametrize(
    ("name", "truth", "predicted", "expected"),
    [
        ("map@2", [0, 1, 2], FOUR, (1 + 1 / 2) / 3),  # nothing behind k
        ("top2_error", [0, 1, 2, 3], EQUAL, 1 / 2),  # of equal ones those that are submitted
        ("log_loss", [0, 1], [[1.0, 0.0], [1.0, 0.0]], -np.log(1e-15) / 2),
        ("log_loss", [0, 1], [[0.2, 0.2], [0.3, 0.3]], np.log(2)),  # rows sum to one again
        ("log_loss", [[0, 1], [1, 1]], [[0.5, 0.5], [0.5, 0.5]], np.log(2)),
        ("roc_auc", [0, 0, 1], [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], 1 / 2),
        ("roc_auc", [False, False, True], [0.1, 0.8, 0.6], 1 / 2),
        ("quadratic_weighted_kappa", [1, 1, 1], [1, 1, 1], 0.0),
        # Grades weigh by their distance also where one between them does not occur.
        ("quadratic_weighted_kappa", [0, 1, 4, 4], [0, 4, 4, 1], 1 - 18 / (102 / 4)),
        ("balanced_accuracy", [0, 0], [0, 7], 0.5),  # no warning of a class that is only predicted
        ("accuracy", [[0, 1], [1, 1]], [[0, 1], [0, 1]], 1 / 2),
        ("macro_f1", [0, 1, 2, 1], [0, 2, 2, 1], (1 + 2 / 3 + 2 / 3) / 3),
        ("rmse", [60.0, 2.0], [59.0, 4.0], np.sqrt(5 / 2)),
    ],
)
def test_a_metric_is_as_by_hand(name: str, truth: list, predicted: list, expected: float) -> None:
    score = find_metric(name).score(np.array(truth), np.array(predicted))
    assert score == pytest.approx(expected, rel=1e-6)


def test_lower_is_better_where_it_is() -> None:
    lower = {name for name, metric in METRICS.items() if not metric.greater_is_better}
    assert lower == {"log_loss", "rmse", "mae"}
    assert not find_metric("top5_error").greater_is_better
    assert (find_metric("mae").sign, find_metric("accuracy").sign) == (-1, 1)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("acuracy", "did you mean accuracy"),
        ("map@0", "did you mean map@5"),
        ("map@5_error", "did you mean"),
        ("top5", "did you mean"),
        ("getattr", "known are accuracy"),
    ],
)
def test_an_unknown_metric_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(UserError, match=f"unknown metric '{name}': .*{hint}"):
        find_metric(name)


def test_what_is_not_defined_is_one_line() -> None:
    with pytest.raises(UserError, match="ROC AUC cannot be measured: all 3 rows have the same"):
        find_metric("roc_auc").score(np.ones(3, int), np.array([0.1, 0.2, 0.3]))
    with pytest.raises(UserError, match="accuracy of no rows"):
        find_metric("accuracy").score(np.zeros(0, int), np.zeros(0, int))


def test_f1_and_confusions_are_of_each_class_and_nan_where_there_is_none() -> None:
    labels, predicted = np.array([0, 0, 2]), np.array([0, 2, 2])
    wanted = sk.f1_score(labels, predicted, average=None)
    np.testing.assert_allclose(
        f1_per_class(labels, predicted, 4), [wanted[0], np.nan, wanted[1], np.nan]
    )
    assert confusion_matrix(labels, predicted, 3).tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize("shape", [(50,), (50, 7)])
def test_macro_f1_is_scikit_learns(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    for highest in (2, 9, 300):  # classes that are in neither, or in one of both alone
        truth, predicted = random.integers(0, highest if len(shape) == 1 else 2, (2, *shape))
        wanted = sk.f1_score(truth, predicted, average="macro", zero_division=0)
        assert find_metric("macro_f1").score(truth, predicted) == pytest.approx(wanted, rel=1e-12)
