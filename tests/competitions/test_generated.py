"""Generated data: the competitions' layouts, odd files, and something to learn."""

import io
import os
import runpy
import zipfile
from collections import Counter
from itertools import combinations
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

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


def kind_of(content: bytes) -> str:
    """As ODD names it."""
    with Image.open(io.BytesIO(content)) as image:
        try:
            image.load()
        except OSError:
            return "cut"
        modes = {mode: kind for kind, mode in painter.MODES.items()}
        return "tiny" if max(image.size) < 16 else modes.get(image.mode, "")


@pytest.mark.parametrize("part", ["train", "test"])
def test_some_files_are_as_odd_as_real_ones(part: str, paintings: Path) -> None:
    found = Counter(map(kind_of, pictures(paintings, part).values()))
    del found[""]
    assert found == Counter(painter.ODD[part])


def test_colours_and_strokes_tell_the_artist_and_neither_does_alone(
    paintings: Path, answers: pd.DataFrame
) -> None:
    test = {name: np.frombuffer(c, np.uint8) for name, c in pictures(paintings, "test").items()}
    seen = [cv2.imdecode(content, cv2.IMREAD_COLOR) for content in test.values()]
    blank = np.full((64, 64, 3), 128, np.uint8)  # of what is cut
    small = [blank if one is None else cv2.resize(one, (64, 64)) for one in seen]
    rows = {name: row for row, name in enumerate(test)}
    first, second = (answers[name].map(rows).to_numpy() for name in ("image1", "image2"))

    def cosines(features: list[np.ndarray]) -> np.ndarray:
        """Of standardised features, which nothing was trained for."""
        found = np.stack(features)
        found = (found - found.mean(axis=0)) / (found.std(axis=0) + 1e-6)
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        return (found[first] * found[second]).sum(axis=1)

    colour, stroke = cosines([*map(colours, small)]), cosines([*map(strokes, small)])
    alone = [roc_auc_score(answers["sameArtist"], scores) for scores in (colour, stroke)]
    assert 0.6 < min(alone) < max(alone) < 0.85
    assert roc_auc_score(answers["sameArtist"], colour + stroke) > max(alone) + 0.01


def colours(picture: np.ndarray) -> np.ndarray:
    lab = cv2.cvtColor(picture, cv2.COLOR_BGR2LAB).reshape(-1, 3)
    counts, _ = np.histogramdd(lab, (4, 6, 6), ((0, 256), (90, 170), (80, 190)))
    return np.sqrt(counts.ravel())


def strokes(picture: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    size, angle = np.hypot(across, down), np.arctan2(down, across) % np.pi
    angles, _ = np.histogram(angle, 8, (0, np.pi), weights=size)
    sizes, _ = np.histogram(np.log1p(size), 8, (0, 7))
    fine = [np.log1p(np.std(grey - cv2.GaussianBlur(grey, (0, 0), s))) for s in (1, 2, 4, 8)]
    return np.concatenate((np.sqrt(angles / (angles.sum() + 1e-6)), np.sqrt(sizes), fine))
