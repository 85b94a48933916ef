"""Generated data: the competitions' layouts, their traps, and something to learn."""

import io
import itertools
import os
import re
import runpy
import zipfile
from collections import Counter
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.data.tfrecords import decode, parse, records_of
from common.errors import UserError
from competitions.painter_by_numbers import generated as painter
from competitions.painter_by_numbers.painting import painters
from competitions.petals_to_metal import data
from competitions.petals_to_metal import generated as petals

pytestmark = pytest.mark.slow
BOTH = pytest.mark.parametrize("generated", [petals, painter], ids=["petals", "painter"])
SMALLER = {
    petals: {"CLASSES": petals.CLASSES[:9], "PER_CLASS": {"train": 1, "val": 1, "test": 1}},
    painter: {
        "TRAIN_ARTISTS": 3,
        "ONLY_TEST_ARTISTS": 2,
        "SHARED_ARTISTS": 2,
        "TRAIN_EACH": (4, 5),
        "ODD": {part: {"cmyk": 1, "rgba": 1} for part in painter.ODD},
    },
}


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


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
        contents[name] = [path.read_bytes() for path in [*files, tmp_path / f"{name}.csv"]]
    assert contents["a"] == contents["b"]
    assert not set(contents["a"]) & set(contents["c"])


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


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("flowers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(petals, "PER_CLASS", {"train": 2, "val": 1, "test": 1})
        petals.write(root / "data", root / "solution.csv", seed=3)
    return root / "data"


def test_every_flower_is_in_every_part_and_the_solution_answers_the_sample(flowers: Path) -> None:
    train, validation, test = data.load_from(flowers, 192)
    for records, number in ((train, 2), (validation, 1)):
        assert records.labels is not None
        assert np.bincount(records.labels).tolist() == [number] * 104
    assert test.labels is None
    ids = np.concatenate([train.ids, validation.ids, test.ids])
    assert len(set(ids)) == len(ids)
    sample, solution = table(flowers / "sample_submission.csv"), table(flowers / "../solution.csv")
    assert list(sample) == ["id", "label"]
    assert sample["id"].tolist() == solution["id"].tolist() == test.ids.tolist()
    assert set(solution["Usage"]) == {"Public", "Private"}
    assert np.bincount(solution["label"].astype(int)).tolist() == [1] * 104
    path = next((flowers / "tfrecords-jpeg-192x192" / "train").glob("*.tfrec"))
    (jpeg,) = parse(next(records_of(path)), "image")
    assert jpeg.startswith(b"\xff\xd8")
    assert decode(jpeg).shape == (192, 192, 3)


def test_flowers_look_different_and_so_do_two_pictures_of_one() -> None:
    looks = {(label % 6, label // 6 % 6, label // 36) for label in range(104)}
    assert len(looks) == 104
    generator = np.random.default_rng(0)
    first, second = petals.flower(5, generator), petals.flower(5, generator)
    assert first.shape == (192, 192, 3)
    assert np.abs(first.astype(int) - second).mean() > 5


@pytest.fixture(scope="module")
def paintings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paintings")
    painter.write(folder / "data", folder / "solution.csv", seed=3)
    return folder / "data"


@pytest.fixture(scope="module")
def pictures(paintings: Path) -> dict[str, dict[str, bytes]]:
    found = {}
    for part in ("train", "test"):
        with zipfile.ZipFile(paintings / f"{part}.zip") as archive:
            names = [name for name in archive.namelist() if name[-1] != "/"]
            assert all(name.startswith(f"{part}/") for name in names)
            found[part] = {name.partition("/")[2]: archive.read(name) for name in names}
    return found


def test_every_painting_of_the_tables_is_in_its_archive(
    paintings: Path, pictures: dict[str, dict[str, bytes]]
) -> None:
    train, everything = table(paintings / "train_info.csv"), table(paintings / "all_data_info.csv")
    assert list(train) == painter.TRAIN_HEADER
    assert list(everything) == painter.ALL_HEADER
    assert set(train["filename"]) == set(pictures["train"])
    listed = set(zip(everything["in_train"], everything["new_filename"], strict=True))
    assert listed == {(str(part == "train"), name) for part in pictures for name in pictures[part]}
    numbers = everything["new_filename"].str.removesuffix(".jpg").astype(int)
    assert sorted(numbers) == [*range(1, len(numbers) + 1)]
    assert all(re.fullmatch("[0-9a-f]{40}", artist) for artist in train["artist"])
    contents = {**pictures["train"], **pictures["test"]}
    sizes = [str(len(contents[name])) for name in everything["new_filename"]]
    assert everything["size_bytes"].tolist() == sizes


def test_test_has_artists_of_train_and_others(paintings: Path) -> None:
    train, everything = table(paintings / "train_info.csv"), table(paintings / "all_data_info.csv")
    parts = everything.groupby("artist")["in_train"].agg(lambda found: "".join(sorted(set(found))))
    assert Counter(parts) == {"FalseTrue": 16, "False": 8, "True": 8}
    groups = {"FalseTrue": "train_and_test", "False": "test_only", "True": "train_only"}
    assert everything["artist_group"].tolist() == parts[everything["artist"]].map(groups).tolist()
    counts = train["artist"].value_counts()
    assert len(counts) == 24
    assert (counts == 1).sum() == 1
    both = train.merge(everything, left_on="filename", right_on="new_filename")
    assert len(both[["artist_x", "artist_y"]].drop_duplicates()) == 24


def test_the_pairs_are_all_those_within_groups_and_the_solution_answers_them(
    paintings: Path, pictures: dict[str, dict[str, bytes]]
) -> None:
    asked = table(paintings / "submission_info.csv")
    answers, everything = (
        table(paintings / "../solution.csv"),
        table(paintings / "all_data_info.csv"),
    )
    assert asked["index"].tolist() == answers["index"].tolist() == [*map(str, range(len(asked)))]
    pairs = {frozenset(pair) for pair in zip(asked["image1"], asked["image2"], strict=True)}
    assert len(pairs) == len(asked)
    partners: dict[str, set[str]] = {}
    for pair in pairs:
        for name in pair:
            partners.setdefault(name, set()).update(pair)
    groups = {frozenset(found) for found in partners.values()}
    assert len(groups) == 3
    assert sum(map(len, groups)) == len(partners)
    assert set(partners) == set(pictures["test"])
    within = {frozenset(two) for group in groups for two in itertools.combinations(group, 2)}
    assert within == pairs
    artist = everything.set_index("new_filename")["artist"]
    same = artist[asked["image1"]].to_numpy() == artist[asked["image2"]].to_numpy()
    assert same.astype(int).astype(str).tolist() == answers["sameArtist"].tolist()
    assert 0.02 < same.mean() < 0.1
    assert set(answers["Usage"]) == {"Public", "Private"}
    assert 0.3 < (answers["Usage"] == "Public").mean() < 0.37


def kind_of(content: bytes) -> str:
    """As ODD names it, or RGB."""
    with Image.open(io.BytesIO(content)) as image:
        try:
            image.load()
        except OSError:
            return "cut"
        if max(image.size) < 16:
            return "tiny"
        if image.mode == "RGBA":
            assert image.format == "PNG"
        return {"L": "grey"}.get(image.mode, image.mode.lower())


def test_some_files_are_as_odd_as_real_ones_and_sizes_differ(
    pictures: dict[str, dict[str, bytes]],
) -> None:
    for part, odd in painter.ODD.items():
        found = Counter(map(kind_of, pictures[part].values()))
        assert found == {**odd, "rgb": len(pictures[part]) - sum(odd.values())}
    sizes = np.array([Image.open(io.BytesIO(c)).size for c in pictures["test"].values()])
    assert 60 <= sizes.min() < sizes.max() <= 260
    assert len(np.unique(sizes, axis=0)) > 0.9 * len(sizes)
    assert {*np.sign(sizes[:, 0] - sizes[:, 1])} >= {-1, 1}
    colour = np.full((32, 32, 3), (200, 60, 30), np.uint8)
    with Image.open(io.BytesIO(painter.encoded(colour, "cmyk", 95))) as image:
        assert np.abs(np.asarray(image.convert("RGB"), float) - colour).max() < 8


def test_every_hand_and_every_palette_has_several_owners_and_no_two_share_both() -> None:
    names = [p.name.split("-") for p in painters(32, np.random.default_rng(0))]
    assert len({tuple(name) for name in names}) == 32
    for schools in zip(*names, strict=True):
        assert set(Counter(schools).values()) == {4}


def test_colours_and_strokes_tell_the_artist_and_neither_does_alone(
    paintings: Path, pictures: dict[str, dict[str, bytes]]
) -> None:
    pairs = table(paintings / "submission_info.csv")
    same = table(paintings / "../solution.csv")["sameArtist"] == "1"
    rows = {name: row for row, name in enumerate(pictures["test"])}
    one, two = (pairs[name].map(rows).to_numpy() for name in ("image1", "image2"))

    def cosines(features: object) -> np.ndarray:
        """Of standardised features, which nothing was trained for."""
        found = np.stack([features(small(content)) for content in pictures["test"].values()])  # type: ignore[operator]
        found = (found - found.mean(axis=0)) / (found.std(axis=0) + 1e-6)
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        return (found[one] * found[two]).sum(axis=1)

    colour, stroke = cosines(colours), cosines(strokes)
    alone = [roc_auc_score(same, scores) for scores in (colour, stroke)]
    assert 0.58 < min(alone) < max(alone) < 0.85
    assert roc_auc_score(same, colour + stroke) > max(alone) + 0.01


def small(content: bytes) -> np.ndarray:
    """``(64, 64, 3)`` BGR; grey where the file is cut."""
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        return np.full((64, 64, 3), 128, np.uint8)
    return cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA)


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
