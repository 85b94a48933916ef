"""Blends of scores of pairs: found on validation, never worse than their parts; probabilities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from common.blending.blend import METHODS, find_weights
from common.metrics.verification import roc_auc
from common.pairs import blend as pair_blend
from common.pairs.blend import (
    Platt,
    as_log_odds,
    find_pair_blend,
    fit_platt,
    mean_weights,
    search_moves,
    to_scale,
)
from common.pairs.validation import ValidationPairs, validation_pairs

NAMES = ("one/embedding", "two/embedding", "nothing/embedding", "contrary/embedding")


def drawn(seed: int, pictures: int = 40) -> tuple[ValidationPairs, dict[str, np.ndarray]]:
    """Pairs, and channels that know something, something else, nothing, and the contrary."""
    labels = np.arange(pictures) % 5
    ids = np.array([f"p{n}" for n in range(pictures)])
    pairs = validation_pairs(ids, labels, np.ones(pictures, bool))
    noise = np.random.default_rng(seed).normal(size=(4, len(pairs.same)))
    knows = np.array([1.2, 0.9, 0.0, -0.5])[:, None] * pairs.same + noise
    return pairs, dict(zip(NAMES, knows.astype(np.float32), strict=True))


@given(st.integers(0, 99))
@settings(max_examples=6, deadline=None)
def test_a_blend_is_what_it_says_and_never_worse_than_its_parts(seed: int) -> None:
    pairs, channels = drawn(seed)
    alone = [roc_auc_score(pairs.same, scores) for scores in channels.values()]
    scores = {}
    for method in METHODS:
        blend, total = find_pair_blend(method, "logit", pairs, channels)
        weights = np.array(list(blend.weights.values()))
        assert list(blend.weights) == list(channels)
        assert weights.sum() == pytest.approx(1)
        assert weights.min() >= 0
        wanted = sum(
            weight * blend.platts[name].log_odds(channels[name])
            for name, weight in blend.weights.items()
        )
        np.testing.assert_allclose(total, wanted, atol=1e-5)
        found = blend.probabilities(channels.items())
        np.testing.assert_allclose(
            found, 1 / (1 + np.exp(-blend.platt.log_odds(wanted))), rtol=1e-4
        )
        assert found.mean() == pytest.approx(pairs.same.mean(), abs=0.01)
        scores[method] = roc_auc_score(pairs.same, total)
    assert scores["weighted"] >= max(scores["mean"], *alone) - 1e-6
    assert scores["greedy"] >= max(alone) - 1e-6


def test_what_knows_nothing_has_little_weight() -> None:
    pairs, channels = drawn(0, 200)
    for method in ("weighted", "greedy"):
        columns = np.stack(list(channels.values()))  # of one scale
        weights = find_weights(
            method, columns, lambda total: roc_auc(pairs.same, total), search_moves, rounds=30
        )
        # The best weights of independent normal channels are as what they know: 1.2 to 0.9.
        assert weights == pytest.approx([1.2 / 2.1, 0.9 / 2.1, 0, 0], abs=0.08)


def test_in_the_mean_every_member_has_the_same_weight() -> None:
    names = ["margin/embedding", "margin/classes", "triplets/embedding", "classes/classes"]
    assert mean_weights(names) == pytest.approx([1 / 6, 1 / 6, 1 / 3, 1 / 3])
    pairs, channels = drawn(1)
    for method in METHODS:
        blend, _ = find_pair_blend(method, "rank", pairs, {"one": channels[NAMES[0]]})
        assert blend.weights == {"one": 1.0}


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.03, 7.0), (50.0, -300.0)])
def test_the_probability_is_calibrated_at_any_scale(scale: float, shift: float) -> None:
    pairs, channels = drawn(0, 100)
    scores = channels[NAMES[0]] * scale + shift
    found = fit_platt(pairs.same, scores).probability(scores)
    assert found.mean() == pytest.approx(pairs.same.mean(), abs=1e-4)
    for low, high in ((0.0, 0.15), (0.15, 0.4), (0.4, 1.0)):
        bin_ = (found >= low) & (found < high)
        assert found[bin_].mean() == pytest.approx(pairs.same[bin_].mean(), abs=0.06)


def test_scores_of_all_or_nothing_and_contrary_ones_have_a_finite_slope() -> None:
    same = np.arange(100) < 20
    found = fit_platt(same, same.astype(np.float32)).probability(same.astype(np.float32))
    assert found[same].min() > 0.9
    assert found[~same].max() < 0.1
    alike = fit_platt(same, np.full(100, 0.3))
    np.testing.assert_allclose(alike.probability(np.full(3, 0.3)), 0.2, atol=1e-6)
    contrary = fit_platt(same, -same.astype(np.float32))
    assert contrary.slope == 0
    assert len(set(contrary.probability(np.array([-1e4, 0, 1e4])).tolist())) == 1


def test_a_sample_with_more_same_pairs_gives_the_probabilities_of_all_pairs() -> None:
    generator = np.random.default_rng(0)
    same = generator.random(100_000) < 0.05
    scores = generator.normal(same * 1.5, 1.0)
    whole = fit_platt(same, scores)
    some = same | (generator.random(len(same)) < 0.1)
    sample = fit_platt(same[some], scores[some], float(same.mean()))
    assert sample.slope == pytest.approx(whole.slope, rel=0.04)
    assert sample.offset == pytest.approx(whole.offset, abs=0.07)
    assert fit_platt(same[some], scores[some]).offset > whole.offset + 1


def test_a_blend_on_drawn_pairs_is_about_all_pairs() -> None:
    labels = np.arange(100) % 5
    pairs = validation_pairs(labels.astype(str), labels, np.ones(100, bool), most=1500)
    assert pairs.same.mean() == 0.5
    scores = np.random.default_rng(0).normal(pairs.same * 2.0).astype(np.float32)
    blend, total = find_pair_blend("mean", "logit", pairs, {"one/embedding": scores})
    assert blend.platt == fit_platt(pairs.same, total, pairs.share)
    assert blend.platt.offset < fit_platt(pairs.same, total).offset - 1


@pytest.mark.parametrize(("sample", "near"), [(1 << 20, 1e-3), (700, 0.06)])
def test_ranks_are_those_among_the_scores(
    sample: int, near: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_blend, "_SAMPLE", sample)
    scores = np.random.default_rng(0).normal(size=5000).astype(np.float32) ** 3
    scores[:900] = 0.5  # many are equal
    found = to_scale("rank", "a", scores, Platt(1, 0), scores)
    np.testing.assert_allclose(found, (rankdata(scores) - 0.5) / 5000, atol=near)
    assert found.max() == found[scores.argmax()] > found[np.argsort(scores)[-2]]


def test_log_odds_are_of_what_validation_found() -> None:
    scores = np.array([-1e-8, 0, 0.25, 0.5, 1, 1 + 1e-6], np.float32)
    cosine = to_scale("logit", "member/embedding", scores, Platt(4.0, -1.0), scores)
    np.testing.assert_allclose(cosine, 4 * scores - 1)
    agreement = to_scale("logit", "member/classes", scores, Platt(4.0, -1.0), scores)
    np.testing.assert_allclose(agreement[2:4], [4 * np.log(1 / 3) - 1, -1], rtol=1e-6)
    found = as_log_odds("member/classes", scores)
    assert np.isfinite(found).all()
    assert (np.diff(found) >= 0).all()
