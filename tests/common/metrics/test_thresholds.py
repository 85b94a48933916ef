"""Thresholds of two classes: the highest with a recall, the best by a metric, by trying all."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from common.metrics.metric import find_metric
from common.metrics.thresholds import best_threshold, threshold_of_recall
from common.tasks.classification import Classification

rows = st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=2, max_size=60).filter(
    lambda found: len({second for second, _ in found}) == 2
)


@pytest.mark.parametrize(
    ("recall", "threshold"),
    [(0.25, 0.85), (0.5, 0.6), (0.51, 0.35), (0.75, 0.35), (1, 0.1), (0, 0.85)],
)
def test_a_recall_has_the_middle_between_its_last_picture_and_the_next(
    recall: float, threshold: float
) -> None:
    second = np.array([1, 1, 0, 1, 0, 1], bool)
    probabilities = np.array([0.9, 0.8, 0.4, 0.4, 0.3, 0.2])
    assert threshold_of_recall(second, probabilities, recall) == pytest.approx(threshold)


@given(rows, st.floats(0.01, 1))
def test_no_higher_threshold_has_the_recall(found: list, recall: float) -> None:
    second, ninths = map(np.array, zip(*found, strict=True))
    probabilities = ninths / 9
    at = threshold_of_recall(second, probabilities, recall)

    def recall_at(threshold: float) -> float:
        return float(sk.recall_score(second, probabilities >= threshold))

    assert recall_at(at) >= recall - 1e-9
    for level in np.unique(probabilities):
        if level >= at:  # above this picture, too
            above = np.nextafter(level, 2)
            called = (probabilities >= above).sum()
            if called < (probabilities >= at).sum():
                assert recall_at(above) < recall


@given(rows)
def test_the_best_threshold_is_as_good_as_the_best_of_all(found: list) -> None:
    second, ninths = map(np.array, zip(*found, strict=True))
    labels, probabilities = second.astype(int), ninths / 9
    predictions = np.stack([1 - probabilities, probabilities], axis=1)
    measures: dict[str, Callable[..., float]] = {
        "accuracy": sk.accuracy_score,
        "balanced_accuracy": sk.balanced_accuracy_score,
        "f1": partial(sk.f1_score, zero_division=0),
    }
    for name, measure in measures.items():
        task = Classification(("no", "yes"), threshold="best")
        thresholds = task.find_thresholds(find_metric(name), labels, predictions)
        assert thresholds is not None
        assert 0 <= thresholds[0] <= 1 + 1e-9
        best = max(measure(labels, probabilities >= level) for level in np.arange(-1, 20) / 18)
        assert measure(labels, task.decide(predictions, thresholds)) == pytest.approx(best), name


def test_of_equally_good_thresholds_the_middle_of_the_widest_gap_is_taken() -> None:
    second = np.array([1, 1, 0, 0], bool)
    probabilities = np.array([0.95, 0.9, 0.3, 0.1])
    found = best_threshold(second, probabilities, lambda level: level <= 0.93)
    assert found == pytest.approx(0.6)


def test_one_class_alone_has_no_threshold_and_half_is_the_more_probable() -> None:
    predictions = np.array([[0.6, 0.4], [0.3, 0.7], [0.5, 0.5]])
    accuracy, labels = find_metric("accuracy"), np.array([0, 1, 1])
    for task in (Classification(("a", "b")), Classification(("a", "b"), recall=0.9)):
        alone = task.find_thresholds(accuracy, np.ones(3, int), predictions)
        assert alone is None
        assert task.decide(predictions, alone).tolist() == [0, 1, 0]
    assert task.decide(predictions, np.array([0.4])).tolist() == [1, 1, 1]
    assert Classification(("a", "b")).find_thresholds(accuracy, labels, predictions) is None
