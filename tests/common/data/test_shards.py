"""Shards: what is read back, what is kept of an earlier run, and what is made anew."""

import json
import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

from common.data.images import PictureError, square_jpeg
from common.data.pictures import Pictures
from common.data.shards import Broken, Item, Layout, serialized, write_shards
from common.data.tfrecords import first_fault, read_records
from common.errors import UserError
from common.kernel import OutOfTimeError
from support import flowers

SIDE = 16
LAYOUT = Layout(SIDE, shard_size=4, threads=3, settings={"quality": 90})
ITEMS = [Item(f"{n}.jpg", n % 3, 100 + n) for n in range(10)]


def jpeg(name: str) -> bytes:
    """A picture whose first channel is its number's tenfold."""
    import cv2

    number = int(name.partition(".")[0])
    colour = np.full((20, 30, 3), (90, 90, number * 10), np.uint8)
    return square_jpeg(cv2.imencode(".png", colour)[1].tobytes(), SIDE, 95)


def flaky(name: str) -> bytes:
    if name in ("1.jpg", "8.jpg"):
        raise PictureError(f"cut short: {name}")
    return jpeg(name)


class Counted:
    """Makes pictures, remembers which, and dies at one of them."""

    def __init__(self, make: Callable[[str], bytes] = jpeg, dies_at: str = ""):
        self.names: list[str] = []
        self._make, self._dies_at = make, dies_at

    def __call__(self, name: str) -> bytes:
        self.names.append(name)
        if name == self._dies_at:
            raise KeyboardInterrupt
        return self._make(name)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_shards_hold_every_picture_in_order(tmp_path: Path) -> None:
    assert write_shards(tmp_path / "train", ITEMS, jpeg, LAYOUT) == ()
    names = [path.name for path in sorted((tmp_path / "train").glob("*.tfrec"))]
    assert names == ["00-16x16-4.tfrec", "01-16x16-4.tfrec", "02-16x16-2.tfrec"]
    records = read_records(tmp_path / "train", labelled=True, classes=3)
    assert records.ids.tolist() == [item.id for item in ITEMS]
    assert records.labels is not None
    assert records.labels.tolist() == [item.label for item in ITEMS]
    pictures = Pictures(records, SIDE)
    assert [round(pictures[row][..., 0].mean() / 10) for row in range(10)] == list(range(10))


def test_a_part_without_labels_has_none(tmp_path: Path) -> None:
    write_shards(tmp_path / "test", [Item("3.jpg", None, 5)], jpeg, LAYOUT)
    path = next((tmp_path / "test").glob("*.tfrec"))
    assert first_fault(path) == ""
    assert "no readable feature 'class'" in first_fault(path, ("class",))


def test_a_record_is_what_tensorflow_writes() -> None:
    content = jpeg("5.jpg")
    from tensorflow.train import Example

    ours, theirs = serialized(Item("5.jpg", 2, 9), content), flowers.example("5.jpg", 2, content)
    assert Example.FromString(ours) == Example.FromString(theirs)


def test_what_cannot_be_read_is_listed_and_left_out(tmp_path: Path) -> None:
    broken = write_shards(tmp_path / "val", ITEMS, flaky, LAYOUT)
    assert broken == (
        Broken("1.jpg", "val", "cut short: 1.jpg"),
        Broken("8.jpg", "val", "cut short: 8.jpg"),
    )
    records = read_records(tmp_path / "val", labelled=True, classes=3)
    assert records.ids.tolist() == [f"{n}.jpg" for n in (0, 2, 3, 4, 5, 6, 7, 9)]
    assert write_shards(tmp_path / "val", ITEMS, Counted(flaky), LAYOUT) == broken


def test_a_shard_without_any_picture_is_no_file(tmp_path: Path) -> None:
    layout = Layout(SIDE, 1, 1)
    broken = write_shards(tmp_path / "val", ITEMS, flaky, layout)
    assert len(broken) == 2
    assert len(read_records(tmp_path / "val", labelled=True, classes=3)) == 8
    again = Counted(flaky)
    assert write_shards(tmp_path / "val", ITEMS, again, layout) == broken
    assert again.names == []


def test_a_part_without_any_picture_is_refused(tmp_path: Path) -> None:
    def none(name: str) -> bytes:
        raise PictureError("no picture: the file is empty")

    with pytest.raises(UserError, match="no picture of val could be read; the first, 0.jpg: no pi"):
        write_shards(tmp_path / "val", ITEMS, none, LAYOUT)


