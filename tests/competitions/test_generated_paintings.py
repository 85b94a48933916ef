"""Generated paintings: the competition's layout, its traps, and something to learn."""

import csv
import io
import itertools
import re
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from competitions.painter_by_numbers import COMPETITION, generated
from competitions.painter_by_numbers.painters import painters
from competitions.painter_by_numbers.painting import paint

Rows = list[dict[str, str]]


def read(path: Path) -> Rows:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def unpacked(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paintings")
    generated.write(folder / "data", folder / "solution.csv", seed=3)
    return folder / "data"


@pytest.fixture(scope="module")
def pictures(data: Path) -> dict[str, dict[str, bytes]]:
    return {part: unpacked(data / f"{part}.zip") for part in ("train", "test")}


def few(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TRAIN_ARTISTS", 3), ("ONLY_TEST_ARTISTS", 2), ("SHARED_ARTISTS", 2)):
        monkeypatch.setattr(generated, name, value)
    monkeypatch.setattr(generated, "TRAIN_EACH", (4, 5))


def test_every_painting_of_the_tables_is_in_its_archive(
    data: Path, pictures: dict[str, dict[str, bytes]]
) -> None:
    train, everything = read(data / "train_info.csv"), read(data / "all_data_info.csv")
    assert tuple(train[0]) == generated.TRAIN_HEADER
    assert tuple(everything[0]) == generated.ALL_HEADER
    assert {f"train/{row['filename']}" for row in train} == set(pictures["train"])
    told = {(row["in_train"], row["new_filename"]) for row in everything}
    stored = {(str(p == "train"), n.split("/")[1]) for p in pictures for n in pictures[p]}
    assert told == stored
    names = [row["new_filename"] for row in everything]
    assert sorted(int(name.removesuffix(".jpg")) for name in names) == [*range(1, len(names) + 1)]
    assert all(re.fullmatch("[0-9a-f]{40}", row["artist"]) for row in train)
    facts = [*pictures["train"].items(), *pictures["test"].items()]
    sizes = {name.split("/")[1]: str(len(content)) for name, content in facts}
    assert {row["new_filename"]: row["size_bytes"] for row in everything} == sizes


def test_test_has_artists_of_train_and_others(data: Path) -> None:
    everything = read(data / "all_data_info.csv")
    parts: dict[str, set[str]] = {}
    for row in everything:
        parts.setdefault(row["artist"], set()).add(row["in_train"])
    shares = Counter(tuple(sorted(found)) for found in parts.values())
    assert shares == {("False", "True"): 16, ("False",): 8, ("True",): 8}
    groups = {("False", "True"): "train_and_test", ("False",): "test_only", ("True",): "train_only"}
    for row in everything:
        assert row["artist_group"] == groups[tuple(sorted(parts[row["artist"]]))]
    paintings = Counter(row["artist"] for row in read(data / "train_info.csv"))
    assert len(paintings) == 24
    assert [n for n in paintings.values() if n == 1] == [1]
    digests = {row["filename"]: row["artist"] for row in read(data / "train_info.csv")}
    named = {
        (r["artist"], digests[r["new_filename"]]) for r in everything if r["in_train"] == "True"
    }
    assert len(named) == 24


def test_the_pairs_are_all_those_within_groups_and_the_solution_answers_them(data: Path) -> None:
    asked, answers = read(data / "submission_info.csv"), read(data.parent / "solution.csv")
    assert [row["index"] for row in asked] == [str(n) for n in range(len(asked))]
    assert [row["index"] for row in answers] == [row["index"] for row in asked]
    pairs = {frozenset((row["image1"], row["image2"])) for row in asked}
    assert len(pairs) == len(asked)
    assert {len(pair) for pair in pairs} == {2}
    partners: dict[str, set[str]] = {}
    for pair in pairs:
        for name in pair:
            partners.setdefault(name, set()).update(pair)
    groups = {frozenset(found) for found in partners.values()}
    assert len(groups) == 3
    assert sum(len(group) for group in groups) == len(partners)
    within = {frozenset(two) for group in groups for two in itertools.combinations(group, 2)}
    assert within == pairs
    artist = {row["new_filename"]: row["artist"] for row in read(data / "all_data_info.csv")}
    same = [str(int(artist[row["image1"]] == artist[row["image2"]])) for row in asked]
    assert same == [row["sameArtist"] for row in answers]
    assert 0.02 < np.mean(np.array(same) == "1") < 0.1
    public = np.mean([row["Usage"] == "Public" for row in answers])
    assert {row["Usage"] for row in answers} == {"Public", "Private"}
    assert 0.3 < public < 0.37
    assert set(partners) == {
        row["new_filename"]
        for row in read(data / "all_data_info.csv")
        if row["in_train"] == "False"
    }


def test_some_files_are_as_odd_as_real_ones(pictures: dict[str, dict[str, bytes]]) -> None:
    for part, odd in generated.ODD.items():
        found: Counter[str] = Counter()
        for content in pictures[part].values():
            found[kind_of(content)] += 1
        assert {kind: found[kind] for kind in odd} == odd
        assert found["RGB"] == len(pictures[part]) - sum(odd.values())


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
            return "rgba"
        return {"L": "grey", "CMYK": "cmyk"}.get(image.mode, image.mode)


def test_sizes_and_aspects_differ(pictures: dict[str, dict[str, bytes]]) -> None:
    sizes = [Image.open(io.BytesIO(c)).size for c in pictures["test"].values()]
    sides = np.array(sizes)
    assert sides.min() >= 60
    assert sides.max() <= 260
    assert len(set(sizes)) > 0.9 * len(sizes)
    assert (sides[:, 0] > sides[:, 1]).any()
    assert (sides[:, 0] < sides[:, 1]).any()


def test_a_cmyk_file_keeps_its_colours() -> None:
    picture = np.full((32, 32, 3), (200, 60, 30), np.uint8)
    with Image.open(io.BytesIO(generated.encoded(picture, "cmyk", 95))) as image:
        back = np.asarray(image.convert("RGB"), float)
    assert np.abs(back - picture).max() < 8


def test_a_seed_repeats_the_data_to_the_byte_and_another_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few(monkeypatch)
    monkeypatch.setattr(generated, "ODD", {part: {"cmyk": 1, "rgba": 1} for part in generated.ODD})
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generated.write(tmp_path / name, tmp_path / f"{name}.csv", seed)
    contents = {
        name: {path.name: path.read_bytes() for path in sorted((tmp_path / name).iterdir())}
        for name in "abc"
    }
    assert contents["a"] == contents["b"]
    assert not [name for name in contents["a"] if contents["a"][name] == contents["c"][name]]
    solutions = [(tmp_path / f"{name}.csv").read_text() for name in "abc"]
    assert solutions[0] == solutions[1] != solutions[2]


def test_every_hand_and_every_palette_has_several_owners_and_no_two_share_both() -> None:
    found = painters(32, np.random.default_rng(0))
    schools = [(p.name.split("-")[0], p.name.split("-")[1]) for p in found]
    assert len(set(schools)) == len({p.digest for p in found}) == 32
    for place in (0, 1):
        assert set(Counter(school[place] for school in schools).values()) == {4}
    one, other, *_ = (p.palette[:5] for p in found if p.name.endswith(found[0].name.split("-")[1]))
    assert np.abs(one - other).mean() < np.abs(one - found[1].palette[:5]).mean()
    assert all(p.subjects.sum() == pytest.approx(1) for p in found)


def test_two_paintings_of_one_painter_differ() -> None:
    rng = np.random.default_rng(0)
    painter = painters(1, rng)[0]
    first, second = (paint(painter, 2, 90, 70, rng) for _ in range(2))
    assert first.shape == second.shape == (90, 70, 3)
    assert first.dtype == np.uint8
    assert np.abs(first.astype(int) - second).mean() > 10


def test_colours_and_strokes_tell_the_artist_and_neither_does_alone(
    data: Path, pictures: dict[str, dict[str, bytes]]
) -> None:
    colour, stroke = pair_scores(data, pictures, colours), pair_scores(data, pictures, strokes)
    same = np.array([row["sameArtist"] == "1" for row in read(data.parent / "solution.csv")])
    for scores in (colour, stroke):
        assert 0.58 < area(same, scores) < 0.85
    assert area(same, colour + stroke) > max(area(same, colour), area(same, stroke)) + 0.01


def area(same: np.ndarray, scores: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(same, scores))


def pair_scores(data: Path, pictures: dict[str, dict[str, bytes]], features: object) -> np.ndarray:
    """Cosines of standardised features, which nothing was trained for."""
    found = {name.split("/")[1]: features(c) for name, c in pictures["test"].items()}  # type: ignore[operator]
    rows = np.stack(list(found.values()))
    rows = (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-6)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    place = {name: number for number, name in enumerate(found)}
    pairs = read(data / "submission_info.csv")
    one, two = (np.array([place[row[key]] for row in pairs]) for key in ("image1", "image2"))
    return (rows[one] * rows[two]).sum(axis=1)


def small(content: bytes) -> np.ndarray:
    """``(64, 64, 3)`` BGR; grey where the file is cut."""
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        return np.full((64, 64, 3), 128, np.uint8)
    return cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA)


def colours(content: bytes) -> np.ndarray:
    lab = cv2.cvtColor(small(content), cv2.COLOR_BGR2LAB).reshape(-1, 3)
    counts, _ = np.histogramdd(lab, (4, 6, 6), ((0, 256), (90, 170), (80, 190)))
    return np.sqrt(counts.ravel())


def strokes(content: bytes) -> np.ndarray:
    grey = cv2.cvtColor(small(content), cv2.COLOR_BGR2GRAY).astype(np.float32)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    size, angle = np.hypot(across, down), np.arctan2(down, across) % np.pi
    angles, _ = np.histogram(angle, 8, (0, np.pi), weights=size)
    sizes, _ = np.histogram(np.log1p(size), 8, (0, 7))
    fine = [np.log1p(np.std(grey - cv2.GaussianBlur(grey, (0, 0), s))) for s in (1, 2, 4, 8)]
    return np.concatenate((np.sqrt(angles / (angles.sum() + 1e-6)), np.sqrt(sizes), fine))


def test_the_command_line_writes_it_and_refuses_a_folder_in_use(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.txt").touch()
    with pytest.raises(UserError, match="not empty"):
        generated.write(tmp_path / "data", tmp_path / "solution.csv")
    command = [sys.executable, "-m", "competitions.painter_by_numbers.generated"]
    done = subprocess.run([*command, tmp_path / "new", tmp_path / "s.csv", "--seed", "5"])
    assert done.returncode == 0
    names = ["all_data_info.csv", "submission_info.csv", "test.zip", "train.zip", "train_info.csv"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == names


def test_the_answers_are_never_written_where_kernels_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lies inside"):
        generated.write(tmp_path / "data", tmp_path / "data" / "solution.csv")
    assert not (tmp_path / "data").exists()


def test_the_competition_is_known_by_its_name() -> None:
    assert (COMPETITION.name, COMPETITION.slug) == ("painter", "painter-by-numbers")
    form = COMPETITION.submission
    assert (form.id_column, form.target_column) == ("index", "sameArtist")
