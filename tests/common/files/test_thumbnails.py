"""``thumbnails.npz``: small validation pictures by id, and how a broken file is refused."""

from pathlib import Path

import numpy as np
import pytest

from common.data.pictures import Pictures
from common.data.tfrecords import read_records
from common.errors import UserError
from common.files import thumbnails
from common.files.thumbnails import NAME, load_thumbnails, save_thumbnails, write_thumbnails
from support import flowers

START = b"\xff\xd8"


def pictures(folder: Path, labels: list[int], side: int, cache: str) -> Pictures:
    flowers.shard(folder, labels)
    return Pictures(read_records(folder, True, 104), side + 6, cache)


def opened(jpeg: bytes) -> np.ndarray:
    import tensorflow as tf

    return tf.io.decode_jpeg(jpeg).numpy().astype(int)


@pytest.mark.parametrize(("side", "left"), [(24, 30), (96, 64)])
@pytest.mark.parametrize("cache", ["memory", "none"])
def test_each_picture_is_left_small_and_under_its_own_id(
    tmp_path: Path, side: int, left: int, cache: str
) -> None:
    labels = [0, 1, 2, 3]
    write_thumbnails(tmp_path, pictures(tmp_path / "data", labels, side, cache))
    found = load_thumbnails(tmp_path)
    assert list(found) == ["0-0", "0-1", "0-2", "0-3"]
    for label, jpeg in zip(labels, found.values(), strict=True):
        assert opened(jpeg).shape == (left, left, 3)
        assert np.abs(opened(jpeg)[..., 0] - label * 50).max() < 12


def test_of_too_many_pictures_every_kth_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "LIMIT", 3)
    write_thumbnails(tmp_path, pictures(tmp_path / "data", [0, 1, 2, 3, 4, 0, 1], 24, "memory"))
    found = load_thumbnails(tmp_path)
    assert list(found) == ["0-0", "0-3", "0-6"]
    assert np.abs(opened(found["0-3"])[..., 0] - 150).max() < 12


def test_some_are_left_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "LIMIT", 3)
    given = pictures(tmp_path / "data", [0, 1, 2, 3, 4, 0, 1], 24, "memory")
    write_thumbnails(tmp_path, given, [4, 3])
    found = load_thumbnails(tmp_path)
    assert list(found) == ["0-0", "0-3", "0-4", "0-6"]
    assert np.abs(opened(found["0-4"])[..., 0] - 200).max() < 12


def test_there_are_none_where_the_kernel_left_none(tmp_path: Path) -> None:
    assert load_thumbnails(tmp_path) == {}
    save_thumbnails(tmp_path, [], [])
    assert load_thumbnails(tmp_path) == {}


def spoil(folder: Path, **changes: object) -> None:
    save_thumbnails(folder, ["a", "b"], [START + b"one", START + b"two"])
    with np.load(folder / NAME) as arrays:
        kept = {**arrays, **changes}
    np.savez(folder / NAME, **{name: value for name, value in kept.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ends": np.array([5])}, "its ids, its ends and its bytes differ"),
        ({"ends": np.array([5, 11])}, "its ids, its ends and its bytes differ"),
        ({"ends": np.array([10, 5])}, "its ids, its ends and its bytes differ"),
        ({"ends": np.array([4, 10])}, "picture b is not a JPEG"),
        ({"jpeg": np.zeros(10, np.uint8)}, "picture a is not a JPEG"),
        ({"jpeg": np.zeros(10, np.float64)}, "cannot be read"),
        ({"ends": np.array(10)}, "cannot be read"),
        ({"ids": None}, "cannot be read"),
        ({"ids": np.array([object()], dtype=object)}, "cannot be read"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path: Path, changes: dict, said: str) -> None:
    spoil(tmp_path, **changes)
    with pytest.raises(UserError, match=said):
        load_thumbnails(tmp_path)


def test_a_file_cut_off_is_one_line(tmp_path: Path) -> None:
    spoil(tmp_path)
    whole = (tmp_path / NAME).read_bytes()
    for size in (0, 1, 40, len(whole) // 2, len(whole) - 1):
        (tmp_path / NAME).write_bytes(whole[:size])
        with pytest.raises(UserError, match="thumbnails.npz cannot be read"):
            load_thumbnails(tmp_path)
