"""Intervals of the AUC of pairs: pictures are drawn, and a weighted AUC is scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from common.metrics.bootstrap import interval
from common.pairs.bootstrap import SortedScores, resampled_auc
from common.pairs.validation import ValidationPairs


@given(st.integers(0, 10**6), st.integers(2, 60), st.integers(1, 5))
def test_the_weighted_auc_is_scikit_learns(seed: int, number: int, levels: int) -> None:
    random = np.random.default_rng(seed)
    same = random.random(number) < 0.4
    same[:2] = True, False
    scores = random.integers(0, levels + 1, number) / levels  # many are equal
    weights = random.integers(0, 4, number).astype(float)
    weights[:2] = 1
    found = SortedScores(same, scores).auc(weights)
    assert found == pytest.approx(roc_auc_score(same, scores, sample_weight=weights))


def test_without_one_kind_of_pairs_there_is_no_auc() -> None:
    curve = SortedScores(np.array([True, False]), np.array([0.1, 0.9]))
    assert np.isnan(curve.auc(np.array([1.0, 0.0])))
    assert curve.auc(np.array([1.0, 1.0])) == 0.0


def test_intervals_are_of_pictures_and_wider_than_those_of_pairs_would_be() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(8), 6)
    ids = np.array([f"p{n}" for n in range(len(labels))])
    pairs = ValidationPairs(ids, labels, np.ones(len(labels), bool))
    vectors = np.eye(8)[labels] + random.normal(0, 1.2, (len(labels), 8))
    scores = pairs.scores(vectors.astype(np.float32))
    drawn = resampled_auc(pairs, {"m": scores}, 200)["m"]
    whole = roc_auc_score(pairs.labelled.same, scores)
    ends = interval(drawn, whole, 0, 1)
    assert ends is not None
    assert ends[0] < whole < ends[1]
    of_pairs = []
    for _ in range(200):
        rows = random.integers(len(scores), size=len(scores))
        of_pairs.append(roc_auc_score(pairs.labelled.same[rows], scores[rows]))
    assert np.std(drawn) > 1.3 * np.std(of_pairs)
