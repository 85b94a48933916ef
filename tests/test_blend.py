"""Blends: exact against a brute force, never worse than the mean, aligned by id."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from common.blending.blend import METHODS, align, find_blend, mix
from common.errors import UserError
from common.files.predictions import Predictions


def members(seed: int, rows: int, classes: int, number: int = 2) -> tuple[np.ndarray, list]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    lift = np.eye(classes)[labels]
    return labels, [
        random.dirichlet(np.ones(classes), rows) + 0.3 * lift * random.random()
        for _ in range(number)
    ]


def brute_force(labels: np.ndarray, pair: list) -> float:
    """The best macro F1 over every interval between crossings of any two lines of a row."""
    a, b = pair
    points = {0.0, 1.0}
    for row in range(len(labels)):
        for i, j in itertools.combinations(range(a.shape[1]), 2):
            slope = (a[row, i] - b[row, i]) - (a[row, j] - b[row, j])
            if slope:
                points.add((b[row, j] - b[row, i]) / slope)
    edges = np.array(sorted(p for p in points if 0 <= p <= 1))
    middles = (edges[1:] + edges[:-1]) / 2
    return max(
        f1_score(labels, (t * a + (1 - t) * b).argmax(axis=1), average="macro", zero_division=0)
        for t in middles
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(2, 5))
def test_weighted_is_the_exact_optimum_for_two_members(seed: int, rows: int, classes: int) -> None:
    labels, pair = members(seed, rows, classes)
    blend = find_blend("weighted", labels, pair)
    assert blend.validation_score == pytest.approx(brute_force(labels, pair), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(2, 6), st.integers(1, 4))
def test_weights_are_a_distribution_and_searching_never_loses_to_the_mean(
    seed: int, rows: int, classes: int, number: int
) -> None:
    labels, stack = members(seed, rows, classes, number)
    mean = find_blend("mean", labels, stack)
    for method in METHODS:
        blend = find_blend(method, labels, stack)
        assert min(blend.weights) >= 0
        assert sum(blend.weights) == pytest.approx(1)
        mixed = mix(blend.weights, stack).argmax(axis=1)
        score = f1_score(labels, mixed, average="macro", zero_division=0)
        assert blend.validation_score == pytest.approx(score)
    assert find_blend("weighted", labels, stack).validation_score >= mean.validation_score - 1e-12


def test_the_better_member_wins_when_the_other_is_noise() -> None:
    labels = np.arange(40) % 4
    good = np.eye(4)[labels] * 0.5 + 0.125
    noise = np.random.default_rng(0).dirichlet(np.ones(4), 40)
    for method in ("weighted", "greedy"):
        blend = find_blend(method, labels, [noise, good])
        assert blend.weights[1] > blend.weights[0]
        assert blend.validation_score == 1.0


def test_unknown_method_and_no_validation_are_refused() -> None:
    with pytest.raises(UserError, match="unknown blend 'median'.*mean, weighted, greedy"):
        find_blend("median", np.array([0]), [np.ones((1, 2))])
    with pytest.raises(UserError, match="needs validation predictions"):
        find_blend("weighted", np.zeros(0, int), [np.zeros((0, 3))])


def predictions(ids: list[str], test_ids: list[str], seed: int = 0) -> Predictions:
    random = np.random.default_rng(seed)
    return Predictions(
        np.array(ids),
        np.array([int(i[1:]) % 3 for i in ids]),
        random.random((len(ids), 3)),
        np.array(test_ids),
        random.random((len(test_ids), 3)),
    )


def test_align_puts_rows_into_the_first_members_order() -> None:
    first = predictions(["v1", "v2", "v3"], ["t1", "t2"])
    other = predictions(["v3", "v1", "v2"], ["t2", "t1"], seed=1)
    aligned = align({"a": first, "b": other})["b"]
    assert aligned.validation_ids.tolist() == ["v1", "v2", "v3"]
    assert np.array_equal(aligned.validation[0], other.validation[1])
    assert np.array_equal(aligned.test[0], other.test[1])


@pytest.mark.parametrize(
    ("ids", "test_ids", "said"),
    [
        (["v1", "v2"], ["t1", "t3"], "test ids of a .* and b .* differ in 2 ids.*t2, t3"),
        (["v1", "v2"], ["t1"], "test ids of a .2. and b .1. differ"),
        (["v1", "v9"], ["t1", "t2"], "validation ids of a .* and b"),
    ],
)
def test_members_with_other_ids_are_refused(ids: list[str], test_ids: list[str], said: str) -> None:
    first = predictions(["v1", "v2"], ["t1", "t2"])
    with pytest.raises(UserError, match=said):
        align({"a": first, "b": predictions(ids, test_ids)})
