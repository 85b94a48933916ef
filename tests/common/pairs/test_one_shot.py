"""One-shot trials: Lake's rules for any drawings; what is right, with ties and intervals."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.pairs.one_shot import Run, draw_runs, one_shot_facts, right
from common.pairs.pixels import BASELINES

DRAWINGS = st.sets(
    st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.sampled_from("xyz")), min_size=1
)


def all_of(groups: int, classes: int, hands: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every class of every group by every hand: labels, groups, hands."""
    group, label, hand = np.indices((groups, classes, hands)).reshape(3, -1)
    return group * classes + label, np.char.mod("g%d", group), np.char.mod("h%d", hand)


def both_have_two(drawings: set[tuple[str, int, str]], group: str, one: str, other: str) -> bool:
    by_hand = [{c for g, c, h in drawings if (g, h) == (group, hand)} for hand in (one, other)]
    return one != other and len(by_hand[0] & by_hand[1]) > 1


@given(DRAWINGS, st.integers(1, 8), st.integers(2, 6), st.integers(0, 9))
@settings(deadline=None, max_examples=150)
def test_a_run_has_two_hands_of_one_group_and_each_class_once(
    drawings: set[tuple[str, int, str]], number: int, ways: int, seed: int
) -> None:
    groups, classes, hands = (np.array(column) for column in zip(*sorted(drawings), strict=True))
    labels = np.array([ord(one) * 10 for one in groups]) + classes
    try:
        runs = draw_runs(labels, groups, hands, number, ways, seed)
    except UserError:
        assert not any(both_have_two(drawings, *which) for which in product("ab", "xyz", "xyz"))
        return
    assert 1 <= len(runs) <= number
    met = set()
    for run in runs:
        both = np.concatenate([run.support, run.queries])
        assert set(groups[both].tolist()) == {run.group}
        assert (labels[run.support] == labels[run.queries]).all()
        assert len(set(labels[run.support].tolist())) == len(run.support) <= ways
        [one], [other] = set(hands[run.support].tolist()), set(hands[run.queries].tolist())
        assert one != other
        met.add((run.group, *sorted((one, other))))
    assert len(met) == len(runs)


def test_twenty_runs_of_ten_alphabets_are_two_of_each_and_four_hundred_trials() -> None:
    labels, groups, hands = all_of(10, 26, 4)
    runs = draw_runs(labels, groups, hands, 20)
    assert sorted(run.group for run in runs) == sorted([f"g{n}" for n in range(10)] * 2)
    assert sum(len(run.queries) for run in runs) == 400
    other = draw_runs(labels, groups, hands, 20, seed=1)
    assert any((a.support != b.support).any() for a, b in zip(runs, other, strict=True))


def test_fewer_classes_than_ways_are_all_taken_and_fewer_hands_make_fewer_runs() -> None:
    labels, groups, hands = all_of(1, 7, 3)
    runs = draw_runs(labels, groups, hands, 20)
    assert [len(run.support) for run in runs] == [7, 7, 7]


def test_one_hand_alone_is_one_line() -> None:
    with pytest.raises(UserError, match="no two classes that two hands have drawn"):
        draw_runs(*all_of(2, 5, 1), 20)


@given(st.integers(2, 20), st.integers(0, 99))
def test_right_answers_are_the_diagonal_and_ties_are_shared(ways: int, seed: int) -> None:
    assert right(np.eye(ways)).tolist() == [1] * ways
    assert right(np.zeros((ways, ways))).sum() == pytest.approx(1)  # as by chance
    scores = np.random.default_rng(seed).integers(0, 3, (ways, ways))
    rows = np.arange(ways)
    order = np.random.default_rng(seed).permutation(ways)
    assert right(scores[order][:, order]).tolist() == right(scores)[order].tolist()
    assert (right(np.where(np.eye(ways, dtype=bool), 9, scores)) == 1).all()
    assert (right(np.where(np.eye(ways, dtype=bool), -9, scores)) == 0)[rows].all()


def test_facts_have_accuracy_intervals_by_run_and_gains_on_the_same_trials() -> None:
    runs = [Run(f"g{n % 2}", np.arange(4), np.arange(4)) for n in range(10)]
    generator = np.random.default_rng(0)
    hits = [np.full(4, float(generator.random() < 0.6)) for _ in runs]  # runs differ, trials do not
    alone = [np.array([0.0, 0, 0, 1]) for _ in runs]
    facts = one_shot_facts(runs, {"twin": hits, "pixels": alone})
    assert (facts["n"], facts["runs"], facts["ways"], facts["groups"]) == (40, 10, [4], 2)
    share = float(np.mean([one[0] for one in hits]))
    assert facts["accuracy"] == {"twin": pytest.approx(share), "pixels": 0.25}
    low, high = facts["intervals"]["twin"]
    assert low < share < high
    assert high - low > 0.4  # as of ten runs; forty trials by themselves would have 0.3
    [gain] = facts["gains"]
    assert gain["over"] == "pixels"
    assert gain["difference"] == pytest.approx(share - 0.25)


def drawn(points: list[tuple[int, int]]) -> np.ndarray:
    picture = np.full((16, 16, 3), 255, np.uint8)
    for row, column in points:
        picture[row, column] = 0
    return picture


def test_baselines_find_the_same_drawing_and_the_distance_of_ink_does_not_mind_where_it_is() -> (
    None
):
    bar, corner = [(n, 3) for n in range(3, 9)], [(3, n) for n in range(3, 9)] + [(4, 3), (5, 3)]
    support = np.stack([drawn(bar), drawn(corner)])
    for score in BASELINES.values():
        assert right(score(support, support)).tolist() == [1, 1]
        assert score(support, support).diagonal().tolist() == [0, 0]
    moved = np.stack([drawn([(r + 6, c + 6) for r, c in shape]) for shape in (bar, corner)])
    scores = BASELINES["modified Hausdorff distance"](moved, support)
    assert scores.diagonal() == pytest.approx([0, 0])
    assert np.isfinite(BASELINES["modified Hausdorff distance"](moved, drawn([])[None])).all()


def test_the_distance_of_ink_is_the_larger_mean_of_both_ways() -> None:
    two, three = drawn([(4, 4), (4, 8)]), drawn([(4, 4), (4, 6), (4, 8)])
    scores = BASELINES["modified Hausdorff distance"](two[None], three[None])
    assert scores.tolist() == [[pytest.approx(-2 / 3)]]  # 0 one way, one of three 2 the other
