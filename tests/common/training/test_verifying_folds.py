"""A list's folds: each is scored by what the others teach, and by nothing of its own."""

import numpy as np
import pytest

from common.training.verifying_folds import fold_scores, score_fold

FOLDS, PEOPLE, EACH, WIDTH = 4, 15, 3, 12  # people of a fold, and pictures of each


@pytest.fixture(scope="module")
def known() -> dict[str, np.ndarray]:
    """Pictures about the mean of their person; in each fold 30 pairs of both kinds."""
    generator = np.random.default_rng(0)
    people = np.repeat(np.arange(FOLDS * PEOPLE), EACH)
    means = 5 * generator.normal(size=(FOLDS * PEOPLE, WIDTH))
    features = means[people] + generator.normal(size=(len(people), WIDTH))
    fold_of = people // PEOPLE
    pairs = []
    for fold in range(FOLDS):
        own = np.arange(PEOPLE) * EACH + fold * PEOPLE * EACH
        pairs += [*zip(own, own + 1), *zip(own, own + 2)]  # noqa: B905 (of one length)
        pairs += [*zip(own, np.roll(own, 1) + 1), *zip(own, np.roll(own, 2) + 2)]  # noqa: B905
    rows = np.array(pairs)
    same = (people[rows[:, 0]] == people[rows[:, 1]]).astype(np.int64)
    return {
        "features": features.astype(np.float32),
        "people": people,
        "fold_of": fold_of,
        "pairs": rows,
        "folds": fold_of[rows[:, 0]],
        "same": same,
    }


def test_a_fold_is_told_apart_by_the_others(known: dict[str, np.ndarray]) -> None:
    for fold in range(FOLDS):
        found = score_fold(fold, 8, **known)
        assert found.shape == (4 * PEOPLE, 2)
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
        assert (found.argmax(axis=1) == known["same"][known["folds"] == fold]).mean() > 0.9


def test_nothing_of_a_fold_is_used_to_score_it(known: dict[str, np.ndarray]) -> None:
    before = score_fold(1, 8, **known)
    own, of_pairs = known["fold_of"] == 1, known["folds"] == 1
    other = {**known, "same": np.where(of_pairs, 1 - known["same"], known["same"])}
    other["people"] = np.where(own, 999, known["people"])
    np.testing.assert_array_equal(score_fold(1, 8, **other), before)
    # Its other pictures neither: those of the last pair may be anything.
    moved = known["features"].copy()
    moved[np.setdiff1d(np.flatnonzero(own), known["pairs"][of_pairs][0])] += 100
    np.testing.assert_allclose(score_fold(1, 8, **{**known, "features": moved})[0], before[0])
    # What is changed in another fold is seen.
    moved = np.where((known["fold_of"] == 2)[:, None], -known["features"] * 3, known["features"])
    assert not np.allclose(score_fold(1, 8, **{**known, "features": moved}), before, atol=1e-3)


def test_the_threshold_is_that_of_the_other_folds(known: dict[str, np.ndarray]) -> None:
    """Where the others' pairs are nearly all the same, a pair is sooner called so."""
    rows = (known["folds"] == 1) | (known["same"] == 1) | (np.arange(len(known["same"])) % 5 == 0)
    few = {name: known[name][rows] for name in ("pairs", "folds", "same")}
    usual, biased = score_fold(1, 8, **known), score_fold(1, 8, **{**known, **few})
    assert biased[:, 1].mean() > usual[:, 1].mean()


def test_the_mean_has_its_standard_error() -> None:
    folds = np.repeat([0, 1, 2], 10)
    right = np.concatenate([np.arange(10) < one for one in (9, 8, 4)])
    found = fold_scores(folds, right)
    assert found["folds"] == [0.9, 0.8, 0.4]
    assert found["mean"] == pytest.approx(0.7)
    # sqrt((0.2² + 0.1² + 0.3²) / 2) / sqrt(3)
    assert found["standard_error"] == pytest.approx(0.15275, abs=1e-5)
