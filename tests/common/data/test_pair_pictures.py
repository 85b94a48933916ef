"""Pairs of pictures as rows: split by person, read, augmented and shown as two pictures."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.data.augment import augment, view
from common.data.batches import Training, evaluation_batches, one_hot
from common.data.layouts import LabelledPairs, folder_per_class, pair_records
from common.data.pair_pictures import PairPictures, open_records, rows_of_pairs
from common.data.pictures import Pictures
from common.data.records import FILE, Records, join
from common.data.splits import hold_out
from common.errors import UserError
from common.files.thumbnails import load_thumbnails, write_thumbnails
from common.recipes.twin import TwinRecipe
from common.tasks.verification import Verification

PEOPLE, EACH = ("ann", "bob", "cid", "dan"), 2
SHADES = {(who, n): 60 * row + 20 * n + 15 for row, who in enumerate(PEOPLE) for n in range(EACH)}
TASK = Verification()
RECIPE = TwinRecipe(image_size=65, crop_margin=3, horizontal_flip=0.5, colour_jitter=0.5)


def faces(root: Path) -> Records:
    """Two pictures of each person, each of one shade, the left half darker."""
    for (who, number), shade in SHADES.items():
        picture = np.full((70, 72, 3), shade, np.uint8)
        picture[:, :30] //= 2
        path = root / who / f"{who}_{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture)
    return folder_per_class("faces", root)


@pytest.fixture
def pairs(tmp_path: Path) -> Records:
    pictures = faces(tmp_path)
    row = {one.rpartition("/")[2].removesuffix(".png"): n for n, one in enumerate(pictures.ids)}
    listed = ("ann_0000 ann_0001", "bob_0000 ann_0000", "cid_0001 cid_0000", "dan_0000 dan_0001")
    rows = np.array([[row[one] for one in pair.split()] for pair in listed])
    names = np.array([[one[:3] for one in pair.split()] for pair in listed])
    same = (names[:, 0] == names[:, 1]).astype(np.int64)
    return pair_records("train", pictures, LabelledPairs(rows, same, names))


def shade(picture: np.ndarray) -> int:
    return int(picture[..., -8:, 0].mean().round())


def test_a_row_is_a_pair_with_its_people_and_one_group_for_all_who_are_connected(
    pairs: Records,
) -> None:
    assert pairs.ids.tolist()[:2] == ["ann_0000 | ann_0001", "bob_0000 | ann_0000"]
    assert pairs.labels.tolist() == [1, 0, 1, 1]
    assert pairs.groups.tolist() == ["ann", "ann", "cid", "dan"]
    assert pairs.columns["second"].tolist() == ["ann", "ann", "cid", "dan"]
    both = join("both", pairs.take(np.array([3, 1])), pairs.take(np.array([2])))
    shown = PairPictures(both, 16)
    assert [[shade(one) for one in shown[row]] for row in range(3)] == [
        [SHADES["dan", 0], SHADES["dan", 1]],
        [SHADES["bob", 0], SHADES["ann", 0]],
        [SHADES["cid", 1], SHADES["cid", 0]],
    ]


@given(
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), min_size=4, max_size=40), st.data()
)
def test_nobody_is_on_two_sides_of_a_split(
    rows: list[tuple[int, int]], data: st.DataObject
) -> None:
    names = np.char.add("p", np.arange(40).astype(str))
    chosen = {tuple(sorted(row)): row for row in rows if row[0] != row[1]}
    if len(chosen) < 4:
        return
    places = np.array([(0, 0, length, FILE) for length in range(40)])  # of other lengths: not read
    pictures = Records("x", (Path("x"),), names, None, places)
    people = np.array([f"person{row // 2}" for row in range(40)])[np.array([*chosen.values()])]
    same = (people[:, 0] == people[:, 1]).astype(np.int64)
    found = pair_records("x", pictures, LabelledPairs(np.array([*chosen.values()]), same, people))
    if len(set(found.groups.tolist())) < 2:
        return
    seed = data.draw(st.integers(0, 3))
    try:
        train, validation = hold_out(found, TASK, 0.3, seed)
    except UserError:  # each kind of pair is one group
        return
    sides = [{*part.columns["first"], *part.columns["second"]} for part in (train, validation)]
    assert not sides[0] & sides[1]
    assert len(train) + len(validation) == len(found)


@pytest.mark.parametrize("cache", ["none", "memory"])
def test_both_pictures_of_a_pair_are_in_a_batch_and_change_by_themselves(
    pairs: Records, cache: str
) -> None:
    part = open_records(pairs, 68, cache)
    assert part.check_headers(9.0) == part.decode_all() == 4
    found = list(evaluation_batches(part, RECIPE, TASK.targets, 3))
    assert [pictures.shape for pictures, _, _ in found] == [(3, 2, 65, 65, 3)] * 2
    for row in range(4):
        own = [[*map(shade, found[row // 3][0][row % 3])], [*map(shade, part[row])]]
        assert own[0] == own[1]
    assert np.concatenate([targets for _, targets, _ in found])[:4, 0].tolist() == [1, 0, 1, 1]
    (learnt,) = Training([part], RECIPE, TASK.targets, 4, 0).batches(range(1))
    flipped = learnt[0][:, :, :, 5, 0].mean(axis=-1) > learnt[0][:, :, :, -5, 0].mean(axis=-1)
    assert len({tuple(pair) for pair in flipped.tolist()}) > 1
    assert np.array_equal(view(part[0], 1, 65)[1], view(part[0][1], 1, 65))
    again = augment(part[0], np.random.default_rng(1), RECIPE)
    assert np.array_equal(again, augment(part[0], np.random.default_rng(1), RECIPE))


def test_a_picture_in_many_pairs_is_read_and_kept_once(pairs: Records) -> None:
    part = PairPictures(pairs, 16, "memory")
    assert (len(part), len(part.single)) == (4, 7)  # the first of ann is in two pairs
    assert part.rows.shape == (4, 2)
    empty = PairPictures(pairs.take(np.zeros(0, np.int64)), 16)
    assert (len(empty), empty.decode_all(), empty.check_headers(1.0)) == (0, 0, 0)


def test_single_pictures_are_read_as_before(tmp_path: Path) -> None:
    part = open_records(faces(tmp_path), 68)
    assert type(part) is Pictures
    (batch, _, _), *_ = evaluation_batches(part, RECIPE, lambda n: one_hot(n, 4), 8)
    assert batch.shape == (8, 65, 65, 3)


def test_a_broken_second_picture_is_named(pairs: Records, tmp_path: Path) -> None:
    path = tmp_path / "ann" / "ann_0000.png"
    path.write_bytes(path.read_bytes()[:100])
    part = open_records(pairs, 68)
    with pytest.raises(UserError, match="ann_0000.png has no readable picture"):
        part[1]
    assert part.fault is not None
    with pytest.raises(UserError, match="ann_0000.png"):
        part.decode_all()


def test_a_thumbnail_shows_both_side_by_side(pairs: Records, tmp_path: Path) -> None:
    write_thumbnails(tmp_path, open_records(pairs, 68))
    found = load_thumbnails(tmp_path)
    jpeg = np.frombuffer(found["bob_0000 | ann_0000"], np.uint8)
    shown = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    assert shown.shape == (64, 128, 3)
    assert abs(shade(shown[:, :64]) - SHADES["bob", 0]) < 3
    assert abs(shade(shown) - SHADES["ann", 0]) < 3
    assert open_records(pairs, 68).shown(1).shape == (70, 144, 3)


def test_the_pictures_of_pairs_are_found_among_others(pairs: Records, tmp_path: Path) -> None:
    pictures = folder_per_class("faces", tmp_path)
    pictures = pictures.take(np.arange(len(pictures))[::-1])
    rows = rows_of_pairs(pairs, pictures)
    found = [[shade(Pictures(pictures, 70)[row]) for row in pair] for pair in rows.tolist()]
    assert found == [[shade(one) for one in PairPictures(pairs, 70)[row]] for row in range(4)]
    with pytest.raises(KeyError):
        rows_of_pairs(pairs, pictures.take(rows[1:].reshape(-1)))
