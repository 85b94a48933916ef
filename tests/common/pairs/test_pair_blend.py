"""Blends of scores of pairs: found on validation, never worse than their parts, told as chances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from common.errors import UserError
from common.pairs import blend as pair_blend
from common.pairs.blend import (
    METHODS,
    SCALES,
    Platt,
    apply_in_parts,
    find_pair_blend,
    fit_platt,
    linked,
    mix,
    scale_of,
    sigmoid,
)


def drawn(seed: int, pairs: int = 600, share: float = 0.2) -> tuple[np.ndarray, dict]:
    """Answers, and channels that know something, something else, nothing, and the contrary."""
    generator = np.random.default_rng(seed)
    same = generator.random(pairs) < share
    noise = generator.normal(size=(4, pairs))
    knows = np.array([1.2, 0.9, 0.0, -0.5])[:, None] * same + noise
    names = ("one", "two", "nothing", "contrary")
    return same, dict(zip(names, knows.astype(np.float32), strict=True))


@pytest.mark.parametrize("method", METHODS)
@given(st.integers(0, 99))
@settings(max_examples=8, deadline=None)
def test_a_blend_is_what_it_says(method: str, seed: int) -> None:
    same, channels = drawn(seed)
    blend, total = find_pair_blend(method, "logit", same, channels)
    assert (blend.method, blend.scale) == (method, "logit")
    weights = np.array(list(blend.weights.values()))
    assert list(blend.weights) == list(channels)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    wanted = sum(blend.weights[name] * channels[name] for name in channels)
    # A greedy blend's sums are those of its weights, not of its counts.
    np.testing.assert_allclose(total, wanted, atol=1e-5)
    assert blend.validation_score == pytest.approx(roc_auc_score(same, total), abs=1e-9)


@given(st.integers(0, 99))
@settings(max_examples=12, deadline=None)
def test_searched_weights_are_never_worse_than_the_mean_or_a_channel(seed: int) -> None:
    same, channels = drawn(seed)
    alone = [roc_auc_score(same, scores) for scores in channels.values()]
    mean, weighted, greedy = (
        find_pair_blend(method, "logit", same, channels)[0].validation_score for method in METHODS
    )
    assert weighted >= max(mean, *alone) - 1e-9
    assert greedy >= max(alone) - 1e-9


@pytest.mark.parametrize("seed", [2, 4, 7])
def test_a_greedy_blend_is_the_best_of_its_selections(seed: int) -> None:
    same, channels = drawn(seed, pairs=150)
    total, reached = np.zeros(150), []
    for _ in range(30):
        total += max(channels.values(), key=lambda scores: roc_auc_score(same, total + scores))
        reached.append(roc_auc_score(same, total))
    assert reached[-1] < max(reached) - 2e-4  # so that it matters
    blend, _ = find_pair_blend("greedy", "logit", same, channels)
    assert blend.validation_score == pytest.approx(max(reached), abs=1e-4)


def test_two_that_know_different_things_beat_each_and_what_knows_nothing_is_left_out() -> None:
    same, channels = drawn(0, pairs=20_000)
    alone = {name: roc_auc_score(same, scores) for name, scores in channels.items()}
    for method in ("weighted", "greedy"):
        blend, _ = find_pair_blend(method, "logit", same, channels)
        assert blend.validation_score > max(alone.values()) + 0.03
        # The best weights of independent normal channels are as what they know: 1.2 to 0.9.
        assert blend.weights["one"] == pytest.approx(1.2 / 2.1, abs=0.08)
        assert blend.weights["two"] == pytest.approx(0.9 / 2.1, abs=0.08)
        assert blend.weights["nothing"] + blend.weights["contrary"] < 0.05


def test_in_the_mean_every_member_has_the_same_weight() -> None:
    same, drawn_channels = drawn(0)
    names = ("margin/embedding", "margin/classes", "triplets/embedding", "classes/classes")
    channels = dict(zip(names, drawn_channels.values(), strict=True))
    blend, total = find_pair_blend("mean", "logit", same, channels)
    assert list(blend.weights.values()) == pytest.approx([1 / 6, 1 / 6, 1 / 3, 1 / 3])
    wanted = sum(blend.weights[name] * channels[name] for name in names)
    np.testing.assert_allclose(total, wanted, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_channel_alone_has_all_the_weight(method: str) -> None:
    same, channels = drawn(1)
    blend, total = find_pair_blend(method, "rank", same, {"one": channels["one"]})
    assert blend.weights == {"one": 1.0}
    np.testing.assert_array_equal(total, channels["one"])


@pytest.mark.parametrize("method", METHODS)
def test_the_same_channels_give_the_same_blend(method: str) -> None:
    same, channels = drawn(2)
    first, again = (find_pair_blend(method, "logit", same, channels)[0] for _ in range(2))
    assert first == again


def test_unknown_names_are_one_line() -> None:
    same, channels = drawn(0)
    with pytest.raises(UserError, match="unknown blend 'weighed': did you mean weighted"):
        find_pair_blend("weighed", "logit", same, channels)
    with pytest.raises(UserError, match="setting blend_scale=ranks: did you mean rank"):
        scale_of("ranks", "a", channels["one"], Platt(1, 0))


@pytest.mark.parametrize("kind", ["same", "different"])
def test_pairs_of_one_kind_find_no_blend(kind: str) -> None:
    same = np.full(50, kind == "different")
    scores = {"a": np.random.default_rng(0).random(50, np.float32)}
    with pytest.raises(UserError, match=f"none of 50 pairs is of the {kind} kind"):
        find_pair_blend("weighted", "logit", same, scores)


@pytest.mark.parametrize("seed", range(4))
def test_the_probability_is_a_logistic_regressions(seed: int) -> None:
    same, channels = drawn(seed, pairs=3000)
    scores = channels["one"] * 0.03 + 7  # far from the unit scale
    platt = fit_platt(same, scores)
    columns = StandardScaler().fit_transform(scores[:, None].astype(np.float64))
    # Held to zero as scikit-learn's own, which is little among thousands of pairs.
    wanted = LogisticRegression(tol=1e-10, max_iter=1000).fit(columns, same)
    told = wanted.predict_proba(columns)[:, 1]
    np.testing.assert_allclose(platt.probability(scores), told, atol=1e-5)
    assert platt.probability(scores).mean() == pytest.approx(same.mean(), abs=1e-4)


def test_scores_that_tell_all_or_nothing_have_a_finite_slope() -> None:
    same = np.arange(100) < 20
    told_all = fit_platt(same, same.astype(np.float32))
    assert np.isfinite([told_all.slope, told_all.offset]).all()
    chances = told_all.probability(same.astype(np.float32))
    assert chances[same].min() > 0.9
    assert chances[~same].max() < 0.1
    alike = fit_platt(same, np.full(100, 0.3))
    np.testing.assert_allclose(alike.probability(np.full(3, 0.3)), 0.2, atol=1e-6)


def test_a_contrary_channel_is_not_turned_round() -> None:
    same, channels = drawn(0, pairs=5000)
    platt = fit_platt(same, channels["contrary"])
    assert platt.slope == 0
    chances = platt.probability(channels["contrary"])
    np.testing.assert_allclose(chances, chances[0])
    assert chances[0] == pytest.approx(same.mean(), abs=0.02)


@pytest.mark.parametrize("scale", SCALES)
def test_a_scale_keeps_the_order(scale: str) -> None:
    scores = np.random.default_rng(0).uniform(-1, 1, 3000).astype(np.float32)
    brought = scale_of(scale, "member/embedding", scores, Platt(3.0, -1.0))(scores)
    np.testing.assert_array_equal(np.argsort(brought), np.argsort(scores))


def test_ranks_are_those_among_the_scores_whatever_their_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores = np.random.default_rng(0).normal(size=5000).astype(np.float32) ** 3
    wanted = (rankdata(scores) - 0.5) / len(scores)
    for most in (1 << 20, 700):  # all of them, and a sample
        monkeypatch.setattr(pair_blend, "_SAMPLE", most)
        found = scale_of("rank", "a", scores, Platt(1, 0))(scores)
        np.testing.assert_allclose(found, wanted, atol=0.03 if most < 5000 else 1e-3)
        assert found.max() == found[scores.argmax()] > found[np.argsort(scores)[-2]]


def test_log_odds_are_of_what_validation_found() -> None:
    platt = Platt(4.0, -1.0)
    scores = np.array([0.0, 0.25, 0.5, 1.0], np.float32)
    cosine = scale_of("logit", "member/embedding", scores, platt)(scores)
    np.testing.assert_allclose(cosine, [-1, 0, 1, 3])
    agreement = scale_of("logit", "member/classes", scores, platt)(scores)
    np.testing.assert_allclose(agreement[1:3], [4 * np.log(1 / 3) - 1, -1])
    assert np.isfinite(agreement).all()


def test_log_odds_of_an_agreement_are_finite_and_rise() -> None:
    scores = np.array([-1e-8, 0, 1e-12, 1e-4, 0.5, 1, 1 + 1e-6], np.float32)
    found = linked("member/classes", scores)
    assert np.isfinite(found).all()
    assert (np.diff(found) >= 0).all()
    assert found[3] < found[4] < found[5]
    np.testing.assert_array_equal(linked("classes/embedding", scores), scores)


@pytest.mark.parametrize("number", [0, 1, 99, 100, 101, 250])
def test_parts_make_the_whole(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(pair_blend, "_PART", 100)
    scores = np.random.default_rng(0).normal(size=number).astype(np.float32)
    seen: list[int] = []

    def scale(part: np.ndarray) -> np.ndarray:
        seen.append(len(part))
        return 2.0 * part.astype(np.float64)

    brought = apply_in_parts(scale, scores)
    assert brought.dtype == np.float32
    np.testing.assert_array_equal(brought, 2 * scores)
    assert max(seen, default=0) <= 100


def test_a_mix_is_the_weighted_sum() -> None:
    columns = [np.array([1, 2], np.float32), np.array([10, 20], np.float32), np.full(2, np.inf)]
    mixed = mix([0.5, 0.25, 0.0], columns)
    assert mixed.dtype == np.float32
    np.testing.assert_array_equal(mixed, [3, 6])


def test_a_sigmoid_overflows_nowhere() -> None:
    values = np.array([-1e4, -30, 0, 2, 1e4])
    np.testing.assert_allclose(sigmoid(values), 1 / (1 + np.exp(-values.clip(-700))), atol=1e-12)


def test_a_sample_with_more_same_pairs_gives_the_chances_of_all_pairs() -> None:
    generator = np.random.default_rng(0)
    same = generator.random(200_000) < 0.05
    scores = generator.normal(same * 1.5, 1.0)
    whole = fit_platt(same, scores)
    drawn = same | (generator.random(len(same)) < 0.1)
    sample = fit_platt(same[drawn], scores[drawn], float(same.mean()))
    assert sample.slope == pytest.approx(whole.slope, rel=0.03)
    assert sample.offset == pytest.approx(whole.offset, abs=0.05)
    assert fit_platt(same[drawn], scores[drawn]).offset > whole.offset + 1
