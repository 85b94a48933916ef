"""What the report counts: calibration, scores of classes, confusions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from kernels.report.classes import class_scores, sureness, worst_confusions
from kernels.report.pictures import reliability

seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities, as a seed has them."""
    rng = np.random.default_rng(seed)
    rows, classes = int(rng.integers(1, 60)), int(rng.integers(2, 7))
    powers = rng.random((rows, classes)) ** rng.integers(1, 9)
    return rng.integers(0, classes, rows), powers / powers.sum(axis=1, keepdims=True)


@given(seeds)
@settings(max_examples=30)
def test_bins_of_confidence_are_the_papers(seed: int) -> None:
    labels, probabilities = drawn(seed)
    counts, sure, hits = reliability(labels, probabilities, bins=10)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    for number in range(10):
        inside = (confidence > number / 10) & (confidence <= (number + 1) / 10)
        assert counts[number] == inside.sum()
        if inside.any():
            found = (sure[number], hits[number])
            assert found == pytest.approx((confidence[inside].mean(), right[inside].mean()))
    assert counts.sum() == len(labels)


@given(seeds)
@settings(max_examples=30)
def test_f1_of_each_class_and_label_is_scikit_learns_and_sorted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels, predicted = (rng.random((2, 20, 5)) < 0.2).astype(np.uint8)
    numbers, guessed = rng.integers(0, 4, (2, 20))
    for truth, given_, classes in ((labels, predicted, 5), (numbers, guessed, 6)):
        found = class_scores(truth, given_, classes)
        options = {} if truth.ndim == 2 else {"labels": range(classes)}
        wanted = f1_score(truth, given_, average=None, zero_division=0, **options)
        numbers_, f1 = found[:, 0].astype(int), found[:, 1]
        assert f1 == pytest.approx(wanted[numbers_])
        assert f1.tolist() == sorted(f1)
        own = truth if truth.ndim == 2 else np.eye(classes, dtype=int)[truth]
        other = given_ if truth.ndim == 2 else np.eye(classes, dtype=int)[given_]
        assert sorted(numbers_) == np.flatnonzero((own | other).any(axis=0)).tolist()
        assert found[:, 4].tolist() == own.sum(axis=0)[numbers_].tolist()


def test_confusions_are_counted_the_most_frequent_and_the_surest_first() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    predicted = np.array([1, 1, 2, 0, 1, 0, 2, 0])
    sure = np.array([0.3, 0.9, 0.5, 0.9, 0.9, 0.5, 0.9, 0.5])
    found = worst_confusions(labels, predicted, sure)
    assert found == [((0, 1), [1, 0]), ((1, 0), [5]), ((2, 0), [7]), ((0, 2), [2])]


def test_a_grade_is_surer_the_nearer_its_value_is() -> None:
    values = np.array([[1.4], [0.9], [2.2]])
    assert np.argsort(-sureness(values, np.array([1, 1, 2]))).tolist() == [1, 2, 0]
