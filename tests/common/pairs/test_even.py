"""Pairs of each group: half of one class, evenly over groups, none twice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.pairs.even import draw_even_pairs

PICTURES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), min_size=2, max_size=60)


@given(PICTURES, st.integers(1, 500), st.integers(0, 9))
@settings(deadline=None, max_examples=100)
def test_pairs_are_within_groups_half_of_one_class_and_none_comes_twice(
    pictures: list[tuple[str, int]], number: int, seed: int
) -> None:
    groups = np.array([group for group, _ in pictures])
    labels = np.array([ord(group) * 10 + label for group, label in pictures])
    try:
        rows, same = draw_even_pairs(labels, groups, number, seed)
    except UserError:
        for name in "abc":
            counts = np.unique(labels[groups == name], return_counts=True)[1]
            assert len(counts) < 2 or counts.max() == 1
        return
    assert (groups[rows[:, 0]] == groups[rows[:, 1]]).all()
    assert (same == (labels[rows[:, 0]] == labels[rows[:, 1]])).all()
    assert len({frozenset(pair) for pair in rows.tolist()}) == len(rows)
    assert (rows[:, 0] != rows[:, 1]).all()
    known = len(np.unique(groups))
    for name in np.unique(groups):
        kinds = same[groups[rows[:, 0]] == name]
        assert 2 * kinds.sum() == len(kinds) <= max(2, number // known)
    again = draw_even_pairs(labels, groups, number, seed)
    assert (again[0] == rows).all()


def test_large_groups_do_not_prevail_and_small_ones_give_what_they_have() -> None:
    groups = np.repeat(["large", "small"], [200, 6])
    labels = np.concatenate([np.arange(200) // 10, 20 + np.arange(6) // 2])
    rows, same = draw_even_pairs(labels, groups, 400)
    large = groups[rows[:, 0]] == "large"
    assert np.count_nonzero(large) == 200
    assert np.count_nonzero(~large) == 6  # three of one class are all there are, three of two
    assert same[large].sum() == 100


def test_one_class_a_group_or_one_picture_a_class_is_one_line() -> None:
    with pytest.raises(UserError, match="two pictures of a class, and two classes of a group"):
        draw_even_pairs(np.array([0, 0, 1, 1]), np.array(["a", "a", "b", "b"]), 10)
    with pytest.raises(UserError, match="4 pictures of 1 groups make no pair"):
        draw_even_pairs(np.arange(4), np.array(["a"] * 4), 10)
