"""The arrays that kernels write: they come back as they were; what is wrong is one line."""

import dataclasses
import io
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.data.pictures import Pictures
from common.data.tfrecords import read_records
from common.errors import UserError
from common.files import thumbnails
from common.files.features import load_features, save_features
from common.files.predictions import (
    Predictions,
    Vectors,
    align,
    load_predictions,
    load_vectors,
    save_predictions,
    save_vectors,
)
from common.files.projection import Projection, load_projection, project, save_projection
from common.files.thumbnails import load_thumbnails, save_thumbnails, write_thumbnails
from support import flowers

LABELS = np.array([0, 0, 1, 1, 1, 2, 3, 3, 4, 4])  # train has 0, 1 and 2
IDS = np.array([f"{number}.jpg" for number in range(10)])
JPEGS = [b"\xff\xd8" + bytes([number]) * 9 + b"\xff\xd9" for number in range(10)]


def unit(rows: int, width: int, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


VECTORS = Vectors(
    IDS,
    LABELS,
    LABELS < 3,
    {"embedding": unit(10, 4, 0), "classes": np.abs(unit(10, 3, 1))},
    np.array(["x.jpg", "é.jpg"]),
    {"embedding": unit(2, 4, 2), "classes": np.abs(unit(2, 3, 3))},
)
PREDICTIONS = Predictions(IDS, LABELS, unit(10, 3, 0), IDS[:4], unit(4, 3, 1))
GROUPED = dataclasses.replace(
    PREDICTIONS,
    test_labels=LABELS[:4],
    validation_groups=np.array(["person 1", "", "é"] * 3 + ["x"]),
    test_groups=np.array(["", "", "a", "a"]),
)
PROJECTION = Projection(IDS, LABELS, LABELS < 3, np.array([1, 5]), np.stack([unit(10, 3, 0)] * 2))
FEATURES = (IDS, LABELS, unit(10, 4, 0))
ME = {"source": "me"}
THUMBNAILS = dict(zip(IDS.tolist(), JPEGS, strict=True))
FILES: dict[str, tuple[Callable[..., Path], Callable[..., Any], Any]] = {
    "vectors": (partial(save_vectors, vectors=VECTORS, **ME), partial(load_vectors, **ME), VECTORS),
    "predictions": (
        partial(save_predictions, predictions=PREDICTIONS, **ME),
        partial(load_predictions, **ME),
        PREDICTIONS,
    ),
    "grouped": (
        partial(save_predictions, predictions=GROUPED, **ME),
        partial(load_predictions, **ME),
        GROUPED,
    ),
    "features": (lambda f: save_features(f, *FEATURES), partial(load_features, **ME), FEATURES),
    "projection": (partial(save_projection, projection=PROJECTION), load_projection, PROJECTION),
    "thumbnails": (partial(save_thumbnails, ids=IDS, jpegs=JPEGS), load_thumbnails, THUMBNAILS),
}


@pytest.mark.parametrize("kind", FILES)
def test_what_is_written_comes_back_as_it_was(tmp_path: Path, kind: str) -> None:
    write, read, given = FILES[kind]
    if kind in ("projection", "thumbnails"):
        assert not read(tmp_path)  # a kernel may write none
    else:
        with pytest.raises(UserError, match=r"me: no \w+.npz in "):
            read(tmp_path)
    write(tmp_path)
    found = read(tmp_path)
    if dataclasses.is_dataclass(given):
        found, given = vars(found), vars(given)
    np.testing.assert_equal(found, given)


def array_bytes() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


DAMAGED: dict[str, Callable[[Path], Any]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "bytes": lambda path: path.write_bytes(bytes(b ^ (b > 200) for b in path.read_bytes())),
    "text": lambda path: path.write_text("id,label\n"),
    "another array": lambda path: path.write_bytes(array_bytes()),
    "other names": lambda path: np.savez(path, other=np.zeros(3)),
    "objects": lambda path: np.savez(path, ids=np.array([{}, 1], object)),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_is_one_line(tmp_path: Path, kind: str) -> None:
    write, read, _ = FILES[kind]
    for damage in DAMAGED.values():
        path = write(tmp_path)
        damage(path)
        with pytest.raises(UserError, match=f"{re.escape(str(path))} cannot be read") as caught:
            read(tmp_path)
        assert "\n" not in str(caught.value)


def with_row(value: float) -> Vectors:
    rows = VECTORS.validation["embedding"].copy()
    rows[7] = value
    return dataclasses.replace(VECTORS, validation={**VECTORS.validation, "embedding": rows})


changed = dataclasses.replace


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            with_row(np.nan),
            "me: validation embedding vectors are NaN.* in 1 of 10 .* id 7.jpg",
        ),
        (with_row(0.0), "all zeros in 1 of 10 rows, the first is id 7.jpg"),
        (changed(VECTORS, test={"embedding": unit(2, 4, 0)}), "test have different channels"),
        (changed(VECTORS, validation={}, test={}), "different channels, or none"),
        (changed(VECTORS, test_ids=np.array(["x", "x"])), "me: test ids are not unique"),
        (changed(VECTORS, test_ids=IDS[:1]), r"vectors of shape \(2, 4\) does not fit"),
        (changed(VECTORS, validation_seen=np.ones(9, bool)), "validation_seen of shape .9,. does"),
        (
            changed(PREDICTIONS, test=np.where(np.eye(4, 3) > 0, np.nan, 0.5)),
            "me: test predictions are NaN .* in 3 of 4 rows.*0.jpg",
        ),
        (changed(PREDICTIONS, test_ids=IDS[[0, 1, 2, 2]]), "me: test ids are not unique"),
        (changed(PREDICTIONS, validation_labels=LABELS[1:]), "_labels of shape .9,. does not fit"),
        (changed(PREDICTIONS, test=unit(4, 2, 0)), r"me: test of shape \(4, 2\) does not fit"),
    ],
)
def test_what_cannot_be_is_refused_before_it_is_written(
    tmp_path: Path, given: Any, said: str
) -> None:
    save: Any = save_vectors if isinstance(given, Vectors) else save_predictions
    with pytest.raises(UserError, match=said):
        save(tmp_path, given, "me")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("features", {"labels": LABELS[1:]}, "me: .*labels of shape .* does not fit"),
        ("projection", {"epochs": np.array([1])}, "points of .* does not fit.*: run its kernel"),
        ("projection", {"points": np.zeros((2, 10, 2))}, "does not fit the other arrays"),
        ("thumbnails", {"ids": IDS[1:]}, "jpegs of shape .* does not fit .*: run its kernel again"),
    ],
)
def test_arrays_that_do_not_fit_together_are_one_line(
    tmp_path: Path, kind: str, changes: dict, said: str
) -> None:
    write, read, _ = FILES[kind]
    path = write(tmp_path)
    with np.load(path) as arrays:
        found = dict(arrays)
    np.savez(path, **{**found, **changes})
    with pytest.raises(UserError, match=said):
        read(tmp_path)


