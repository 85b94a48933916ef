"""Copies among the pictures of a part, and splits of real pictures by what they show."""

import csv
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.data.copies import find_copies, unchained
from common.data.layouts import image_files
from common.data.lookalikes import Pair
from common.data.splits import hold_out, take_fold
from common.tasks.classification import Classification
from support import tiny

REAL = tiny.ROOT.parent / "shared" / "data"


def blotches(seed: int) -> np.ndarray:
    """A picture ``(64, 64, 3)`` uint8 that no other seed has."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (7, 7, 3)).astype(np.uint8)
    return cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC)


def test_copies_are_found_and_a_broken_picture_is_none(tmp_path: Path) -> None:
    pictures = [*map(blotches, range(30)), blotches(3), blotches(4)[2:, :-2], blotches(4)[:, ::-1]]
    pictures += [np.full((64, 64, 3), 200, np.uint8)] * 2  # of one colour: no copies
    paths = [tmp_path / f"{number}.png" for number in range(len(pictures) + 1)]
    for path, picture in zip(paths, pictures, strict=False):
        cv2.imwrite(str(path), picture)
    paths[-1].write_bytes(b"no picture")
    assert find_copies(image_files("train", paths, paths)) == [[3, 30], [4, 31, 32]]


def test_a_chain_of_lookalikes_is_not_one_group() -> None:
    chain = [Pair(n, n + 1, "near", 9, 0.971) for n in range(200)]
    copies = [Pair(500, 501, "near", 2, 0.995), Pair(500, 502, "exact")]
    assert unchained([*chain, *copies], 1000) == [[500, 501, 502]]
    assert len(unchained([*chain, *copies], 20_000)) == 2  # few among so many
    same = [Pair(0, n, "exact") for n in range(1, 100)]  # black frames, for example
    assert unchained([*same, *chain], 1000) == [list(range(100))]
    assert unchained([], 1000) == []


def xrays() -> tuple[list[Path], list[str], list[str]]:
    """By patient: ``person12_bacteria_47.jpeg``, ``NORMAL2-IM-0482-0001.jpeg``."""
    paths = sorted((REAL / "chest-xray-pneumonia/chest_xray/train").glob("*/*.jpeg"))
    patients = [re.match(r"person\d+|(NORMAL2-)?IM-\d+", path.name) for path in paths]
    return paths, [path.parent.name for path in paths], [found[0] for found in patients if found]


def paintings() -> tuple[list[Path], list[str], list[str]]:
    """By artist; the classes are made up: no artist has paintings in two parts."""
    with open(REAL / "painter-by-numbers/train_info.csv", newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    paths = [REAL / "painter-by-numbers/train" / row["filename"] for row in rows]
    return paths, [str(len(row["title"]) % 3) for row in rows], [row["artist"] for row in rows]


def faces() -> tuple[list[Path], list[str], list[str]]:
    """By person, of a class of those with many pictures and one of the others."""
    paths = sorted((REAL / "lfw-dataset").glob("**/*.jpg"))[:2000]
    people = [path.parent.name for path in paths]
    return paths, ["many" if people.count(name) > 4 else "few" for name in people], people


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the real pictures are not here")
@pytest.mark.parametrize(
    ("read", "groups", "copies"), [(xrays, 1203, 14), (paintings, 30, 20), (faces, 1224, 2)]
)
def test_no_group_of_real_pictures_stands_on_both_sides(
    read: Callable[[], tuple[list[Path], list[str], list[str]]], groups: int, copies: int
) -> None:
    paths, labels, names = read()
    task = Classification(tuple(sorted(set(labels))))
    whole = image_files("train", paths, [path.name for path in paths], task.encode(labels))
    assert len(set(names)) == groups
    train, validation = hold_out(replace(whole, groups=np.array(names)), task)
    said = f"{groups:,} groups kept together, {copies} pictures kept with their copies, seed 0"
    assert said in validation.split
    folds = [(train, validation), *(take_fold(train, validation, task, 5, n, 1) for n in range(5))]
    for others, part in folds:
        assert others.groups is not None
        assert part.groups is not None
        assert not {*others.groups.tolist()} & {*part.groups.tolist()}
        assert sorted([*others.ids, *part.ids]) == sorted(whole.ids)
        share = np.bincount(part.labels) / np.bincount(whole.labels)
        assert np.all(np.abs(share - 0.2) < 0.04)
    assert sum(len(part) for _, part in folds[1:]) == len(whole)
