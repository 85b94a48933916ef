"""Generated data: the competitions' layouts, odd files, and something to learn."""

import io
import os
import runpy
import zipfile
from itertools import combinations
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.errors import UserError
from competitions.painter_by_numbers import generated as painter
from competitions.petals_to_metal import data
from competitions.petals_to_metal import generated as petals

pytestmark = pytest.mark.slow
BOTH = pytest.mark.parametrize("generated", [petals, painter], ids=["petals", "painter"])
SMALLER = {
    petals: {"CLASSES": petals.CLASSES[:9], "PER_CLASS": {"train": 1, "val": 1, "test": 1}},
    painter: {"TRAIN": range(3), "TEST": (1, 2, 3), "TRAIN_EACH": (4, 5)},
}


@BOTH
def test_a_seed_repeats_the_data_to_the_byte_and_another_does_not(
    generated: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SMALLER[generated].items():
        monkeypatch.setattr(generated, name, value)
    contents = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generated.write(tmp_path / name, tmp_path / f"{name}.csv", seed)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        contents[name] = {path.name: path.read_bytes() for path in files}
        contents[name]["solution"] = (tmp_path / f"{name}.csv").read_bytes()
    assert contents["a"] == contents["b"]
    assert not {*contents["a"].values()} & {*contents["c"].values()}


@BOTH
def test_a_folder_in_use_is_refused_and_answers_are_never_where_kernels_read(
    generated: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.txt").touch()
    command = ["generated", str(tmp_path / "data"), str(tmp_path / "solution.csv"), "--seed", "3"]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(UserError, match="not empty"):
        runpy.run_path(str(generated.__file__), run_name="__main__")
    with pytest.raises(UserError, match="lies inside"):
        generated.write(tmp_path / "new", tmp_path / "new" / "solution.csv")
    assert not (tmp_path / "new").exists()


def test_every_flower_is_in_every_part_and_the_solution_answers_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(petals, "PER_CLASS", {"train": 2, "val": 1, "test": 1})
    petals.write(tmp_path / "data", tmp_path / "solution.csv", seed=3)
    train, validation, test = data.load_from(tmp_path / "data", 192)
    for records, number in ((train, 2), (validation, 1)):
        assert np.bincount(np.asarray(records.labels)).tolist() == [number] * 104
    assert test.labels is None
    sample = pd.read_csv(tmp_path / "data" / "sample_submission.csv")
    solution = pd.read_csv(tmp_path / "solution.csv")
    assert list(sample) == ["id", "label"]
    assert sample["id"].tolist() == solution["id"].tolist() == test.ids.tolist()
    assert set(solution["Usage"]) == {"Public", "Private"}
    assert sorted(solution["label"]) == [*range(104)]


@pytest.fixture(scope="module")
def paintings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paintings")
    painter.write(folder / "data", folder / "solution.csv", seed=3)
    return folder / "data"


@pytest.fixture(scope="module")
def answers(paintings: Path) -> pd.DataFrame:
    """The pairs of the submission with their answers."""
    asked = pd.read_csv(paintings / "submission_info.csv", index_col="index")
    return asked.join(pd.read_csv(paintings / "../solution.csv", index_col="index"))


def pictures(root: Path, part: str) -> dict[str, bytes]:
    with zipfile.ZipFile(root / f"{part}.zip") as archive:
        names = [name for name in archive.namelist() if name != f"{part}/"]
        return {name.removeprefix(f"{part}/"): archive.read(name) for name in names}


def test_the_tables_name_every_painting_and_test_has_artists_that_train_has_not(
    paintings: Path, answers: pd.DataFrame
) -> None:
    train = pd.read_csv(paintings / "train_info.csv")
    assert set(train["filename"]) == set(pictures(paintings, "train"))
    counts = train["artist"].value_counts()
    assert (len(counts), counts.min()) == (24, 1)
    assert train["artist"].str.fullmatch("[0-9a-f]{40}").all()
    partners: dict[str, set[str]] = {}
    for pair in zip(answers["image1"], answers["image2"], strict=True):
        for name in pair:
            partners.setdefault(name, set()).update(pair)
    groups = {frozenset(found) for found in partners.values()}
    assert len(groups) == 3
    assert sum(map(len, groups)) == len(partners)
    assert set(partners) == set(pictures(paintings, "test"))
    assert len(answers) == sum(len([*combinations(group, 2)]) for group in groups)
    assert 0.02 < answers["sameArtist"].mean() < 0.1
    assert 0.3 < (answers["Usage"] == "Public").mean() < 0.37
    assert not set(painter.TEST) <= set(painter.TRAIN)


def test_some_files_are_as_odd_as_real_ones(paintings: Path) -> None:
    odd = dict(zip(painter.ODD["train"], pictures(paintings, "train").values(), strict=False))
    shown = {kind: Image.open(io.BytesIO(content)) for kind, content in odd.items()}
    modes = {kind: image.mode for kind, image in shown.items()}
    assert modes == {"grey": "L", "cmyk": "CMYK", "png": "RGBA", "cut": "RGB", "tiny": "RGB"}
    assert (shown["png"].format, shown["tiny"].size) == ("PNG", (7, 9))
    with pytest.raises(OSError, match="truncated"):
        shown["cut"].load()
