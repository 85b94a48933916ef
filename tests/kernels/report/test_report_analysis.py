"""What the report counts: calibration, confusions, agreement, the hardest pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from kernels.report.analysis import (
    agreement,
    class_scores,
    fixed_and_broken,
    hardest,
    label_scores,
    reliability,
    sureness,
    worst_confusions,
)

seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int, rows: int = 0, classes: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities, as a seed has them."""
    rng = np.random.default_rng(seed)
    rows, classes = rows or int(rng.integers(1, 60)), classes or int(rng.integers(2, 7))
    powers = rng.random((rows, classes)) ** rng.integers(1, 9)
    return rng.integers(0, classes, rows), powers / powers.sum(axis=1, keepdims=True)


@given(seeds)
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
    assert found.ece == pytest.approx(gaps / len(labels), abs=1e-9)
    assert found.counts.sum() == len(labels)
    assert found.excess == pytest.approx(confidence.mean() - right.mean(), abs=1e-9)


def test_calibration_of_a_case_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [1.0, 0.0]])
    found = reliability(np.array([0, 1, 1, 0]), probabilities, bins=10)
    assert found.counts.tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 2, 1]
    assert found.ece == pytest.approx((1 * 0.4 + 2 * 0.4 + 0) / 4)


@given(seeds)
def test_f1_of_each_class_is_scikit_learns_and_sorted(seed: int) -> None:
    labels, probabilities = drawn(seed)
    predicted, classes = probabilities.argmax(axis=1), probabilities.shape[1]
    found = class_scores(labels, predicted, classes)
    wanted = f1_score(labels, predicted, labels=range(classes), average=None, zero_division=0)
    assert {s.number for s in found} == set(labels) | set(predicted)
    assert [s.f1 for s in found] == pytest.approx([wanted[s.number] for s in found])
    assert [s.f1 for s in found] == sorted(s.f1 for s in found)
    assert sum(s.pictures for s in found) == len(labels)


@given(seeds)
def test_confusions_hold_every_mistake_once_and_the_most_frequent_first(seed: int) -> None:
    labels, probabilities = drawn(seed)
    predicted = probabilities.argmax(axis=1)
    classes, sure = probabilities.shape[1], sureness(probabilities, predicted)
    found = worst_confusions(labels, predicted, sure, classes, limit=1000)
    rows = [row for confusion in found for row in confusion.rows]
    assert sorted(rows) == np.flatnonzero(labels != predicted).tolist()
    times = [len(confusion.rows) for confusion in found]
    assert times == sorted(times, reverse=True)
    for confusion in found:
        chosen = list(confusion.rows)
        assert set(labels[chosen]) == {confusion.true}
        assert set(predicted[chosen]) == {confusion.taken_for}
        assert confusion.of == (labels == confusion.true).sum()
        taken = probabilities[chosen, confusion.taken_for].tolist()
        assert taken == sorted(taken, reverse=True)
    assert worst_confusions(labels, predicted, sure, classes, limit=2) == found[:2]


def test_a_grade_is_surer_the_nearer_its_value_is() -> None:
    values = np.array([[1.4], [0.9], [2.2]])
    assert np.argsort(-sureness(values, np.array([1, 1, 2]))).tolist() == [1, 2, 0]


@given(seeds)
def test_f1_of_each_label_is_scikit_learns_and_sorted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels, predicted = rng.random((2, 20, 5)) < 0.2
    found = label_scores(labels.astype(np.uint8), predicted.astype(np.uint8))
    wanted = f1_score(labels, predicted, average=None, zero_division=0)
    assert {s.number for s in found} == set(np.flatnonzero((labels | predicted).any(axis=0)))
    assert [s.f1 for s in found] == pytest.approx([wanted[s.number] for s in found])
    assert [s.f1 for s in found] == sorted(s.f1 for s in found)
    assert [s.pictures for s in found] == [int(labels[:, s.number].sum()) for s in found]


@given(seeds)
def test_agreement_and_gain_count_every_picture_once(seed: int) -> None:
    labels, first = drawn(seed, rows=40, classes=4)
    _, second = drawn(seed + 1, rows=40, classes=4)
    one, two = first.argmax(axis=1), second.argmax(axis=1)
    found = agreement(labels, one, two)
    assert found.both_right + found.only_first + found.only_second + found.both_wrong == 40
    assert found.both_right + found.only_first == (one == labels).sum()
    assert found.same_class == (one == two).sum()
    fixed, broken = fixed_and_broken(labels, one, two)
    assert (len(fixed), len(broken)) == (found.only_second, found.only_first)
    assert (two[fixed] == labels[fixed]).all()
    assert (one[broken] == labels[broken]).all()


@given(seeds)
def test_the_hardest_have_the_least_likely_truth(seed: int) -> None:
    labels, probabilities = drawn(seed)
    rows = hardest(labels, probabilities, limit=5)
    truth = probabilities[np.arange(len(labels)), labels]
    assert truth[rows].tolist() == sorted(truth)[:5]
