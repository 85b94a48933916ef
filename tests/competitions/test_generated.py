"""Generated data: the competition's layout, and nothing lost by writing it."""

import csv
import itertools
import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.data.tfrecords import decode, parse, records_of
from common.errors import UserError
from competitions.petals_to_metal import data, generated


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, str]]]:
    root = tmp_path_factory.mktemp("generated")
    generated.write(root / "data", root / "solution.csv", seed=3)
    with open(root / "solution.csv", newline="") as file:
        return root / "data", list(csv.DictReader(file))


def test_every_class_is_in_every_part(written: tuple[Path, list[dict[str, str]]]) -> None:
    train, validation, test = data.load_from(written[0], 192)
    for records, number in ((train, 10), (validation, 3)):
        assert records.labels is not None
        assert np.bincount(records.labels).tolist() == [number] * 104
    assert test.labels is None
    ids = np.concatenate([train.ids, validation.ids, test.ids])
    assert len(set(ids)) == len(ids)


def test_the_solution_answers_the_sample(written: tuple[Path, list[dict[str, str]]]) -> None:
    folder, solution = written
    _, _, test = data.load_from(folder, 192)
    with open(folder / "sample_submission.csv", newline="") as file:
        sample = list(csv.DictReader(file))
    assert list(sample[0]) == ["id", "label"]
    assert [row["id"] for row in sample] == [row["id"] for row in solution] == test.ids.tolist()
    assert {row["Usage"] for row in solution} == {"Public", "Private"}
    assert np.bincount([int(row["label"]) for row in solution]).tolist() == [4] * 104


def test_pictures_are_jpegs_of_the_named_size(written: tuple[Path, list[dict[str, str]]]) -> None:
    path = next((written[0] / "tfrecords-jpeg-192x192" / "train").glob("*.tfrec"))
    for record in itertools.islice(records_of(path), 3):
        (jpeg,) = parse(record, "image")
        assert jpeg.startswith(b"\xff\xd8")
        assert decode(jpeg).shape == (192, 192, 3)


def test_a_seed_repeats_the_data_and_another_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generated, "PER_CLASS", {"train": 1, "val": 1, "test": 1})
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generated.write(tmp_path / name, tmp_path / f"{name}.csv", seed)
    contents = {
        name: [p.read_bytes() for p in sorted((tmp_path / name).rglob("*.tfrec"))] for name in "abc"
    }
    assert contents["a"] == contents["b"] != contents["c"]
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


def test_classes_look_different_and_so_do_two_pictures_of_one() -> None:
    looks = {(label % 6, label // 6 % 6, label // 36) for label in range(104)}
    assert len(looks) == 104
    generator = np.random.default_rng(0)
    first, second = generated.flower(5, generator), generated.flower(5, generator)
    assert first.shape == (192, 192, 3)
    assert np.abs(first.astype(int) - second).mean() > 5


def test_a_folder_with_anything_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.txt").touch()
    with pytest.raises(UserError, match="not empty"):
        generated.write(tmp_path / "data", tmp_path / "solution.csv")


def test_hidden_labels_are_never_written_where_kernels_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lies inside"):
        generated.write(tmp_path / "data", tmp_path / "data" / "solution.csv")
    assert not (tmp_path / "data").exists()
