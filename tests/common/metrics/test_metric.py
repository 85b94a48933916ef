"""Metrics by name are scikit-learn's; direction, what they take, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from common.errors import UserError
from common.metrics.metric import METRICS, find_metric

CLASSES = 4


def rows(seed: int, number: int, classes: int = CLASSES) -> tuple[np.ndarray, np.ndarray]:
    """Labels of which every class has one, and probabilities that lean to the right one."""
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), random.integers(0, classes, number)])
    found = random.dirichlet(np.ones(classes), len(labels)) + 0.4 * np.eye(classes)[labels]
    return labels, found / found.sum(axis=1, keepdims=True)


LABELS = {
    "accuracy": sk.accuracy_score,
    "macro_f1": lambda y, p: sk.f1_score(y, p, average="macro", zero_division=0),
    "micro_f1": lambda y, p: sk.f1_score(y, p, average="micro", zero_division=0),
    "quadratic_weighted_kappa": lambda y, p: sk.cohen_kappa_score(y, p, weights="quadratic"),
    "balanced_accuracy": sk.balanced_accuracy_score,
}


@pytest.mark.parametrize("name", LABELS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), number=st.integers(0, 40))
def test_metrics_of_labels_are_scikit_learns(name: str, seed: int, number: int) -> None:
    labels, found = rows(seed, number)
    predicted = found.argmax(axis=1)
    expected = LABELS[name](labels, predicted)
    assert find_metric(name).score(labels, predicted) == pytest.approx(expected)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 40))
def test_metrics_of_probabilities_are_scikit_learns(seed: int, number: int) -> None:
    labels, found = rows(seed, number)
    score = {name: find_metric(name).score(labels, found) for name in ("log_loss", "roc_auc")}
    assert score["log_loss"] == pytest.approx(sk.log_loss(labels, found))
    columns = [sk.roc_auc_score(labels == c, found[:, c]) for c in range(CLASSES)]
    assert score["roc_auc"] == pytest.approx(np.mean(columns))
    for k in (1, 2, 3):
        top = sk.top_k_accuracy_score(labels, found, k=k)
        assert find_metric(f"top{k}_error").score(labels, found) == pytest.approx(1 - top)
    # With as many places as classes MAP@k is the mean reciprocal rank.
    whole = sk.label_ranking_average_precision_score(np.eye(CLASSES)[labels], found)
    assert find_metric(f"map@{CLASSES}").score(labels, found) == pytest.approx(whole)
    first = sk.accuracy_score(labels, found.argmax(axis=1))
    assert find_metric("map@1").score(labels, found) == pytest.approx(first)


def test_map_at_k_counts_the_place_and_nothing_behind_k() -> None:
    found = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    assert find_metric("map@2").score(np.array([0, 1, 2]), found) == pytest.approx((1 + 1 / 2) / 3)


def test_two_classes_are_measured_by_the_second_and_pairs_by_their_scores() -> None:
    labels, found = rows(0, 60, 2)
    expected = sk.roc_auc_score(labels, found[:, 1])
    assert find_metric("roc_auc").score(labels, found) == pytest.approx(expected)
    assert find_metric("roc_auc").score(labels == 1, found[:, 1]) == pytest.approx(expected)


def test_several_labels_are_measured_as_scikit_learn_does() -> None:
    random = np.random.default_rng(1)
    truth = random.integers(0, 2, (50, 3))
    found = (0.3 * truth + random.random((50, 3))).clip(0, 1)
    chosen = (found > 0.5).astype(int)
    for average in ("macro", "micro", "samples"):
        expected = sk.f1_score(truth, chosen, average=average, zero_division=0)
        assert find_metric(f"{average}_f1").score(truth, chosen) == pytest.approx(expected)
    assert find_metric("accuracy").score(truth, chosen) == np.mean((truth == chosen).all(axis=1))
    assert find_metric("roc_auc").score(truth, found) == pytest.approx(
        sk.roc_auc_score(truth, found)
    )
    losses = [sk.log_loss(truth[:, n], found[:, n]) for n in range(3)]
    assert find_metric("log_loss").score(truth, found) == pytest.approx(np.mean(losses))


def test_numbers_are_measured_as_scikit_learn_does() -> None:
    random = np.random.default_rng(2)
    truth, found = random.random(30), random.random(30)
    assert find_metric("rmse").score(truth, found) == pytest.approx(
        sk.root_mean_squared_error(truth, found)
    )
    assert find_metric("mae").score(truth, found) == pytest.approx(
        sk.mean_absolute_error(truth, found)
    )


def test_log_loss_is_clipped_and_renormalised_as_kaggle_does() -> None:
    labels = np.array([0, 1])
    sure = np.array([[1.0, 0.0], [1.0, 0.0]])
    score = find_metric("log_loss").score(labels, sure)
    assert score == pytest.approx(-np.log(1e-15) / 2, rel=1e-6)
    halves = find_metric("log_loss").score(labels, np.array([[2.0, 2.0], [3.0, 3.0]]) / 10)
    assert halves == pytest.approx(np.log(2))


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
    same = np.ones(3, int)
    assert find_metric("quadratic_weighted_kappa").score(same, same) == 0.0


def test_a_class_that_is_only_predicted_does_not_warn() -> None:
    assert find_metric("balanced_accuracy").score(np.array([0, 0]), np.array([0, 7])) == 0.5


def test_grades_weigh_by_their_distance_where_one_between_does_not_occur() -> None:
    truth, predicted = np.array([0, 1, 4, 4]), np.array([0, 4, 4, 1])
    kappa = find_metric("quadratic_weighted_kappa").score(truth, predicted)
    assert kappa == pytest.approx(1 - 18 / (102 / 4))


def test_of_equal_probabilities_the_error_is_of_those_submitted() -> None:
    equal = np.full((1, 4), 0.25)
    scores = [find_metric("top2_error").score(np.array([n]), equal) for n in range(4)]
    assert scores == [0, 0, 1, 1]
