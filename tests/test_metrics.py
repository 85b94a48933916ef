"""Metrics against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from common.metrics.classification import accuracy, confusion_matrix, macro_f1

pairs = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=60)


@given(pairs)
def test_macro_f1_and_accuracy_are_scikit_learns(rows: list[tuple[int, int]]) -> None:
    labels, predicted = (np.array(column) for column in zip(*rows, strict=True))
    expected = sklearn_metrics.f1_score(labels, predicted, average="macro", zero_division=0)
    assert macro_f1(labels, predicted) == pytest.approx(expected)
    assert accuracy(labels, predicted) == pytest.approx(
        sklearn_metrics.accuracy_score(labels, predicted)
    )


@given(pairs)
def test_confusion_matrix_is_scikit_learns(rows: list[tuple[int, int]]) -> None:
    labels, predicted = (np.array(column) for column in zip(*rows, strict=True))
    expected = sklearn_metrics.confusion_matrix(labels, predicted, labels=range(13))
    assert np.array_equal(confusion_matrix(labels, predicted, 13), expected)


def test_classes_in_neither_array_do_not_count() -> None:
    assert macro_f1(np.array([0, 50]), np.array([0, 50])) == 1.0
    assert macro_f1(np.array([0, 1]), np.array([0, 103])) == pytest.approx(1 / 3)
