"""Metrics of scored pairs against scikit-learn and plain loops; the pairs; ranks."""

import itertools
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn import metrics as sklearn_metrics

from common.errors import UserError
from common.metrics.quantiles import quantiles_of
from common.metrics.verification import (
    accuracy_at,
    auc_by_part,
    best_threshold,
    equal_error_rate,
    roc,
    roc_auc,
    tar_at_far,
    thinned,
)
from common.pairs.labelled import all_pairs
from support import ROOT

# Few different scores, so that most are equal to others.
scored = st.lists(
    st.tuples(st.booleans(), st.integers(-4, 4).map(lambda n: n / 4)), min_size=2, max_size=40
).filter(lambda rows: len({same for same, _ in rows}) == 2)


def columns(rows: list[tuple[bool, float]], kind: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    same, scores = zip(*rows, strict=True)
    return np.array(same), np.array(scores, kind)


def drawn(pairs: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    same = generator.random(pairs) < 0.2
    return same, (generator.normal(size=pairs) + same).astype(np.float32)


@given(scored)
@settings(deadline=None)
def test_auc_and_curve_are_scikit_learns(rows) -> None:
    same, scores = columns(rows)
    assert roc_auc(same, scores) == pytest.approx(sklearn_metrics.roc_auc_score(same, scores))
    far, tar, thresholds = sklearn_metrics.roc_curve(same, scores, drop_intermediate=False)
    curve = roc(same, scores)
    np.testing.assert_allclose(curve.far, far)
    np.testing.assert_allclose(curve.tar, tar)
    np.testing.assert_allclose(curve.thresholds[1:], thresholds[1:])
    assert scores.max() < curve.thresholds[0] < math.inf


@pytest.mark.parametrize("kind", ["float64", "float32", "float16", "int8"])
def test_auc_of_a_million_pairs(kind: str) -> None:
    same, scores = drawn(1_000_000)
    scores = (scores * 20).astype(kind)
    assert roc_auc(same, scores) == pytest.approx(
        sklearn_metrics.roc_auc_score(same, scores), abs=1e-12
    )


@given(scored, st.none() | st.floats(0, 1))
@settings(deadline=None)
def test_no_threshold_is_better_than_the_best(rows, share: float | None) -> None:
    same, scores = columns(rows)
    threshold, accuracy = best_threshold(roc(same, scores), share)
    assert math.isfinite(threshold)
    assert accuracy_at(same, scores, threshold, share) == pytest.approx(accuracy)
    cuts = [*np.unique(scores), scores.max() + 1]
    assert accuracy >= max(accuracy_at(same, scores, cut, share) for cut in cuts) - 1e-12


@given(scored, st.floats(-1.2, 1.2))
@settings(deadline=None)
def test_accuracy_is_the_share_of_right_calls(rows, threshold: float) -> None:
    same, scores = columns(rows, "float64")
    right = np.mean(
        [(score >= threshold) == truth for truth, score in zip(same, scores, strict=True)]
    )
    assert accuracy_at(same, scores, threshold) == pytest.approx(right)


def test_the_best_threshold_lies_between_scores() -> None:
    same, scores = np.array([0, 0, 1, 1], bool), np.array([0.1, 0.2, 0.6, 0.9])
    assert best_threshold(roc(same, scores)) == (pytest.approx(0.4), 1.0)


def test_accuracy_for_another_share_of_same_pairs() -> None:
    same, scores = np.repeat([True, False], [10, 10]), np.repeat([1.0, 0.0, 1.0, 0.0], [6, 4, 2, 8])
    assert accuracy_at(same, scores, 0.5) == pytest.approx(0.7)
    assert accuracy_at(same, scores, 0.5, share=0.1) == pytest.approx(0.1 * 0.6 + 0.9 * 0.8)
    assert best_threshold(roc(same, scores), share=0.01)[0] > 1  # all different is better


@given(scored, st.floats(0, 1))
@settings(deadline=None)
def test_tar_at_far_is_the_highest_that_is_allowed(rows, far: float) -> None:
    same, scores = columns(rows)
    allowed = [0.0]
    for cut in np.unique(scores):
        if np.mean(scores[~same] >= cut) <= far:
            allowed.append(float(np.mean(scores[same] >= cut)))
    assert tar_at_far(roc(same, scores), far) == pytest.approx(max(allowed))


@given(scored)
@settings(deadline=None)
def test_at_the_equal_error_rate_both_errors_are_equal(rows) -> None:
    curve = roc(*columns(rows))
    rate = equal_error_rate(curve)
    # The curve may stand still or rise there: the other error lies on it too.
    steps = zip(itertools.pairwise(curve.far), itertools.pairwise(curve.tar), strict=True)
    assert any(
        min(far) - 1e-9 <= rate <= max(far) + 1e-9
        and abs((1 - rate - tar[0]) * (far[1] - far[0]) - (rate - far[0]) * (tar[1] - tar[0]))
        < 1e-9
        and min(tar) - 1e-9 <= 1 - rate <= max(tar) + 1e-9
        for far, tar in steps
    )


def test_the_equal_error_rate_of_two_normal_distributions() -> None:
    same, scores = drawn(400_000)
    below = 0.5 * (1 - math.erf(0.5 / math.sqrt(2)))
    assert equal_error_rate(roc(same, scores)) == pytest.approx(below, abs=0.003)


@given(st.integers(2, 50), st.integers(0, 99))
@settings(deadline=None)
def test_a_thinned_curve_is_the_curve_with_fewer_points(points: int, seed: int) -> None:
    curve = roc(*drawn(2000, seed))
    few = thinned(curve, points)
    assert 2 <= len(few.thresholds) <= points
    assert (few.hits[0], few.false_alarms[0]) == (0, 0)
    assert (few.tar[-1], few.far[-1]) == (1, 1)
    known = set(zip(curve.thresholds, curve.hits, curve.false_alarms, strict=True))
    assert set(zip(few.thresholds, few.hits, few.false_alarms, strict=True)) <= known
    assert (np.diff(few.tar + few.far) <= 2 / (points - 1) + 0.01).all()


def test_auc_of_seen_and_unseen() -> None:
    same, scores = drawn(500)
    seen = np.arange(500) < 200
    unseen = np.arange(500) >= 300
    found = auc_by_part(
        same, scores, {"seen": seen, "unseen": unseen, "alike": ~same, "no": seen & unseen}
    )
    assert found == {
        "all": pytest.approx(sklearn_metrics.roc_auc_score(same, scores)),
        "seen": pytest.approx(sklearn_metrics.roc_auc_score(same[seen], scores[seen])),
        "unseen": pytest.approx(sklearn_metrics.roc_auc_score(same[unseen], scores[unseen])),
        "alike": None,
        "no": None,
    }


@pytest.mark.parametrize(
    ("same", "scores", "told"),
    [
        (
            [1, 0, 1],
            [0.5, math.nan, math.inf],
            "2 of 3 scores are NaN or infinite, the first of pair 1",
        ),
        ([1, 1], [0.5, 0.1], "none of 2 pairs is of the different kind"),
        ([0, 0], [0.5, 0.1], "none of 2 pairs is of the same kind"),
        ([], [], "none of 0 pairs is of the same kind"),
        ([1, 0], [0.5], r"scores of shape \(1,\) for pairs of shape \(2,\)"),
    ],
)
def test_what_cannot_be_measured_is_one_line(same, scores, told: str) -> None:
    for measure in (
        roc,
        roc_auc,
        lambda a, b: accuracy_at(a, b, 0),
        lambda a, b: auc_by_part(a, b, {}),
    ):
        with pytest.raises(UserError, match=told):
            measure(np.array(same, bool), np.array(scores))


@given(st.lists(st.integers(0, 4), min_size=2, max_size=25), st.integers(0, 400), st.integers(0, 9))
@settings(deadline=None, max_examples=200)
def test_pairs_are_all_or_as_many_as_asked(drawn: list[int], most: int, seed: int) -> None:
    labels = np.array(drawn)
    known = list(itertools.combinations(range(len(drawn)), 2))
    same = sum(drawn[i] == drawn[j] for i, j in known)
    pairs = all_pairs(labels, most, seed)
    found = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert len(set(found)) == len(found) == min(most, len(known))
    assert set(found) <= set(known)
    assert np.array_equal(pairs.same, labels[pairs.first] == labels[pairs.second])
    assert pairs.share == same / len(known)
    assert pairs.left_out == len(known) - len(found)
    different = len(known) - same
    assert pairs.same.sum() >= min(same, most // 2)
    if most < len(known) and same > most // 2:
        assert (~pairs.same).sum() == min(different, most - most // 2)
    again = all_pairs(labels, most, seed)
    assert np.array_equal(again.first, pairs.first)
    assert np.array_equal(again.second, pairs.second)


def test_drawn_pairs_are_drawn_evenly() -> None:
    labels = np.array([0, 1, 0, 2, 1, 1, 0, 3])
    counts = np.zeros((8, 8), int)
    for seed in range(3000):
        pairs = all_pairs(labels, 8, seed)
        np.add.at(counts, (pairs.first, pairs.second), 1)
    same = labels[:, None] == labels
    upper = np.triu(np.ones((8, 8), bool), 1)
    for kind, drawn_of in ((same & upper, 4), (~same & upper, 4)):
        expected = 3000 * drawn_of / kind.sum()
        assert np.abs(counts[kind] - expected).max() < 0.2 * expected


def test_auc_of_drawn_pairs_is_near_that_of_all() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(60, size=1500)
    rows = generator.normal(size=(1500, 8)) + 0.8 * generator.normal(size=(60, 8))[labels]
    found = []
    for most in (2_000_000, 60_000):
        pairs = all_pairs(labels, most)
        scores = np.einsum("ij,ij->i", rows[pairs.first], rows[pairs.second])
        curve = roc(pairs.same, scores)
        found.append((roc_auc(pairs.same, scores), best_threshold(curve, pairs.share)[1]))
    assert len(pairs.same) == 60_000
    assert found[1] == pytest.approx(found[0], abs=0.01)


def test_pairs_of_a_hundred_thousand_pictures_are_bounded() -> None:
    labels = np.random.default_rng(0).integers(1500, size=100_000)
    pairs = all_pairs(labels, 200_000)
    assert len(pairs.first) == 200_000
    assert pairs.same.sum() == 100_000
    assert pairs.left_out == 100_000 * 99_999 // 2 - 200_000
    codes = pairs.first * 100_000 + pairs.second
    assert len(np.unique(codes)) == 200_000


def test_one_picture_makes_no_pair() -> None:
    with pytest.raises(UserError, match="1 labelled pictures make no pair"):
        all_pairs(np.array([3]))


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=60), st.integers(2, 30))
def test_quantiles_rise_with_the_scores(sample: list[int], knots: int) -> None:
    quantiles = quantiles_of(np.array(sample), knots)
    assert len(quantiles.values) <= knots
    found = quantiles.of(np.linspace(-10, 10, 81, dtype=np.float32))
    assert found.dtype == np.float64
    assert (np.diff(found) >= 0).all()
    assert (found >= 0).all()
    assert (found <= 1).all()
    # Of the sample's own values these are its ranks, if the knots suffice.
    if len(set(sample)) <= knots:
        expected = (rankdata(sample) - 0.5) / len(sample)
        np.testing.assert_allclose(quantiles.of(np.array(sample)), expected)


def test_quantiles_keep_the_order_of_scores_that_stream_by() -> None:
    same, scores = drawn(200_000)
    quantiles = quantiles_of(scores[::4])
    streamed = np.concatenate([quantiles.of(part) for part in np.array_split(scores, 7)])
    assert np.array_equal(streamed, quantiles.of(scores))
    assert roc_auc(same, streamed) == pytest.approx(roc_auc(same, scores), abs=1e-5)
    np.testing.assert_allclose(streamed, (rankdata(scores) - 0.5) / 200_000, atol=0.01)


@pytest.mark.parametrize("sample", [[], [0.5, math.nan]])
def test_a_sample_without_quantiles_is_one_line(sample) -> None:
    with pytest.raises(UserError, match="scores have no quantiles"):
        quantiles_of(np.array(sample))


def test_none_of_it_needs_keras() -> None:
    modules = (
        "metrics.verification metrics.quantiles pairs.labelled data.samplers "
        "networks.distances networks.miners networks.embedding_losses networks.margins"
    )
    names = ", ".join(f"common.{name}" for name in modules.split())
    told = (
        f"import sys, {names}; "
        "print([name for name in ('keras', 'tensorflow', 'jax') if name in sys.modules])"
    )
    root = str(ROOT)
    ran = subprocess.run(
        [sys.executable, "-c", told],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "[]\n"
