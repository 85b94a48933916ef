"""Splits of labelled rows: fair, by group, and as they were."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.data import splits
from common.data.dealing import stratified_folds
from common.data.records import FILE, Records, join
from common.data.split_table import write_split
from common.data.splits import (
    hold_out,
    join_labelled,
    one_fold,
    random_validation,
    split_anew,
)
from common.errors import UserError
from common.tasks.classification import Classification
from common.tasks.number import Number
from common.tasks.task import Task

TASK = Classification(("a", "b", "c"))


def records(labels: list[int], groups: list[str] | None, name: str = "train") -> Records:
    """Records of pictures that no file has."""
    rows = np.arange(len(labels))
    ids = np.array([f"{name}{row}" for row in rows])
    places = np.stack([rows, 0 * rows, 0 * rows, 0 * rows + FILE], axis=1)
    files = tuple(Path(i) for i in ids)
    named = None if groups is None else np.array(groups)
    return Records(name, files, ids, np.array(labels), places, named)


def take_fold(
    train: Records,
    validation: Records,
    task: Task,
    folds: int,
    fold: int,
    seed: int,
    near: bool = True,
) -> tuple[Records, Records]:
    """One fold of both together."""
    return one_fold(join_labelled(train, validation, near), task, folds, fold, seed)


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


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), min_size=4, max_size=60), st.data()
)
def test_a_group_is_in_one_fold_and_every_row_in_some(
    drawn: list[tuple[int, int]], data: st.DataObject
) -> None:
    labels, groups = np.array(drawn).T
    known = len(set(groups.tolist()))
    folds = data.draw(st.integers(2, 5))
    if known < folds:
        with pytest.raises(UserError, match=f"{known} groups of labelled rows cannot be split"):
            stratified_folds(labels, folds, 0, groups)
        return
    parts = stratified_folds(labels, folds, 0, groups)
    assert all(len(set(parts[groups == group].tolist())) == 1 for group in groups)
    assert set(parts.tolist()) <= set(range(folds))


def test_groups_are_dealt_out_evenly() -> None:
    random = np.random.default_rng(0)
    groups = random.integers(0, 300, 2000)  # patients, each sick or well
    labels = (random.random(300) < 0.3).astype(int)[groups]
    parts = stratified_folds(labels, 5, 0, groups)
    for label in (0, 1):
        counts = np.bincount(parts[labels == label], minlength=5)
        assert counts.max() - counts.min() <= 0.02 * counts.sum()
    assert not np.array_equal(parts, stratified_folds(labels, 5, 1, groups))


def test_a_group_that_is_larger_than_validation_is_trained_on() -> None:
    groups = np.where(np.arange(200) < 90, "one", np.arange(200).astype(str))
    labels = (np.arange(200) % 3).tolist()
    train, validation = hold_out(records(labels, groups.tolist()), TASK, near_duplicates=False)
    assert "one" in train.groups
    assert len(validation) == 22  # of five folds, one has that group besides


def test_a_split_says_how_it_was_made_and_is_dealt_out_again_by_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(splits, "find_copies", None)  # nobody looks, here or when folds are made
    groups = [f"g{row // 3}" if row < 30 else "" for row in range(60)]
    whole = records([row % 3 for row in range(60)], groups)
    train, validation = hold_out(whole, TASK, seed=3, near_duplicates=False)
    assert validation.split == (
        f"{len(validation)} of 60 pictures, stratified, 10 groups kept together, seed 3"
    )
    assert not train.split
    seen = []
    for fold in range(4):
        others, part = take_fold(train, validation, TASK, 4, fold, 7)
        assert part.split.startswith(f"{len(part)} of 60 pictures, fold {fold} of 4, stratified")
        assert not {*others.groups} & {*part.groups} - {""}
        seen += part.ids.tolist()
    assert sorted(seen) == sorted(whole.ids.tolist())


def test_folds_of_a_repeat_are_another_split() -> None:
    first, second = (records([row % 3 for row in range(30)], None, name) for name in "ab")
    splits = []
    for repeat in range(2):
        numbers = range(5 * repeat, 5 * repeat + 5)
        found = [take_fold(first, second, TASK, 5, n, 0)[1] for n in numbers]
        assert len({*np.concatenate([part.ids for part in found])}) == 60
        assert found[2].split.startswith(f"12 of 60 pictures, fold 2 of 5{' of split 2' * repeat},")
        splits.append(found)
    assert set(splits[0][0].ids) != set(splits[1][0].ids)


def test_pictures_of_one_name_in_two_parts_have_names_of_their_own() -> None:
    one, other = (records([row % 3 for row in range(9)], None, name) for name in ("train", "val"))
    ids = np.array([f"cat/{row}.jpg" for row in range(9)])
    one, other = replace(one, ids=ids), replace(other, ids=ids)
    train, validation = take_fold(one, other, TASK, 3, 0, 0, False)
    found = {*train.ids.tolist(), *validation.ids.tolist()}
    assert found == {f"{part}/{name}" for part in ("train", "val") for name in ids}
    with pytest.raises(UserError, match="train: the id cat/0.jpg comes 2 times: in .*train0: keep"):
        take_fold(one, replace(one, name="val"), TASK, 3, 0, 0)


def test_folds_look_for_copies_unless_they_are_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "find_copies", lambda records: [[0, 9, 17]])
    parts = [records([row % 3 for row in range(9)], None, name) for name in ("train", "val")]
    for near, copies in ((True, 3), (False, 0)):
        folds = [take_fold(*parts, TASK, 3, fold, 0, near)[1] for fold in range(3)]
        assert ("3 pictures kept with their copies" in folds[0].split) == near
        together = {"train0", "val0", "val8"}
        assert any(together <= {*fold.ids.tolist()} for fold in folds) == bool(copies)


def test_copies_join_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "find_copies", lambda records: [[1, 2, 5], [3, 4]])
    whole = records([0] * 8, ["a", "a", "b", "", "", "", "", "b"])
    joined, words = splits.keep_together(whole)
    assert list(joined.groups) == [*["a"] * 3, *["copies of train3"] * 2, "a", "", "a"]
    assert words == ", 2 groups kept together, 5 pictures kept with their copies"
    bare, words = splits.keep_together(records([0] * 6, None))
    assert list(bare.groups) == [
        "",
        *["copies of train1"] * 2,
        *["copies of train3"] * 2,
        "copies of train1",
    ]
    monkeypatch.setattr(splits, "MOST", 7)
    assert splits.keep_together(whole)[1].endswith("copies not looked for among 8 pictures")


def test_a_class_is_never_validated_alone() -> None:
    labels = [0] * 10 + [1] * 9 + [2]  # one picture of c
    for seed in range(10):
        train, _ = hold_out(records(labels, None), TASK, 0.5, seed, near_duplicates=False)
        assert 2 in train.labels
    groups = [*["c, and another"] * 3, *[""] * 17]
    labels = [2, 2, 0, *[0] * 8, *[1] * 9]
    for seed in range(10):
        train, _ = hold_out(records(labels, groups), TASK, 0.5, seed, near_duplicates=False)
        assert train.groups.tolist().count("c, and another") == 3
    people = [str(row % 3) for row in range(30)]
    with pytest.raises(UserError, match="train: no picture is left for .* each class is one group"):
        hold_out(records([row % 3 for row in range(30)], people), TASK, 0.5, 0, False)


@pytest.mark.parametrize("number", [2, 3, 6])
def test_fewer_groups_than_parts_are_as_many_parts(number: int) -> None:
    groups = [f"g{row % number}" for row in range(36)]
    whole = records([row // 12 for row in range(36)], groups)
    train, validation = hold_out(whole, TASK, 1 / 7, near_duplicates=False)
    assert len(validation) == 36 / number
    assert not {*train.groups.tolist()} & {*validation.groups.tolist()}
    with pytest.raises(UserError, match="1 groups of labelled rows cannot be split into 2 folds"):
        hold_out(whole.take(whole.groups == "g0"), TASK, 1 / 7, near_duplicates=False)


def test_a_split_is_written_down(tmp_path: Path) -> None:
    whole = records([0, 1, 2, 0], ["x", "", "y, z", "x"])
    train, validation = (whole.take(np.array(rows)) for rows in ([0, 3], [1, 2]))
    write_split(tmp_path, [(train, "train", ""), (validation, "val", "4")], TASK)
    assert (tmp_path / "split.csv").read_text().splitlines() == [
        "id,part,fold,group,label",
        "train0,train,,x,a",
        "train3,train,,x,a",
        "train1,val,4,,b",
        'train2,val,4,"y, z",c',
    ]


def test_numbers_are_split_by_group_too() -> None:
    whole = records([0] * 20, [f"g{row % 5}" for row in range(20)])
    number = Number(0, 1)
    values = np.linspace(0, 1, 20)
    train, validation = hold_out(replace(whole, labels=values), number, near_duplicates=False)
    assert len({*validation.groups}) == 1
    assert not {*train.groups} & {*validation.groups}


@pytest.mark.parametrize("share", [0, 1, -0.2, 20])
def test_a_share_is_a_part(share: float) -> None:
    with pytest.raises(UserError, match=f"share={share}: give .* such as 0.2: look at hold_out"):
        hold_out(records([0, 1, 0], None), TASK, share)


@pytest.mark.parametrize("folds", [0, 1, 4])
def test_what_cannot_be_split_is_refused(folds: int) -> None:
    with pytest.raises(UserError, match=f"3 labelled rows cannot be split into {folds} folds"):
        stratified_folds(np.zeros(3, int), folds, 0)


def test_groups_go_where_their_pictures_go() -> None:
    grouped, alone = records([0, 1, 1], ["a", "b", "long"]), records([1, 0], None, "val")
    assert list(join("all", grouped, alone).take(np.array([4, 2, 0])).groups) == ["", "long", "a"]
    assert list(join("all", alone, grouped).groups) == ["", "", "a", "b", "long"]
    assert join("all", alone, alone).take(np.array([0])).groups is None


def three(labels: list[int], groups: list[str] | None = None) -> list[Records]:
    """Train, a small validation, and test of a fifth."""
    whole, rows = records(labels, groups), np.arange(len(labels))
    parts = {"train": rows % 5 < 3, "val": rows % 5 == 3, "test": rows % 5 == 4}
    return [replace(whole.take(chosen), name=name) for name, chosen in parts.items()]


def test_the_published_random_split_has_the_published_sizes() -> None:
    task = Classification(("NORMAL", "PNEUMONIA"))
    parts = three([0] * 1583 + [1] * 4273)
    train, validation, test = split_anew(parts, task, "random", 0)
    assert [len(train), len(validation), len(test)] == [4099, 878, 879]
    assert np.bincount(test.labels).tolist() == [238, 641]
    assert [part.name for part in (train, validation, test)] == ["train", "val", "test"]
    words = "878 of 5,856 pictures, at random, stratified, seed 0; test are 879 more"
    assert (train.split, validation.split, test.split) == ("", words, words)
    found = [name for part in (train, validation, test) for name in part.ids.tolist()]
    assert sorted(found) == sorted(name for part in parts for name in part.ids.tolist())
    again, other = (split_anew(parts, task, "random", seed)[2].ids.tolist() for seed in (0, 1))
    assert again == test.ids.tolist() != other
    without_test = split_anew([*parts[:2], parts[2].take(np.array([], int))], task, "random", 0)
    assert sum(map(len, without_test)) == len(parts[0]) + len(parts[1])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(20, 60), st.integers(0, 99))
def test_a_split_by_group_has_no_group_twice(seed: int, people: int, draw: int) -> None:
    random = np.random.default_rng(draw)
    groups = random.integers(0, people, 400)
    labels = random.integers(0, 3, people)[groups].tolist()
    parts = three(labels, [f"p{group}" if group else "" for group in groups])
    split = split_anew(parts, TASK, "grouped", seed, near_duplicates=False)
    names = [{*part.groups.tolist()} - {""} for part in split]
    assert not names[0] & (names[1] | names[2])
    assert not names[1] & names[2]
    assert sum(map(len, split)) == 400
    for part, share in zip(split, (0.7, 0.15, 0.15), strict=True):
        assert len(part) / 400 == pytest.approx(share, abs=0.1)
    assert "by group, stratified, " in split[1].split
    at_random = split_anew(parts, TASK, "random", seed)
    assert {*at_random[0].groups.tolist()} & {*at_random[2].groups.tolist()} - {""}


def test_a_split_by_group_keeps_copies_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "find_copies", lambda records: [[0, 50, 99]])
    parts = three([row % 3 for row in range(100)])
    for seed in range(5):
        split = split_anew(parts, TASK, "grouped", seed)
        ids = np.concatenate([part.ids for part in parts])[[0, 50, 99]]
        assert sum(bool({*ids} & {*part.ids}) for part in split) == 1
        assert ", 3 pictures kept with their copies, seed" in split[2].split


def test_a_group_that_copies_gave_anothers_name_stays_one_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Copies join p0 and p1, p2 and p3, … before the split; test has pictures of all."""
    people = [f"p{row // 4}" for row in range(80)]
    whole = records([row % 3 for row in range(80)], people)
    labelled, test = whole.take(np.arange(80) % 4 < 3), whole.take(np.arange(80) % 4 == 3)
    copies = {60: [[row, row + 3] for row in range(0, 60, 6)]}  # of those that are not test's
    monkeypatch.setattr(splits, "find_copies", lambda records: copies.get(len(records), []))
    train, validation = hold_out(labelled, TASK)
    assert {*train.groups, *validation.groups} == {f"p{person}" for person in range(0, 20, 2)}
    for seed in range(5):
        split = split_anew([train, validation, replace(test, name="test")], TASK, "grouped", seed)
        parts = {name: n for n, part in enumerate(split) for name in part.ids.tolist()}
        for first in range(0, 80, 8):  # two people
            assert len({parts[name] for name in whole.ids[first : first + 8].tolist()}) == 1