@pytest.mark.parametrize("dies_at", ["0.jpg", "5.jpg", "9.jpg"])
def test_ended_in_the_middle_and_started_again_it_goes_on(tmp_path: Path, dies_at: str) -> None:
    write_shards(tmp_path / "whole" / "train", ITEMS, flaky, LAYOUT)
    folder = tmp_path / "train"
    with pytest.raises(KeyboardInterrupt):
        write_shards(folder, ITEMS, Counted(flaky, dies_at), LAYOUT)
    done = len(list(folder.glob("*.tfrec")))
    assert done == int(dies_at[0]) // 4
    again = Counted(flaky)
    write_shards(folder, ITEMS, again, LAYOUT)
    assert sorted(again.names) == sorted(item.id for item in ITEMS[4 * done :])
    assert contents(folder) == contents(tmp_path / "whole" / "train")


@pytest.mark.parametrize("number_of_threads", [1, 7])
def test_threads_change_nothing(tmp_path: Path, number_of_threads: int) -> None:
    write_shards(tmp_path / "a" / "train", ITEMS, flaky, LAYOUT)
    other = Layout(SIDE, 4, number_of_threads, {"quality": 90})
    write_shards(tmp_path / "b" / "train", ITEMS, flaky, other)
    assert contents(tmp_path / "a" / "train") == contents(tmp_path / "b" / "train")


def test_only_what_changed_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    write_shards(folder, ITEMS, jpeg, LAYOUT)
    first = contents(folder)
    (folder / "01-16x16-4.tfrec").write_bytes(first["01-16x16-4.tfrec"][:-9])  # damaged
    again = Counted()
    write_shards(folder, ITEMS, again, LAYOUT)
    assert sorted(again.names) == ["4.jpg", "5.jpg", "6.jpg", "7.jpg"]
    assert contents(folder) == first
    (folder / "02.json").unlink()  # as if killed between the two
    again = Counted()
    other = [*ITEMS[:2], Item("2.jpg", 2, 999), *ITEMS[3:]]  # another file of the same name
    write_shards(folder, other, again, LAYOUT)
    assert sorted(again.names) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg", "8.jpg", "9.jpg"]


@pytest.mark.parametrize(
    "layout", [Layout(SIDE, 4, 1, {"quality": 80}), Layout(SIDE, 6, 1), Layout(24, 4, 1)]
)
def test_other_settings_start_anew_and_leave_nothing_behind(tmp_path: Path, layout: Layout) -> None:
    folder = tmp_path / "train"
    write_shards(folder, ITEMS, jpeg, LAYOUT)
    foreign = [folder / name for name in ("7.jpg", "notes.json", "00-192x192.tfrec")]
    for path in foreign:
        path.write_text("someone else's")
    again = Counted()
    write_shards(folder, ITEMS, again, layout)
    assert len(again.names) == len(ITEMS)
    assert all(path.read_text() == "someone else's" for path in foreign)
    foreign[2].unlink()
    assert len(read_records(folder, labelled=True, classes=3)) == len(ITEMS)
    write_shards(tmp_path / "new" / "train", ITEMS, jpeg, layout)
    assert {"7.jpg", "notes.json"} == contents(folder).keys() - contents(
        tmp_path / "new" / "train"
    ).keys()


def test_a_note_that_is_no_note_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    write_shards(folder, ITEMS, jpeg, LAYOUT)
    first = contents(folder)
    for number, text in enumerate(("", "[1]", json.dumps({"key": 3}))):
        (folder / f"{number:02d}.json").write_text(text)
    write_shards(folder, ITEMS, jpeg, LAYOUT)
    assert contents(folder) == first


def test_out_of_time_it_stops_between_two_shards(tmp_path: Path) -> None:
    answers = iter((True, True, False))
    folder = tmp_path / "train"
    with pytest.raises(OutOfTimeError, match="train 2/3"):
        write_shards(folder, ITEMS, jpeg, LAYOUT, lambda seconds: next(answers))
    assert len(list(folder.glob("*.tfrec"))) == 2
    again = Counted()
    write_shards(folder, ITEMS, again, LAYOUT)
    assert sorted(again.names) == ["8.jpg", "9.jpg"]
