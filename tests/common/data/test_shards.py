"""Shards: what is read back, what is kept of an earlier run, and what is made again."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2
import numpy as np
import pytest

from common.data.images import PictureError, encode_square
from common.data.pictures import Pictures
from common.data.shards import Broken, Item, write_shards
from common.data.tfrecords import read_records
from common.errors import UserError
from common.kernel import OutOfTimeError

SIDE = 16
ITEMS = [Item(f"{n}.jpg", n % 3, 100 + n) for n in range(10)]
BROKEN = [Broken("1.jpg", "train", "cut: 1.jpg"), Broken("8.jpg", "train", "cut: 8.jpg")]


def jpeg(name: str) -> bytes:
    """A picture whose first channel is its number's tenfold; two are broken."""
    if name in ("1.jpg", "8.jpg"):
        raise PictureError(f"cut: {name}")
    number = int(name.partition(".")[0])
    colour = np.full((20, 30, 3), (90, 90, number * 10), np.uint8)
    return encode_square(cv2.imencode(".png", colour)[1].tobytes(), SIDE, 95)


class Counted(list):
    """Makes pictures, remembers which, and dies at one of them."""

    def __init__(self, dies_at: str = ""):
        self._dies_at = dies_at

    def __call__(self, name: str) -> bytes:
        self.append(name)
        if name == self._dies_at:
            raise KeyboardInterrupt
        return jpeg(name)


def write(
    folder: Path,
    items: Sequence[Item] = ITEMS,
    make: Callable[[str], bytes] = jpeg,
    **changes: Any,
) -> list[Broken]:
    how = {"side": SIDE, "shard_size": 4, "threads": 3, "settings": ("quality=90",), **changes}
    return write_shards(folder, items, make, **how)


def remade(folder: Path, items: Sequence[Item] = ITEMS, **changes: Any) -> list[str]:
    """Which pictures are made when it is written again."""
    make = Counted()
    assert write(folder, items, make, **changes) == BROKEN
    return sorted(make)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Shards as they are written without any trouble."""
    assert write(tmp_path / "train") == BROKEN
    return tmp_path / "train"


def test_shards_have_every_readable_picture_in_order(folder: Path) -> None:
    names = [path.name for path in sorted(folder.glob("*.tfrec"))]
    assert names == ["00-16x16-3.tfrec", "01-16x16-4.tfrec", "02-16x16-1.tfrec"]
    records = read_records(folder, labelled=True, classes=3)
    numbers = [0, 2, 3, 4, 5, 6, 7, 9]
    assert records.ids.tolist() == [f"{n}.jpg" for n in numbers]
    assert records.labels is not None
    assert records.labels.tolist() == [n % 3 for n in numbers]
    pictures = Pictures(records, SIDE)
    assert [round(pictures[row][..., 0].mean() / 10) for row in range(8)] == numbers
    assert remade(folder) == []


def test_a_part_without_labels_has_none(tmp_path: Path) -> None:
    write(tmp_path / "test", [Item("3.jpg", None, 5)])
    assert read_records(tmp_path / "test", False, 0).ids.tolist() == ["3.jpg"]
    with pytest.raises(UserError, match="has no feature 'class'"):
        read_records(tmp_path / "test", True, 3)


def test_a_shard_without_any_picture_is_no_file(tmp_path: Path) -> None:
    assert write(tmp_path / "train", shard_size=1) == BROKEN
    assert len(read_records(tmp_path / "train", labelled=True, classes=3)) == 8
    assert remade(tmp_path / "train", shard_size=1) == []
    with pytest.raises(UserError, match="no picture of val could be read; the first, 1.jpg: cut"):
        write(tmp_path / "val", [ITEMS[1], ITEMS[8]])


@pytest.mark.parametrize("dies_at", ["0.jpg", "5.jpg", "9.jpg"])
def test_ended_in_the_middle_and_started_again_it_continues(
    folder: Path, tmp_path: Path, dies_at: str
) -> None:
    other = tmp_path / "other" / "train"
    with pytest.raises(KeyboardInterrupt):
        write(other, make=Counted(dies_at))
    done = len(list(other.glob("*.tfrec")))
    assert done == int(dies_at[0]) // 4
    assert remade(other, threads=7) == sorted(item.id for item in ITEMS[4 * done :])
    assert contents(other) == contents(folder)


def test_only_what_changed_is_made_again(folder: Path) -> None:
    first = contents(folder)
    (folder / "01-16x16-4.tfrec").write_bytes(first["01-16x16-4.tfrec"][:-9])  # damaged
    assert remade(folder) == ["4.jpg", "5.jpg", "6.jpg", "7.jpg"]
    assert contents(folder) == first
    (folder / "02.json").unlink()  # as if killed between the two
    other = [*ITEMS[:2], Item("2.jpg", 2, 999), *ITEMS[3:]]  # another file of the same name
    assert remade(folder, other) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg", "8.jpg", "9.jpg"]
    for number, text in enumerate(("", "[1]", json.dumps({"key": 3}))):
        (folder / f"{number:02d}.json").write_text(text)
    write(folder)
    assert contents(folder) == first


@pytest.mark.parametrize("changes", [{"settings": ("80",)}, {"shard_size": 6}, {"side": 24}])
def test_other_settings_start_anew_and_remove_only_our_files(
    folder: Path, tmp_path: Path, changes: dict
) -> None:
    foreign = [folder / name for name in ("7.jpg", "notes.json", "00-192x192.tfrec")]
    for path in foreign:
        path.write_text("someone else's")
    assert len(remade(folder, **changes)) == len(ITEMS)
    assert all(path.read_text() == "someone else's" for path in foreign)
    write(tmp_path / "new" / "train", **changes)
    foreign_names = {path.name for path in foreign}
    assert contents(folder).keys() - foreign_names == contents(tmp_path / "new" / "train").keys()


def test_out_of_time_it_stops_between_two_shards(tmp_path: Path) -> None:
    answers = iter((True, True, False))
    with pytest.raises(OutOfTimeError, match="train 2/3"):
        write(tmp_path / "train", has_time=lambda seconds: next(answers))
    assert len(list((tmp_path / "train").glob("*.tfrec"))) == 2
    assert remade(tmp_path / "train") == ["8.jpg", "9.jpg"]
