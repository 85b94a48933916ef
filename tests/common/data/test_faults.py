"""What is wrong with pictures and ids is one line that names the file and the record."""

import os
import struct
import unicodedata
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.data.faults import check_against_sample, check_ids, class_faults
from common.data.layouts import image_files
from common.data.pictures import Pictures
from common.data.records import Records
from common.data.tfrecords import read_records
from common.errors import UserError
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Number
from support import flowers

NOISE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
GOOD = cv2.imencode(".jpg", NOISE)[1].tobytes()


def claiming(side: int) -> bytes:
    """The picture with another size in its header."""
    content, at = bytearray(GOOD), GOOD.find(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", side, side)
    return bytes(content)


def bomb(side: int) -> bytes:
    """A PNG of one bit a pixel, all alike: a thousand times smaller than its pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((1 + side // 8) * 8), 9)  # the header is enough to refuse it
    parts = chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


FETCH = "fetch the file again, or leave it out in the competition's data.py"
BROKEN = {
    "claims too much": (claiming(65_000), "65000 x 65000 pixels cannot be in 5", FETCH),
    "claims much": (claiming(30_000), "30000 x 30000 pixels cannot be in 5", FETCH),
    "bomb": (bomb(30_000), "too large: 30000 x 30000 pixels", "make it smaller"),
    "empty": (b"", "no picture: an empty file", FETCH),
    "page": (b"\n<!DOCTYPE html><title>Sign in</title>", "no picture: a web page", FETCH),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer", FETCH),
    "cut": (GOOD[: len(GOOD) // 2], "bytes that are no whole picture", FETCH),
    "text": (b"no picture at all", "no ", FETCH),  # a TFRecord's is tried
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_picture_is_one_line_with_file_and_record(tmp_path: Path, kind: str) -> None:
    content, reason, todo = BROKEN[kind]
    (tmp_path / "1.jpg").write_bytes(GOOD)
    (tmp_path / "2.jpg").write_bytes(content)
    records = [flowers.example("a", None, GOOD), flowers.example("b", None, content)]
    shard = flowers.write_file(tmp_path / "test" / "00-64x64-2.tfrec", records)
    files = image_files("test", [tmp_path / "1.jpg", tmp_path / "2.jpg"], "12")
    for part, place in (
        (files, f"{tmp_path / '2.jpg'} has"),
        (read_records(shard.parent, False, 0), f"{shard}: record 2 (b) has"),
    ):
        assert Pictures(part, 8)[0].shape == (8, 8, 3)
        with pytest.raises(UserError) as caught:
            Pictures(part, 8)[1]
        said = str(caught.value)
        assert said.startswith(f"{place} no readable picture (")
        assert reason in said
        assert said.endswith(todo)


def test_headers_are_looked_at_without_decoding_and_within_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{n}.jpg" for n in range(9)]
    for path in paths:
        path.write_bytes(GOOD)
    pictures = Pictures(image_files("train", paths, range(9)), 8)
    monkeypatch.setattr("common.data.pictures.decode", None)
    assert pictures.check_headers(60) == 9
    assert pictures.check_headers(-1) == 0
    paths[7].write_bytes(claiming(65_000))
    with pytest.raises(UserError, match=r"7.jpg has no readable picture \(cut short"):
        pictures.check_headers(60)


def test_a_long_header_is_left_to_the_decoder(tmp_path: Path) -> None:
    comment = b"\xff\xfe\xff\xf0" + b"x" * 0xFFEE
    long = GOOD[:2] + 3 * comment + GOOD[2:]
    assert len(long) > 3 * 65_000
    (tmp_path / "1.jpg").write_bytes(long)
    pictures = Pictures(image_files("test", [tmp_path / "1.jpg"], "1"), 8)
    assert pictures.check_headers(60) == 1
    assert pictures[0].shape == (8, 8, 3)
    (tmp_path / "1.jpg").write_bytes(claiming(30_000)[:2] + 3 * comment + claiming(30_000)[2:])
    pictures = Pictures(image_files("test", [tmp_path / "1.jpg"], "1"), 8)
    assert pictures.check_headers(60) == 1
    with pytest.raises(UserError, match="30000 x 30000 pixels"):
        pictures[0]


def test_a_shard_without_records_has_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "00-24x24-0.tfrec").touch()
    flowers.shard(tmp_path, [1, 2], number=1)
    records = read_records(tmp_path, True, 3)
    assert Pictures(records, 8)[1].shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("id_", "said"),
    [
        (b"\xe4\x31", r"record 2 has an id that is not UTF-8: b'\xe41'"),
        (b"  ", "record 2 has an id that is no text: b'  '"),
        (b"a\nb", r"record 2 has an id that is no text: b'a\nb'"),
    ],
)
def test_an_id_is_text(tmp_path: Path, id_: bytes, said: str) -> None:
    from tensorflow.train import Example

    example = Example.FromString(flowers.example("x", 1))
    example.features.feature["id"].bytes_list.value[0] = id_
    records = [flowers.example("ä", 1), example.SerializeToString()]
    path = flowers.write_file(tmp_path / "00-24x24-2.tfrec", records)
    with pytest.raises(UserError) as caught:
        read_records(tmp_path, True, 3)
    assert str(caught.value).startswith(f"{path}: {said}")


def test_an_id_comes_once_in_any_spelling(tmp_path: Path) -> None:
    names = ["b", "\u00e4", "c", unicodedata.normalize("NFD", "\u00e4")]
    shard = flowers.write_file(tmp_path / "00-9x9-4.tfrec", [flowers.example(n, 1) for n in names])
    with pytest.raises(UserError) as caught:
        read_records(tmp_path, True, 3)
    assert f"the id \u00e4 comes 2 times: in {shard}: record 2, and in {shard}: record 4" in str(
        caught.value
    )


def some(tmp_path: Path, ids: list[str]) -> Records:
    paths = [tmp_path / f"{n}.jpg" for n in range(len(ids))]
    for path in paths:
        path.touch()
    return image_files("test", paths, ids)


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        (["a", "a\u0308"], ""),
        (["\u00e4"], "1 of its 2 pictures are not in the sample, the first is a (FOLDER/0.jpg): "),
        (["a", "\u00e4", "x", "y"], "2 of the sample's 4 ids have no picture, the first is x: "),
    ],
)
def test_test_has_the_ids_of_the_sample(tmp_path: Path, sample: list[str], said: str) -> None:
    test = check_ids(some(tmp_path, ["a", "\u00e4"]))
    path = tmp_path / "sample.csv"
    if not said:
        check_against_sample(test, path, sample)
        return
    with pytest.raises(UserError) as caught:
        check_against_sample(test, path, sample)
    said = said.replace("FOLDER", str(tmp_path))
    assert f"test and {path} have other ids: {said}make the ids" in str(caught.value)


def part(name: str, labels: object) -> Records:
    known = np.array(labels)
    ids = np.array([f"{name}{n}" for n in range(len(known))])
    return Records(name, (), ids, known, np.zeros((len(known), 4), np.int64))


LETTERS = Classification(tuple("abcdefg"))
UNSEEN = "classes without a picture in train or validation"
LACKING = "classes that validation has not"


@pytest.mark.parametrize(
    ("train", "validation", "folds", "said"),
    [
        ([0, 1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1, 0], 0, []),
        ([0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 4], 0, [f"{LACKING}: 2 of 7 (f, g)"]),
        ([0, 1, 2, 3, 4, 5, 5, 6, 6], [0, 1, 2, 3, 4], 5, []),  # each is validated on
        ([0, 0, 1], [0, 1, 0], 0, [f"{UNSEEN}: 5 of 7 (c, d, e, f, and 1 more)"]),
        (
            [0, 1, 2, 3, 4],
            [0, 5, 5, 6],
            0,
            [
                f"{LACKING}: 4 of 7 (b, c, d, e)",
                "classes of validation that train has not: 2 of 7 (f, g)",
            ],
        ),
        (
            [0, 0, 1, 1, 2, 2, 3, 3, 4],
            [0, 5, 6, 6],
            5,
            [
                "classes of validation that train has not: 1 of 7 (g)",
                "classes with one picture, which the fold with it does not learn: 2 of 7 (e, f)",
            ],
        ),
    ],
)
def test_strange_classes_are_a_line_each(
    train: list[int], validation: list[int], folds: int, said: list[str]
) -> None:
    assert class_faults(part("train", train), part("val", validation), LETTERS, folds) == said


def test_labels_of_other_tasks_are_looked_at_as_far_as_they_have_classes() -> None:
    several = MultiLabel(("a", "b", "c"))
    train, validation = part("train", [[1, 0, 0], [0, 0, 0]]), part("val", [[1, 1, 0]])
    assert class_faults(train, validation, several) == [
        f"{UNSEEN}: 1 of 3 (c)",
        "classes of validation that train has not: 1 of 3 (b)",
    ]
    assert class_faults(part("train", [0.5]), part("val", [0.7]), Number(0, 1)) == []


@pytest.mark.parametrize(
    ("train", "validation", "said"),
    [
        ([1, 1], [1, 0], "train has pictures of one class alone, b: there is nothing to learn"),
        ([1, 2], [3], "train has no picture of any class of val, such as d: look at the labels"),
    ],
)
def test_classes_that_cannot_be_learnt_are_refused(
    train: list[int], validation: list[int], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        class_faults(part("train", train), part("val", validation), LETTERS)
