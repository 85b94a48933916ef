"""Splits of labelled rows: fair, by group, and as they were."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.data.records import Records, join
from common.data.splits import stratified_folds
from common.errors import UserError


def records(labels: list[int], groups: list[str] | None, name: str = "train") -> Records:
    """Records of pictures that no file has."""
    rows = np.arange(len(labels))
    ids = np.array([f"{name}{row}" for row in rows])
    places = np.stack([rows, 0 * rows, 0 * rows], axis=1)
    files = tuple(Path(i) for i in ids)
    named = None if groups is None else np.array(groups)
    return Records(name, files, ids, np.array(labels), places, True, named)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=2, max_size=80), st.data())
def test_a_split_is_fair(drawn: list[int], data: st.DataObject) -> None:
    labels = np.array(drawn)
    folds = data.draw(st.integers(2, min(len(labels), 12)))
    seed = data.draw(st.integers(0, 2**32 - 1))
    parts = stratified_folds(labels, folds, seed)
    assert parts.shape == (len(labels),)
    sizes = np.bincount(parts, minlength=folds)
    assert sizes.max() - sizes.min() <= 1  # no part is empty
    if np.bincount(labels).max() >= folds:  # else no class has a row for each fold
        for label in set(drawn):
            counts = np.bincount(parts[labels == label], minlength=folds)
            assert counts.max() - counts.min() <= 1


def test_a_split_depends_on_the_seed_and_stays_as_it_is() -> None:
    labels = np.arange(40) % 4
    assert not np.array_equal(stratified_folds(labels, 5, 1), stratified_folds(labels, 5, 2))
    # Every fold's kernel must make the same split, on whatever image: this one, for ever.
    assert stratified_folds(np.arange(9) % 3, 3, 0).tolist() == [2, 2, 0, 1, 0, 2, 0, 1, 1]


@pytest.mark.parametrize("folds", [0, 1, 4])
def test_what_cannot_be_split_is_refused(folds: int) -> None:
    with pytest.raises(UserError, match=f"3 labelled rows cannot be split into {folds} folds"):
        stratified_folds(np.zeros(3, int), folds, 0)


def test_groups_go_where_their_pictures_go() -> None:
    grouped, alone = records([0, 1, 1], ["a", "b", "long"]), records([1, 0], None, "val")
    assert list(join("all", grouped, alone).take(np.array([4, 2, 0])).groups) == ["", "long", "a"]
    assert list(join("all", alone, grouped).groups) == ["", "", "a", "b", "long"]
    assert join("all", alone, alone).take(np.array([0])).groups is None
