"""What an embedding kernel writes: vectors, features, a projection, and validation's pairs."""

import dataclasses
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from common.errors import UserError
from common.files.features import load_features, save_features
from common.files.predictions import NAME
from common.files.projection import Projection, load_projection, project, save_projection
from common.files.vectors import Vectors, load_vectors, save_vectors
from common.pairs.validation import channel_auc

LABELS = np.array([0, 0, 1, 1, 1, 2, 3, 3, 4, 4])  # train has 0, 1 and 2
IDS = np.array([f"{number}.jpg" for number in range(10)])


def unit(rows: int, width: int, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def vectors() -> Vectors:
    return Vectors(
        IDS,
        LABELS,
        LABELS < 3,
        {"embedding": unit(10, 4, 0), "classes": np.abs(unit(10, 3, 1))},
        np.array(["x.jpg", "é.jpg"]),
        {"embedding": unit(2, 4, 2), "classes": np.abs(unit(2, 3, 3))},
    )


def test_vectors_come_back_as_they_were(tmp_path: Path) -> None:
    given = vectors()
    assert save_vectors(tmp_path, given, "me") == tmp_path / NAME
    found = load_vectors(tmp_path, "me")
    for name in ("validation_ids", "validation_labels", "validation_seen", "test_ids"):
        np.testing.assert_array_equal(getattr(found, name), getattr(given, name), strict=True)
    for part in ("validation", "test"):
        assert set(getattr(found, part)) == {"embedding", "classes"}
        for channel, rows in getattr(given, part).items():
            np.testing.assert_array_equal(getattr(found, part)[channel], rows, strict=True)


def set_row(value: float) -> Callable[[Vectors], None]:
    def change(given: Vectors) -> None:
        given.validation["embedding"][7] = value

    return change


def replaced(**changes: object) -> Callable[[Vectors], Vectors]:
    return lambda given: dataclasses.replace(given, **changes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_row(np.nan), "me: validation embedding vectors are NaN.* the first is 7.jpg"),
        (set_row(np.inf), "in 1 of 10 rows, the first is 7.jpg: the training diverged"),
        (set_row(0.0), "all zeros in 1 of 10 rows, the first is 7.jpg"),
        (replaced(test={"embedding": unit(2, 4, 0)}), "test have different channels"),
        (replaced(validation={}, test={}), "different channels, or none"),
        (replaced(test_ids=np.array(["x", "x"])), "me: test ids are not unique"),
        (replaced(test_ids=np.array(["x"])), r"1 ids and vectors of shape \(2, 4\)"),
        (replaced(validation_seen=np.ones(9, bool)), "labels and seen differ in number"),
        (replaced(validation_labels=LABELS[1:]), "labels and seen differ in number"),
    ],
)
def test_vectors_that_cannot_be_are_refused(
    tmp_path: Path, change: Callable[[Vectors], Vectors | None], said: str
) -> None:
    given = vectors()
    given = change(given) or given
    with pytest.raises(UserError, match=said):
        save_vectors(tmp_path, given, "me")
    assert not (tmp_path / NAME).exists()


FILES = {  # how each is written, and read
    "vectors": (
        lambda folder: save_vectors(folder, vectors(), "me"),
        lambda folder: load_vectors(folder, "me"),
    ),
    "features": (
        lambda folder: save_features(folder, IDS, LABELS, unit(10, 4, 0)),
        lambda folder: load_features(folder, "me"),
    ),
    "projection": (
        lambda folder: save_projection(
            folder, Projection(IDS, LABELS, LABELS < 3, np.array([1]), unit(10, 3, 0)[None])
        ),
        load_projection,
    ),
}


def array_bytes() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


DAMAGED = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "bytes": lambda path: path.write_bytes(bytes(b ^ (b > 200) for b in path.read_bytes())),
    "text": lambda path: path.write_text("id,label\n"),
    "another array": lambda path: path.write_bytes(array_bytes()),
    "other names": lambda path: np.savez(path, other=np.zeros(3)),
    "objects": lambda path: np.savez(path, ids=np.array([{}, 1], object)),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_is_one_line(tmp_path: Path, kind: str, damage: str) -> None:
    write, read = FILES[kind]
    path = write(tmp_path)
    DAMAGED[damage](path)
    with pytest.raises(UserError, match=f"{re.escape(str(path))} cannot be read") as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_said_and_a_projection_may_be(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"me: no {NAME} in"):
        load_vectors(tmp_path, "me")
    with pytest.raises(UserError, match="me: no features.npz in "):
        load_features(tmp_path, "me")
    assert load_projection(tmp_path) is None