def test_train_and_validation_alone_are_split_at_random() -> None:
    """As a publication does, which splits 2,200 pairs into 1,870 and 330."""
    people = [f"p{row // 3}" for row in range(2200)]
    whole = records([row % 2 for row in range(2200)], people)
    parts = whole.take(np.arange(1900)), replace(whole.take(np.arange(1900, 2200)), name="val")
    train, validation = random_validation(*parts, TASK, 0)
    assert (len(train), len(validation), validation.name) == (1870, 330, "val")
    assert np.bincount(validation.labels).tolist() == [165, 165]
    assert sorted([*train.ids, *validation.ids]) == sorted(whole.ids)
    own, both = {*validation.groups}, {*validation.groups} & {*train.groups}
    said = f"stratified, {len(both)} of its {len(own)} groups trained on, too, seed 0"
    assert validation.split.endswith(said)
    assert len(both) > 200
    assert random_validation(*parts, TASK, 1)[1].ids.tolist() != validation.ids.tolist()
    few = [one.take(np.arange(2)) for one in parts]
    with pytest.raises(UserError, match="split=random-validation: 4 pictures, 2 of one class, are"):
        random_validation(*few, TASK, 0)


def test_what_cannot_be_split_anew_is_one_line() -> None:
    parts = three([row % 3 for row in range(30)])
    unlabelled = [*parts[:2], replace(parts[2], labels=None)]
    with pytest.raises(UserError, match="split=random: test has no labels to be split: take given"):
        split_anew(unlabelled, TASK, "random", 0)
    few = three([0] * 9 + [1] * 9 + [2])
    said = "split=random: 19 pictures, 1 of one class, are too few for three parts"
    with pytest.raises(UserError, match=said):
        split_anew(few, TASK, "random", 0)
    people = [str(row % 4) for row in range(30)]
    with pytest.raises(UserError, match="split=grouped: 4 groups of labelled rows cannot be split"):
        split_anew(three([row % 3 for row in range(30)], people), TASK, "grouped", 0, False)