def test_members_are_aligned_to_the_first_ones_rows() -> None:
    rows, tests = np.random.default_rng(0).permutation(10), np.array([2, 0, 3, 1])
    for given, test_rows in ((PREDICTIONS, tests), (VECTORS, np.array([1, 0]))):
        aligned = align({"a": given, "b": given.take(rows, test_rows)})["b"]
        np.testing.assert_equal(vars(aligned), vars(given))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"test_ids": IDS[[0, 1, 2, 9]]}, "test ids of a .* and b .* differ in 2 ids.*3.jpg, 9"),
        ({"test_ids": IDS[:3], "test": unit(3, 3, 0)}, "test ids of a .4. and b .3. differ"),
        ({"validation_ids": np.char.add("v", IDS)}, "validation ids of a .* and b"),
        ({"validation_labels": LABELS[::-1]}, "validation labels of a and b differ"),
        ({"test": unit(4, 2, 0)}, "a and b have a different number of classes"),
    ],
)
def test_members_of_other_pictures_are_refused(changes: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        align({"a": PREDICTIONS, "b": changed(PREDICTIONS, **changes)})


def test_a_projection_is_the_principal_components_of_the_last_epoch() -> None:
    epochs = np.stack([unit(30, 7, seed) * np.arange(1, 8) for seed in range(3)])
    points = project(epochs)
    assert (points.shape, points.dtype) == ((3, 30, 3), np.float32)
    _, _, directions = np.linalg.svd(epochs[-1] - epochs[-1].mean(axis=0), full_matrices=False)
    for ours, rows in zip(points, epochs, strict=True):
        theirs = (rows - epochs[-1].mean(axis=0)) @ directions[:3].T
        np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-5)
    order = np.random.default_rng(0).permutation(30)  # always the same way round
    np.testing.assert_allclose(project(epochs[:, order]), points[:, order], atol=1e-5)
    for rows, width in ((9, 2), (2, 8)):  # fewer directions than three are filled up
        few = project(unit(rows, width, 0)[None])[0]
        assert few.shape == (rows, 3)
        assert not few[:, min(rows, width) :].any()


@pytest.mark.parametrize(("side", "small"), [(24, 30), (96, 64)])
def test_each_picture_is_written_small_and_under_its_own_id(
    tmp_path: Path, side: int, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import cv2

    flowers.shard(tmp_path / "data", [0, 1, 2, 3, 4, 0, 1])
    pictures = Pictures(read_records(tmp_path / "data", True, 104), side + 6, "memory")
    for most, always, rows in ((9, (), range(7)), (3, (), (0, 3, 6)), (3, (4, 3), (0, 3, 4, 6))):
        monkeypatch.setattr(thumbnails, "LIMIT", most)
        write_thumbnails(tmp_path, pictures, always)
        found = load_thumbnails(tmp_path)
        assert list(found) == [f"0-{row}" for row in rows]
        for row, jpeg in zip(rows, found.values(), strict=True):
            picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert picture.shape == (small, small, 3)
            assert np.abs(picture[..., 2].astype(int) - row % 5 * 50).max() < 12
