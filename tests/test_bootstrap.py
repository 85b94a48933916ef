"""Intervals of scores: they cover the truth about as often as they say, paired differences too."""

import numpy as np

from common.errors import UserError
from common.metrics.bootstrap import compare, interval, resampled_scores


def test_an_interval_covers_the_true_accuracy_about_as_often_as_it_says() -> None:
    random, covered = np.random.default_rng(0), 0
    for trial in range(200):
        right = random.random(100) < 0.8
        drawn = resampled_scores({"m": lambda rows, r=right: r[rows].mean()}, 100, 200, trial)
        ends = interval(drawn["m"])
        assert ends is not None
        covered += ends[0] <= 0.8 <= ends[1]
    assert 0.88 <= covered / 200 <= 0.99


def test_models_are_scored_on_the_same_resamples() -> None:
    random = np.random.default_rng(1)
    first = random.random(300) < 0.8
    second = first.copy()
    second[:9] = ~second[:9]  # differs in nine rows alone
    scores = {"a": lambda rows: first[rows].mean(), "b": lambda rows: second[rows].mean()}
    drawn = resampled_scores(scores, 300, 400)
    alone = interval(drawn["a"])
    difference = float(first.mean() - second.mean())
    found = compare("b", difference, drawn["a"], drawn["b"], 1)
    assert alone is not None
    assert found["interval"][1] - found["interval"][0] < (alone[1] - alone[0]) / 2
    assert found["interval"][0] <= difference <= found["interval"][1]


def test_the_direction_of_the_metric_counts() -> None:
    low, high = np.full(50, 0.1), np.full(50, 0.2)
    assert compare("m", -0.1, low, high, -1)["share_better"] == 1.0
    assert compare("m", -0.1, low, high, 1)["share_better"] == 0.0
    assert compare("m", 0.0, low, low, 1)["share_better"] == 0.5


def test_what_is_not_defined_is_left_out_and_too_little_has_no_interval() -> None:
    def sometimes(rows: np.ndarray) -> float:
        if rows[0] % 4 == 0:
            raise UserError("not defined")
        return float(rows.mean())

    def never(rows: np.ndarray) -> float:
        raise UserError("not defined")

    drawn = resampled_scores({"some": sometimes, "none": never}, 100, 60)
    assert 0 < np.isnan(drawn["some"]).sum() < 60
    assert interval(drawn["some"]) is not None
    assert interval(drawn["none"]) is None
    assert interval(np.zeros(0)) is None
