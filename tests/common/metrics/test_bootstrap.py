"""Intervals of scores: they cover the truth about as often as they say, paired differences too."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from common.errors import UserError
from common.metrics.bootstrap import (
    Drawn,
    Size,
    compare,
    compare_means,
    interval,
    mean_interval,
    resampled_scores,
    wilson,
)

ALL = Size(1000)


@pytest.mark.parametrize(
    ("classes", "each", "accuracy"), [(3, 3, 0.8), (2, 8, 0.9), (5, 5, 0.9), (1, 100, 0.8)]
)
def test_an_interval_covers_the_true_accuracy_about_as_often_as_it_says(
    classes: int, each: int, accuracy: float
) -> None:
    random, covered = np.random.default_rng(0), 0
    strata = np.arange(classes).repeat(each)
    for trial in range(200):
        right = random.random(len(strata)) < accuracy
        drawn = resampled_scores({"m": lambda rows, r=right: r[rows].mean()}, strata, 200, trial)
        ends = interval(drawn["m"], right.mean(), Size.of(strata), 0, 1)
        assert ends is not None
        assert ends[0] < right.mean() + 1e-9
        assert ends[1] > ends[0]
        covered += ends[0] <= accuracy <= ends[1]
    assert 0.91 <= covered / 200 <= 1


@given(st.integers(2, 60), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_no_interval_of_a_metric_with_bounds_is_of_no_width_or_beyond_them(
    n: int, accuracy: float, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    right, strata = generator.random(n) < accuracy, generator.integers(0, 3, n)
    drawn = resampled_scores({"m": lambda rows: 2 * right[rows].mean() - 1}, strata, 50)
    ends = interval(drawn["m"], 2 * right.mean() - 1, Size.of(strata), -1, 1)
    assert ends is not None
    assert -1 <= ends[0] <= 2 * right.mean() - 1 + 1e-9
    assert 2 * right.mean() - 1 - 1e-9 <= ends[1] <= 1
    assert ends[1] - ends[0] > 0.05


@given(st.integers(0, 200), st.integers(1, 200))
def test_wilson_is_that_of_scipy(right: int, more: int) -> None:
    n = right + more
    known = binomtest(right, n).proportion_ci(method="wilson")
    assert wilson(right / n, n) == pytest.approx((known.low, known.high), abs=1e-12)


def test_draws_that_are_all_alike_have_no_interval_without_bounds() -> None:
    assert interval(np.full(50, 0.5), 0.5, ALL, 0) is None
    assert interval(np.zeros(50), 0.0, ALL) == [0, 0]  # two models that predict the same


def test_models_are_scored_on_the_same_resamples() -> None:
    first = np.random.default_rng(1).random(300) < 0.8
    second = first.copy()
    second[:9] = ~second[:9]  # differs in nine rows alone
    scores = {"a": lambda rows: first[rows].mean(), "b": lambda rows: second[rows].mean()}
    drawn = resampled_scores(scores, np.zeros(300, int), 400)
    alone = interval(drawn["a"], first.mean(), Size(300), 0, 1)
    difference = float(first.mean() - second.mean())
    low, high = compare("b", difference, drawn["a"], drawn["b"], 1, Size(300))["interval"]
    assert alone is not None
    assert high - low < (alone[1] - alone[0]) / 2
    assert low <= difference <= high


def test_means_are_over_the_seeds_that_both_have() -> None:
    def drawn(score: float, *draws: float) -> Drawn:
        return Drawn(score, np.array(draws), Size(20 if score == 0.4 else 50, 2))

    own = {1: drawn(0.9, 0.8, 1.0), 2: drawn(0.5, 0.6, 0.5), 7: drawn(0.0, 0.0, 0.0)}
    base = {2: drawn(0.4, 0.3, 0.4), 1: drawn(0.6, 0.5, 0.6), 3: drawn(1.0, 1.0, 1.0)}
    found = compare_means("b", own, base, 1)
    gains = np.array([(0.3 + 0.3) / 2, (0.4 + 0.1) / 2])
    assert found == {
        **{"over": "b", "difference": pytest.approx(0.2), "share_better": 1.0},
        "interval": pytest.approx(interval(gains, 0.2, Size(20, 2))),  # the fewest pictures
    }
    assert compare_means("b", {1: own[1]}, {2: base[2]}, 1) is None
    mean = np.array([0.7, 0.75])
    assert mean_interval([own[1], own[2]], 0, 1) == interval(mean, 0.7, Size(50, 2), 0, 1)


def test_the_direction_of_the_metric_counts() -> None:
    low, high = np.full(50, 0.1), np.full(50, 0.2)
    for score, sign, share in ((high, -1, 1.0), (high, 1, 0.0), (low, 1, 0.5)):
        assert compare("m", 0.0, low, score, sign, ALL)["share_better"] == share


def test_what_is_not_defined_is_left_out_and_too_little_has_no_interval() -> None:
    def score(rows: np.ndarray, every: int) -> float:
        if rows[0] % every == 0:
            raise UserError("not defined")
        return float(rows.mean())

    scores = {"some": lambda rows: score(rows, 4), "none": lambda rows: score(rows, 1)}
    drawn = resampled_scores(scores, np.zeros(100, int), 60)
    assert 0 < np.isnan(drawn["some"]).sum() < 60
    assert interval(drawn["some"], 49.5, ALL) is not None
    assert interval(drawn["none"], 0.0, ALL) is None
    assert interval(np.zeros(0), 0.0, ALL) is None


def test_each_class_is_drawn_as_often_as_it_is_there() -> None:
    strata = np.array([3, 1, 1, 3, 3, 0])
    seen: list[np.ndarray] = []
    resampled_scores({"m": lambda rows: float(len(seen.append(rows) or rows))}, strata, 50)
    assert all(np.array_equal(np.bincount(strata[rows]), np.bincount(strata)) for rows in seen)
    assert len({tuple(rows) for rows in seen}) > 10
    assert set(np.concatenate(seen)) == set(range(6))


GROUPS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8)), min_size=1, max_size=40)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=40), st.randoms(), st.booleans())
def test_groups_of_one_row_each_give_the_intervals_of_rows(
    drawn: list[int], random: Any, named: bool
) -> None:
    strata, names = np.array(drawn), [f"g{n}" if named else "" for n in range(len(drawn))]
    random.shuffle(names)
    groups, values = np.array(names), np.linspace(0, 1, len(strata))
    scores = {"m": lambda rows: float(values[rows].mean())}
    alone, grouped = (resampled_scores(scores, strata, 20, 1, of) for of in (None, groups))
    np.testing.assert_array_equal(alone["m"], grouped["m"])
    assert Size.of(strata) == Size.of(strata, groups)
    assert Size.of(strata).groups is None


@given(GROUPS, st.integers(0, 99))
def test_groups_are_drawn_whole_within_the_stratum_of_most_of_their_rows(
    rows: list[tuple[int, int]], seed: int
) -> None:
    strata, numbers = np.array(rows).T
    groups = np.array([f"g{number}" if number else "" for number in numbers])
    units = [name or f"row {n}" for n, name in enumerate(groups.tolist())]
    most = {
        unit: int(np.bincount(strata[[one == unit for one in units]]).argmax()) for unit in units
    }
    seen: list[np.ndarray] = []
    scores = {"m": lambda rows: float(len(seen.append(rows) or rows))}
    resampled_scores(scores, strata, 9, seed, groups)
    for draw in seen:
        times = np.bincount(draw, minlength=len(strata))
        by_unit: dict[str, set[int]] = {unit: set() for unit in most}
        for number, unit in zip(times.tolist(), units, strict=True):
            by_unit[unit].add(number)
        assert all(len(each) == 1 for each in by_unit.values())
        for stratum in range(4):
            of_it = [unit for unit in most if most[unit] == stratum]
            assert sum(min(by_unit[unit]) for unit in of_it) == len(of_it)
    size = Size.of(strata, groups)
    assert size.drawn == len(most)
    assert (size.groups is None) == (len(most) == len(strata))
    assert (size.rows, size.strata) == (len(strata), len(set(most.values())))


def test_intervals_by_group_cover_what_those_of_rows_do_not() -> None:
    """Of 40 patients with 1 to 9 pictures, of which a model gets most or few right."""
    random, covered = np.random.default_rng(0), {"rows": 0, "groups": 0}
    for trial in range(200):
        counts, ability = random.integers(1, 10, 40), random.beta(2, 0.5, 40)
        patients = np.arange(40).repeat(counts)
        right = random.random(len(patients)) < ability[patients]
        strata, names = np.zeros(len(patients), int), patients.astype(str)
        for way, groups in (("rows", None), ("groups", names)):
            scores = {"m": lambda rows, r=right: float(r[rows].mean())}
            drawn = resampled_scores(scores, strata, 200, trial, groups)["m"]
            ends = interval(drawn, float(right.mean()), Size.of(strata, groups), 0, 1)
            assert ends is not None
            covered[way] += ends[0] <= 0.8 <= ends[1]
    assert covered["groups"] / 200 >= 0.91
    assert covered["rows"] / 200 <= 0.85
