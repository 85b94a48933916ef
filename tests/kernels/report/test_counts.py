"""What the report counts: calibration, scores of classes, confusions."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from kernels.report.classes import class_scores, sureness, worst_confusions
from kernels.report.pictures import reliability


@pytest.mark.parametrize("seed", range(5))
def test_bins_of_confidence_are_the_papers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    powers = rng.random((40, 4)) ** rng.integers(1, 9)
    labels, probabilities = rng.integers(0, 4, 40), powers / powers.sum(axis=1, keepdims=True)
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


@pytest.mark.parametrize("seed", range(5))
def test_f1_of_each_class_and_label_is_scikit_learns_and_sorted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for truth, decided in (
        (rng.random((2, 20, 5)) < 0.2).astype(np.uint8),
        np.eye(6, dtype=np.uint8)[rng.integers(0, 4, (2, 20))],
    ):
        names = [f"class {number}" for number in range(truth.shape[1])]
        numbers = truth.shape[1] == 6
        given = (truth.argmax(axis=1), decided.argmax(axis=1)) if numbers else (truth, decided)
        found = class_scores(*given, names)
        f1 = f1_score(truth, decided, average=None, zero_division=0)
        there = np.flatnonzero((truth | decided).any(axis=0))
        order = found["number"].to_numpy()
        assert sorted(order) == there.tolist()
        assert found["name"].tolist() == [names[number] for number in order]
        assert found["F1"].tolist() == pytest.approx(sorted(f1[there]))
        assert found["F1"].tolist() == pytest.approx(f1[order])
        assert found["pictures"].tolist() == truth.sum(axis=0)[order].tolist()


def test_confusions_are_counted_the_most_frequent_and_the_surest_first() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    predicted = np.array([1, 1, 2, 0, 1, 0, 2, 0])
    sure = np.array([0.3, 0.9, 0.5, 0.9, 0.9, 0.5, 0.9, 0.5])
    found = worst_confusions(labels, predicted, sure)
    assert found == [((0, 1), [1, 0]), ((1, 0), [5]), ((2, 0), [7]), ((0, 2), [2])]


def test_a_grade_is_surer_the_nearer_its_value_is() -> None:
    values = np.array([[1.4], [0.9], [2.2]])
    assert np.argsort(-sureness(values, np.array([1, 1, 2]))).tolist() == [1, 2, 0]
