"""Metrics by name: their direction, a few by hand, and what is refused.

``kernels/local/test_scoring.py`` compares each with what the local Kaggle scores by.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from common.errors import UserError
from common.metrics.counting import confusion_matrix, f1_per_class
from common.metrics.metric import METRICS, find_metric

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
        ("precision", [0, 1], [0, 0], 0.0),  # nothing is predicted
        ("f1", [0, 0], [0, 0], 0.0),
        ("specificity", [0, 0, 0, 1], [0, 1, 0, 1], 2 / 3),
        ("average_precision", [0, 1, 1], [[0.4, 0.6], [0.8, 0.2], [0.2, 0.8]], (1 + 2 / 3) / 2),
        ("rmse", [60.0, 2.0], [59.0, 4.0], np.sqrt(5 / 2)),
        # Yes at .9 and .7, no at .8 and .6: from .8 on, half of either are wrong.
        ("equal_error_rate", [1, 0, 1, 0], [[0, 0.9], [0, 0.8], [0, 0.7], [0, 0.6]], 0.5),
        ("equal_error_rate", [1, 0, 1, 0], [[0, 0.9], [0, 0.1], [0, 0.7], [0, 0.6]], 0.0),
        ("equal_error_rate", [1, 0, 1, 0], [[0, 0.1], [0, 0.9], [0, 0.2], [0, 0.3]], 1.0),
        ("tar_at_1e-2", [1, 0, 1, 0, 1], [[0, 0.9], [0, 0.8], [0, 0.8], [0, 0], [0, 0.85]], 2 / 3),
        ("tar_at_1e-3", [1, 0], [[0.5, 0.5], [0.5, 0.5]], 0.0),  # accepting both is too much
    ],
)
def test_a_metric_is_as_by_hand(name: str, truth: list, predicted: list, expected: float) -> None:
    score = find_metric(name).score(np.array(truth), np.array(predicted))
    assert score == pytest.approx(expected, rel=1e-6)


def test_lower_is_better_where_it_is() -> None:
    lower = {name for name, metric in METRICS.items() if not metric.greater_is_better}
    assert lower == {"log_loss", "rmse", "mae", "equal_error_rate"}
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
    for name, label, which in (("recall", 0, "second"), ("specificity", 1, "first")):
        with pytest.raises(
            UserError, match=f"{name} cannot be .*: none of 3 rows is of the {which}"
        ):
            find_metric(name).score(np.full(3, label), np.array([0, 1, 0]))
    with pytest.raises(UserError, match="accuracy of no rows"):
        find_metric("accuracy").score(np.zeros(0, int), np.zeros(0, int))


def test_f1_and_confusions_are_of_each_class_and_nan_where_there_is_none() -> None:
    labels, predicted = np.array([0, 0, 2]), np.array([0, 2, 2])
    wanted = sk.f1_score(labels, predicted, average=None)
    np.testing.assert_allclose(
        f1_per_class(labels, predicted, 4), [wanted[0], np.nan, wanted[1], np.nan]
    )
    assert confusion_matrix(labels, predicted, 3).tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 1]]


def of_labels(shape: tuple[int, ...], highest: int) -> tuple[np.ndarray, np.ndarray]:
    truth, predicted = np.random.default_rng(highest).integers(0, highest, (2, *shape))
    return truth, predicted


ACCEPTED = ("equal_error_rate", "tar_at_1e-2", "tar_at_1e-3")


def of_scores(truth: np.ndarray, columns: int) -> np.ndarray:
    """Shares a row, many of them equal."""
    found = np.random.default_rng(columns).integers(1, 9, (len(truth), columns)).astype(np.float32)
    return found / found.sum(axis=1, keepdims=True) if truth.ndim == 1 else found / 9


@pytest.mark.parametrize("highest", [2, 9, 300])  # classes that are in neither, or in one alone
def test_metrics_of_one_label_are_scikit_learns(highest: int) -> None:
    truth, predicted = of_labels((50,), highest)
    kappa = {"weights": "quadratic", "labels": range(highest)}
    recall = {"labels": np.unique(truth), "average": "macro"}
    for name, wanted in {
        "accuracy": sk.accuracy_score(truth, predicted),
        "macro_f1": sk.f1_score(truth, predicted, average="macro", zero_division=0),
        "micro_f1": sk.f1_score(truth, predicted, average="micro"),
        "balanced_accuracy": sk.recall_score(truth, predicted, **recall),
        "quadratic_weighted_kappa": sk.cohen_kappa_score(truth, predicted, **kappa),
        "rmse": sk.root_mean_squared_error(truth, predicted),
        "mae": sk.mean_absolute_error(truth, predicted),
    }.items():
        assert find_metric(name).score(truth, predicted) == pytest.approx(wanted, rel=1e-12), name


@given(st.lists(st.tuples(*[st.integers(0, 1)] * 2, st.integers(0, 5)), min_size=1))
def test_metrics_of_the_second_of_two_classes_are_scikit_learns(rows: list) -> None:
    truth, predicted, scores = np.array(rows).T
    pairs = np.stack([5 - scores, scores], axis=1) / 5
    options = {"zero_division": np.nan}
    wanted = {
        "precision": sk.precision_score(truth, predicted, zero_division=0),
        "f1": sk.f1_score(truth, predicted, zero_division=0),
        "recall": sk.recall_score(truth, predicted, **options),
        "specificity": sk.recall_score(truth, predicted, pos_label=0, **options),
        "average_precision": sk.average_precision_score(truth, scores) if np.ptp(truth) else np.nan,
    }
    if np.ptp(truth):
        far, tar, _ = sk.roc_curve(truth, scores, drop_intermediate=False)
        wanted["equal_error_rate"] = np.interp(0, far + tar - 1, far)
        for name, most in (("tar_at_1e-2", 1e-2), ("tar_at_1e-3", 1e-3)):
            wanted[name] = tar[far <= most].max()
    else:
        wanted |= dict.fromkeys(ACCEPTED, np.nan)
    assert set(wanted) == {name for name, metric in METRICS.items() if metric.of_two}
    for name, score in wanted.items():
        given_to = pairs if METRICS[name].kind == "probabilities" else predicted
        if np.isnan(score):
            with pytest.raises(UserError, match="cannot be measured"):
                find_metric(name).score(truth, given_to)
        else:
            assert find_metric(name).score(truth, given_to) == pytest.approx(score, rel=1e-12), name


def test_metrics_of_several_labels_are_scikit_learns() -> None:
    truth, predicted = of_labels((50, 7), 2)
    truth[:3], predicted[:3], truth[:, 6], predicted[:, 6] = 0, 0, 0, 0
    for average in ("macro", "micro", "samples"):
        wanted = sk.f1_score(truth, predicted, average=average, zero_division=0)
        score = find_metric(f"{average}_f1").score(truth, predicted)
        assert score == pytest.approx(wanted, rel=1e-12), average


def test_metrics_of_scores_are_scikit_learns() -> None:
    several = of_labels((50, 4), 2)[0]
    one, two = np.arange(50) % 4, np.arange(50) % 2
    for truth, columns in ((one, 4), (two, 2), (several, 4)):
        scores = of_scores(truth, columns)
        areas = scores[:, 1] if columns == 2 else scores
        auc = sk.roc_auc_score(truth, areas, multi_class="ovr")
        assert find_metric("roc_auc").score(truth, scores) == pytest.approx(auc, rel=1e-6)
        pairs = [(truth, scores)]
        if truth.ndim == 2:
            pairs = [(t, np.stack([1 - p, p], 1)) for t, p in zip(truth.T, scores.T, strict=True)]
        loss = np.mean([sk.log_loss(t, p, labels=range(p.shape[1])) for t, p in pairs])
        assert find_metric("log_loss").score(truth, scores) == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("name", [*METRICS, "map@3", "top3_error"])
def test_a_score_of_some_rows_is_that_of_these_rows_alone(name: str) -> None:
    metric = find_metric(name)
    two = metric.of_two
    truth = of_labels((40, 5), 2)[0] if name == "samples_f1" else np.arange(40) % (2 if two else 5)
    predicted = of_labels(truth.shape, 2)[1]
    if metric.kind in ("probabilities", "ranking"):
        predicted = of_scores(truth, 2 if two else 5)
    rows = np.random.default_rng(4).integers(0, 40, 60)
    some = metric.scorer(truth, predicted)(rows)
    assert some == pytest.approx(metric.score(truth[rows], predicted[rows]), rel=1e-12)
    assert some != metric.score(truth, predicted)
