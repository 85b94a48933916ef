"""Metrics of scored pairs against scikit-learn and plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from common.errors import UserError
from common.metrics.verification import (
    SortedScores,
    area,
    best_threshold,
    equal_error_rate,
    roc,
    roc_auc,
    tar_at_far,
    thinned,
)

# Few different scores, so that most are equal to others.
scored = st.lists(
    st.tuples(st.booleans(), st.integers(-4, 4).map(lambda n: n / 4)), min_size=2, max_size=40
).filter(lambda rows: len({same for same, _ in rows}) == 2)


def columns(rows: list[tuple[bool, float]]) -> tuple[np.ndarray, np.ndarray]:
    same, scores = zip(*rows, strict=True)
    return np.array(same), np.array(scores, np.float32)


def drawn(pairs: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    same = generator.random(pairs) < 0.2
    return same, (generator.normal(size=pairs) + same).astype(np.float32)


@given(scored, st.integers(0, 99))
@settings(deadline=None, max_examples=50)
def test_auc_and_curve_are_scikit_learns(rows, seed: int) -> None:
    same, scores = columns(rows)
    auc = sklearn_metrics.roc_auc_score(same, scores)
    far, tar, thresholds = sklearn_metrics.roc_curve(same, scores, drop_intermediate=False)
    curve = roc(same, scores)
    np.testing.assert_allclose(curve.far, far)
    np.testing.assert_allclose(curve.tar, tar)
    np.testing.assert_allclose(curve.thresholds[1:], thresholds[1:])
    assert scores.max() < curve.thresholds[0] < math.inf
    assert roc_auc(same, scores) == area(curve) == pytest.approx(auc)
    weights = np.random.default_rng(seed).integers(0, 4, len(same)).astype(float)
    weights[[same.argmax(), same.argmin()]] = 1  # at least one of each kind
    weighted = sklearn_metrics.roc_auc_score(same, scores, sample_weight=weights)
    assert SortedScores(same, scores).auc(weights) == pytest.approx(weighted)
    assert np.isnan(SortedScores(same, scores).auc(same.astype(float)))


@pytest.mark.parametrize("kind", ["float64", "float16", "int8"])
def test_auc_of_many_pairs(kind: str) -> None:
    same, scores = drawn(300_000)
    scores = (scores * 20).astype(kind)
    wanted = sklearn_metrics.roc_auc_score(same, scores)
    assert roc_auc(same, scores) == pytest.approx(wanted, abs=1e-12)


def accuracy_at(same: np.ndarray, scores: np.ndarray, threshold: float, share: float) -> float:
    called = scores.astype(np.float64) >= threshold
    return float(share * called[same].mean() + (1 - share) * (~called[~same]).mean())


@given(scored, st.none() | st.floats(0, 1))
@settings(deadline=None, max_examples=50)
def test_no_threshold_is_better_than_the_best(rows, share: float | None) -> None:
    same, scores = columns(rows)
    threshold, accuracy = best_threshold(roc(same, scores), share)
    about = same.mean() if share is None else share
    assert accuracy_at(same, scores, threshold, about) == pytest.approx(accuracy)
    cuts = [*np.unique(scores), scores.max() + 1]
    assert accuracy >= max(accuracy_at(same, scores, cut, about) for cut in cuts) - 1e-12


def test_the_best_threshold_is_between_scores_and_about_the_share_of_same_pairs() -> None:
    same, scores = np.array([0, 0, 1, 1], bool), np.array([0.1, 0.2, 0.6, 0.9])
    assert best_threshold(roc(same, scores)) == (pytest.approx(0.4), 1.0)
    same, scores = np.repeat([True, False], [10, 10]), np.repeat([1.0, 0.0, 1.0, 0.0], [6, 4, 2, 8])
    assert best_threshold(roc(same, scores), share=0.01)[0] > 1  # all different is better


@given(scored, st.floats(0, 1))
@settings(deadline=None, max_examples=50)
def test_rates_are_those_of_the_curve(rows, far: float) -> None:
    same, scores = columns(rows)
    curve = roc(same, scores)
    cuts = [cut for cut in np.unique(scores) if np.mean(scores[~same] >= cut) <= far]
    wanted = max([0.0, *(float(np.mean(scores[same] >= cut)) for cut in cuts)])
    assert tar_at_far(curve, far) == pytest.approx(wanted)
    # On the straight lines between two points as many same pairs are missed as others accepted.
    rate, steps = equal_error_rate(curve), np.linspace(0, 1, 401)
    points = np.stack([curve.far, curve.tar], axis=1)
    lines = points[:-1, None] * (1 - steps[:, None]) + points[1:, None] * steps[:, None]
    assert np.abs(lines - [rate, 1 - rate]).sum(axis=-1).min() < 0.01


@given(st.integers(2, 50), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_a_thinned_curve_is_the_curve_with_fewer_points(points: int, seed: int) -> None:
    curve = roc(*drawn(2000, seed))
    few = thinned(curve, points)
    assert 2 <= len(few.thresholds) <= points
    assert (few.hits[0], few.false_alarms[0]) == (0, 0)
    assert (few.tar[-1], few.far[-1]) == (1, 1)
    known = set(zip(curve.thresholds, curve.hits, curve.false_alarms, strict=True))
    assert set(zip(few.thresholds, few.hits, few.false_alarms, strict=True)) <= known
    assert (np.diff(few.tar + few.far) <= 2 / (points - 1) + 0.01).all()


@pytest.mark.parametrize(
    ("same", "said"),
    [
        ([1, 1], "none of 2 pairs is of the different kind"),
        ([0, 0], "none of 2 pairs is of the same kind"),
        ([], "none of 0 pairs is of the same kind"),
    ],
)
def test_what_cannot_be_measured_is_one_line(same: list, said: str) -> None:
    for measure in (roc, roc_auc):
        with pytest.raises(UserError, match=said):
            measure(np.array(same, bool), np.zeros(len(same)))
