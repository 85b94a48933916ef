"""Intervals of scores: they cover the truth about as often as they say, paired differences too."""

import numpy as np
import pytest

from common.errors import UserError
from common.metrics.bootstrap import compare, interval, resampled_scores


def test_an_interval_covers_the_true_accuracy_about_as_often_as_it_says() -> None:
    random, covered = np.random.default_rng(0), 0
    for trial in range(200):
        right = random.random(100) < 0.8
        strata = np.zeros(100, int)
        drawn = resampled_scores({"m": lambda rows, r=right: r[rows].mean()}, strata, 200, trial)
        ends = interval(drawn["m"], right.mean(), 0, 1)
        assert ends is not None
        covered += ends[0] <= 0.8 <= ends[1]
    assert 0.88 <= covered / 200 <= 0.99
    assert interval(np.linspace(0.9, 1.0, 101), 0.99, 0, 1) == [pytest.approx(0.9825), 1.0]


def test_models_are_scored_on_the_same_resamples() -> None:
    first = np.random.default_rng(1).random(300) < 0.8
    second = first.copy()
    second[:9] = ~second[:9]  # differs in nine rows alone
    scores = {"a": lambda rows: first[rows].mean(), "b": lambda rows: second[rows].mean()}
    drawn = resampled_scores(scores, np.zeros(300, int), 400)
    alone = interval(drawn["a"], first.mean())
    difference = float(first.mean() - second.mean())
    low, high = compare("b", difference, drawn["a"], drawn["b"], 1)["interval"]
    assert alone is not None
    assert high - low < (alone[1] - alone[0]) / 2
    assert low <= difference <= high


def test_the_direction_of_the_metric_counts() -> None:
    low, high = np.full(50, 0.1), np.full(50, 0.2)
    for score, sign, share in ((high, -1, 1.0), (high, 1, 0.0), (low, 1, 0.5)):
        assert compare("m", 0.0, low, score, sign)["share_better"] == share


def test_what_is_not_defined_is_left_out_and_too_little_has_no_interval() -> None:
    def score(rows: np.ndarray, every: int) -> float:
        if rows[0] % every == 0:
            raise UserError("not defined")
        return float(rows.mean())

    scores = {"some": lambda rows: score(rows, 4), "none": lambda rows: score(rows, 1)}
    drawn = resampled_scores(scores, np.zeros(100, int), 60)
    assert 0 < np.isnan(drawn["some"]).sum() < 60
    assert interval(drawn["some"], 49.5) is not None
    assert interval(drawn["none"], 0.0) is None
    assert interval(np.zeros(0), 0.0) is None


def test_each_class_is_drawn_as_often_as_it_is_there() -> None:
    strata = np.array([3, 1, 1, 3, 3, 0])
    seen: list[np.ndarray] = []
    resampled_scores({"m": lambda rows: float(len(seen.append(rows) or rows))}, strata, 50)
    assert all(np.array_equal(np.bincount(strata[rows]), np.bincount(strata)) for rows in seen)
    assert len({tuple(rows) for rows in seen}) > 10
    assert set(np.concatenate(seen)) == set(range(6))
