"""Validation's pairs: drawn evenly, measured for seen and unseen classes, resampled, saved."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from common.errors import UserError
from common.metrics.bootstrap import Size, interval
from common.pairs.validation import (
    NAME,
    ValidationPairs,
    draw_pairs,
    in_history,
    load_scored_pairs,
    save_scored_pairs,
    validation_pairs,
)


def some(labels: np.ndarray, known: int, most: int = 10**6) -> ValidationPairs:
    ids = np.array([f"p{n}" for n in range(len(labels))])
    return validation_pairs(ids, labels, labels < known, most)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=25), st.integers(0, 400), st.integers(0, 9))
@settings(deadline=None, max_examples=100)
def test_pairs_are_all_or_as_many_as_asked(drawn: list[int], most: int, seed: int) -> None:
    labels = np.array(drawn)
    known = list(itertools.combinations(range(len(drawn)), 2))
    same = sum(drawn[i] == drawn[j] for i, j in known)
    first, second = draw_pairs(labels, most, seed)
    found = list(zip(first.tolist(), second.tolist(), strict=True))
    assert len(set(found)) == len(found) == min(most, len(known))
    assert set(found) <= set(known)
    kept = int((labels[first] == labels[second]).sum())
    assert kept >= min(same, most // 2)
    if most < len(known) and same > most // 2:
        assert len(found) - kept == min(len(known) - same, most - most // 2)
    again = draw_pairs(labels, most, seed)
    assert np.array_equal(again, (first, second))


def test_each_kind_is_drawn_evenly() -> None:
    labels = np.array([0, 1, 0, 2, 1, 1, 0, 3])
    counts = np.zeros((8, 8), int)
    for seed in range(2000):
        np.add.at(counts, draw_pairs(labels, 8, seed), 1)
    same, upper = labels[:, None] == labels, np.triu(np.ones((8, 8), bool), 1)
    for kind in (same & upper, ~same & upper):
        expected = 2000 * 4 / kind.sum()
        assert np.abs(counts[kind] - expected).max() < 0.2 * expected


def test_pairs_of_many_pictures_are_few_and_about_all() -> None:
    labels = np.random.default_rng(0).integers(1500, size=100_000)
    first, second = draw_pairs(labels, 200_000)
    assert (labels[first] == labels[second]).sum() == 100_000
    assert len(np.unique(first.astype(np.int64) * 100_000 + second)) == 200_000
    with pytest.raises(UserError, match="1 labelled pictures make no pair"):
        draw_pairs(np.array([3]), 10)
    labels = np.repeat(np.arange(60), 25)
    rows = np.random.default_rng(1).normal(size=(1500, 8)).astype(np.float32)
    rows += 0.8 * np.random.default_rng(2).normal(size=(60, 8))[labels].astype(np.float32)
    every, few = (some(labels, 60, most) for most in (2_000_000, 60_000))
    found = [pairs.auc(pairs.scores(rows))["all"] for pairs in (every, few)]
    assert found[0] == pytest.approx(found[1], abs=0.01)
    assert every.share == few.share == pytest.approx(every.same.mean())


def test_auc_is_of_pairs_of_seen_and_of_unseen_classes() -> None:
    labels = np.array([0, 0, 1, 1, 1, 2, 3, 3, 4, 4])  # train has 0, 1 and 2
    pairs = some(labels, 3)
    scores = np.random.default_rng(0).random(45).astype(np.float32)
    found = pairs.auc(scores)
    for part, mask in pairs.parts.items():
        assert found[part] == pytest.approx(roc_auc_score(pairs.same[mask], scores[mask]))
    assert in_history(found) == {
        "val_auc": found["all"],
        "val_auc_seen": found["seen"],
        "val_auc_unseen": found["unseen"],
    }
    assert some(labels, 9).auc(scores)["unseen"] is None  # without unseen classes
    with pytest.raises(UserError, match="of the same kind"):
        some(np.arange(5), 3).auc(np.zeros(10))


def test_all_pairs_have_as_many_pictures_of_an_unseen_class_as_of_a_seen_one() -> None:
    labels = np.repeat(np.arange(6), [3, 4, 5, 40, 2, 3])
    pairs = some(labels, 3)
    assert np.bincount(labels[pairs.counted]).tolist() == [3, 4, 5, 4, 2, 3]
    assert np.flatnonzero(pairs.counted & (labels == 3)).tolist() == [12, 25, 38, 51]  # evenly
    assert np.bincount(labels[some(labels, 0).counted]).tolist() == [3, 4, 5, 40, 2, 3]


def test_intervals_are_of_pictures_and_wider_than_those_of_pairs_would_be() -> None:
    random = np.random.default_rng(0)
    pairs = some(np.repeat(np.arange(8), 6), 8)
    vectors = np.eye(8)[pairs.labels] + random.normal(0, 1.2, (48, 8))
    scores = pairs.scores(vectors.astype(np.float32))
    drawn = pairs.resampled_auc({"m": scores}, 200)["m"]
    whole = roc_auc_score(pairs.same, scores)
    ends = interval(drawn, whole, Size(len(pairs.ids)), 0, 1)
    assert ends is not None
    assert ends[0] < whole < ends[1]
    rows = random.integers(len(scores), size=(200, len(scores)))
    assert np.std(drawn) > 1.3 * np.std([roc_auc_score(pairs.same[r], scores[r]) for r in rows])


def test_scored_pairs_come_back(tmp_path: Path) -> None:
    assert load_scored_pairs(tmp_path) is None
    pairs = some(np.repeat(np.arange(4), 5), 2)
    probabilities = np.random.default_rng(0).random(190).astype(np.float32)
    save_scored_pairs(tmp_path, pairs, probabilities)
    found = load_scored_pairs(tmp_path)
    assert found is not None
    assert np.array_equal(found.probabilities, probabilities)
    assert (found.share, found.same.tolist()) == (pairs.share, pairs.same.tolist())
    assert found.parts["unseen"].tolist() == pairs.parts["unseen"].tolist()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"first": np.array([0, 99], np.int32)}, "its pictures and its pairs differ"),
        ({"labels": np.array([0])}, "labels of shape .* does not fit the other arrays"),
        ({"probabilities": np.array([0.5, np.nan])}, "some probabilities are not numbers"),
        ({"second": None}, "cannot be read"),
    ],
)
def test_damaged_scored_pairs_are_one_line(tmp_path: Path, change: dict, said: str) -> None:
    arrays = {
        "ids": np.array(["a", "b", "c"]),
        "labels": np.array([0, 0, 1]),
        "seen": np.ones(3, bool),
        "first": np.array([0, 0], np.int32),
        "second": np.array([1, 2], np.int32),
        "probabilities": np.array([0.5, 0.1]),
        **change,
    }
    np.savez(
        tmp_path / NAME, **{name: array for name, array in arrays.items() if array is not None}
    )
    with pytest.raises(UserError, match=f"{said}.*: run its kernel again"):
        load_scored_pairs(tmp_path)
