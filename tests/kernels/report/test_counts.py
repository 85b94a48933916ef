"""What the report counts: calibration, scores of classes, confusions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from kernels.report.calibration import reliability
from kernels.report.classes import class_scores, sureness, worst_confusions

seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities, as a seed has them."""
    rng = np.random.default_rng(seed)
    rows, classes = int(rng.integers(1, 60)), int(rng.integers(2, 7))
    powers = rng.random((rows, classes)) ** rng.integers(1, 9)
    return rng.integers(0, classes, rows), powers / powers.sum(axis=1, keepdims=True)


@given(seeds)
@settings(max_examples=30)
def test_ece_is_the_papers_sum(seed: int) -> None:
    labels, probabilities = drawn(seed)
    found = reliability(labels, probabilities, bins=10)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    gaps = 0.0
    for number in range(10):
        inside = (confidence > number / 10) & (confidence <= (number + 1) / 10)
        if inside.any():
            gaps += inside.sum() * abs(right[inside].mean() - confidence[inside].mean())
    assert found.ece == pytest.approx(gaps / len(labels))
    assert found.counts.sum() == len(labels)
    assert found.excess == pytest.approx(confidence.mean() - right.mean())


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
        assert [s.f1 for s in found] == pytest.approx([wanted[s.number] for s in found])
        assert [s.f1 for s in found] == sorted(s.f1 for s in found)
        own = truth if truth.ndim == 2 else np.eye(classes, dtype=int)[truth]
        other = given_ if truth.ndim == 2 else np.eye(classes, dtype=int)[given_]
        assert {s.number for s in found} == set(np.flatnonzero((own | other).any(axis=0)))
        assert [s.pictures for s in found] == [int(own[:, s.number].sum()) for s in found]


def test_confusions_are_counted_the_most_frequent_and_the_surest_first() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    predicted = np.array([1, 1, 2, 0, 1, 0, 2, 0])
    sure = np.array([0.3, 0.9, 0.5, 0.9, 0.9, 0.5, 0.9, 0.5])
    found = worst_confusions(labels, predicted, sure, 3, 8)
    rows = [(one.true, one.taken_for, one.of, one.rows) for one in found]
    assert rows == [(0, 1, 4, (1, 0)), (1, 0, 2, (5,)), (2, 0, 2, (7,)), (0, 2, 4, (2,))]
    assert worst_confusions(labels, predicted, sure, 3, 2) == found[:2]


def test_a_grade_is_surer_the_nearer_its_value_is() -> None:
    values = np.array([[1.4], [0.9], [2.2]])
    assert np.argsort(-sureness(values, np.array([1, 1, 2]))).tolist() == [1, 2, 0]