def test_features_come_back_as_they_were_or_are_refused(tmp_path: Path) -> None:
    rows = unit(10, 4, 0)
    save_features(tmp_path, IDS, LABELS, rows)
    for found, given in zip(load_features(tmp_path, "me"), (IDS, LABELS, rows), strict=True):
        np.testing.assert_array_equal(found, given, strict=True)
    for labels, wrong in ((LABELS[1:], rows), (LABELS, np.where(rows > 0.9, np.nan, rows))):
        save_features(tmp_path, IDS, labels, wrong)
        with pytest.raises(UserError, match="me: .* has no finite vector for each"):
            load_features(tmp_path, "me")


def test_a_projection_is_the_principal_components_of_the_last_epoch() -> None:
    epochs = np.stack([unit(30, 7, seed) * np.arange(1, 8) for seed in range(3)])
    points = project(epochs)
    assert (points.shape, points.dtype) == ((3, 30, 3), np.float32)
    _, _, directions = np.linalg.svd(epochs[-1] - epochs[-1].mean(axis=0), full_matrices=False)
    for ours, rows in zip(points, epochs, strict=True):
        theirs = (rows - epochs[-1].mean(axis=0)) @ directions[:3].T
        np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-5)
    spread = points[-1].var(axis=0)
    assert spread[0] > spread[1] > spread[2]


def test_a_projection_is_always_the_same_way_round() -> None:
    rows = unit(20, 5, 0) * np.arange(1, 6)
    straight = project(rows[None])
    # An epoch more, other rows among them: directions and their signs come from the last alone.
    np.testing.assert_array_equal(project(np.stack([rows + 1, rows]))[1], straight[0])
    order = np.random.default_rng(0).permutation(20)
    np.testing.assert_allclose(project(rows[order][None])[0], straight[0][order], atol=1e-5)


@pytest.mark.parametrize(("rows", "width"), [(9, 2), (2, 8)])
def test_fewer_directions_than_three_are_filled_up(rows: int, width: int) -> None:
    given = unit(rows, width, 0)
    points = project(given[None])[0]
    assert points.shape == (rows, 3)
    assert not points[:, min(rows, width) :].any()
    apart = np.linalg.norm(given[:, None] - given[None], axis=2)
    np.testing.assert_allclose(
        np.linalg.norm(points[:, None] - points[None], axis=2), apart, atol=1e-6
    )


def test_a_projection_comes_back_as_it_was_or_is_refused(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(2, 10, 3)).astype(np.float32)
    given = Projection(IDS, LABELS, LABELS < 3, np.array([1, 5]), points)
    save_projection(tmp_path, given)
    found = load_projection(tmp_path)
    for field in dataclasses.fields(Projection):
        np.testing.assert_array_equal(
            getattr(found, field.name), getattr(given, field.name), strict=True
        )
    for change in ({"epochs": np.array([1])}, {"ids": IDS[1:]}, {"seen": LABELS[1:] < 3}):
        save_projection(tmp_path, dataclasses.replace(given, **change))
        with pytest.raises(UserError, match="differ: run its kernel again"):
            load_projection(tmp_path)


def test_auc_is_by_channel_of_all_pairs_of_seen_and_of_unseen_artists() -> None:
    given = vectors()
    found = channel_auc(given)
    first, second = np.triu_indices(10, 1)
    same = LABELS[first] == LABELS[second]
    seen = LABELS < 3
    masks = {"all": same | ~same, "seen": seen[first] & seen[second]}
    masks["unseen"] = ~seen[first] & ~seen[second]
    assert (masks["seen"].sum(), masks["unseen"].sum()) == (15, 6)  # 24 more are of both kinds
    assert set(found) == {"embedding", "classes"}
    for channel, parts in found.items():
        rows = given.validation[channel].astype(np.float64)
        scores = (rows[first] * rows[second]).sum(axis=1)
        for part, mask in masks.items():
            wanted = roc_auc_score(same[mask], scores[mask])
            assert parts[part] == pytest.approx(wanted, abs=1e-6), (channel, part)
