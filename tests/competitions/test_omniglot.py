"""Omniglot: parts that share no alphabet and no drawer, pairs, Lake's runs, and what is wrong."""

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.data.pictures import Pictures
from common.data.records import Records
from common.errors import UserError
from common.parameters import Parameters
from competitions.omniglot import COMPETITION, data
from competitions.omniglot.lake import LABELS, read_runs
from support import tiny
from support.drawings import draw, write_drawings, write_run

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "omniglot_background_small1.zip"
WHOLE = {f"Letters{n}": 3 for n in range(6)}


def alphabets(part: Records) -> set[str]:
    return set(part.columns["alphabet"].tolist())


def drawers(part: Records) -> set[str]:
    return set(part.columns["drawer"].tolist())


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """Background and evaluation, ten drawers."""
    write_drawings(tmp_path / "images_background", {"Old": 3, "New": 4}, 10)
    write_drawings(tmp_path / "images_evaluation", WHOLE, 10, first=8)
    return tmp_path


def check_parts(parts: tuple[Records, ...]) -> None:
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not alphabets(parts[one]) & alphabets(parts[other])
    for part in parts:
        pairs = data.draw_pairs_of(part, 40)
        first, second = (pairs.columns[side] for side in ("first", "second"))
        assert ((first == second) == pairs.labels).all()
        assert all(a.split("/")[0] == b.split("/")[0] for a, b in zip(first, second, strict=True))
        assert {one.split("/")[0] for one in first} <= alphabets(part)
        assert pairs.labels.mean() == 0.5


def test_with_evaluation_alphabets_and_drawers_of_the_three_parts_are_apart(whole: Path) -> None:
    parts = data.read_pictures(whole)
    check_parts(parts)
    assert [part.name for part in parts] == ["train", "val", "test"]
    assert [len(drawers(part)) for part in parts] == [6, 2, 2]
    assert len(set.union(*map(drawers, parts))) == 10
    assert alphabets(parts[0]) == {"Old", "New"}
    assert [len(alphabets(part)) for part in parts[1:]] == [3, 3]
    assert not {*parts[1].ids.tolist()} & {*parts[2].ids.tolist()}


SIZES = st.lists(st.integers(1, 30), min_size=3, max_size=12)


@given(SIZES)
@settings(deadline=None, max_examples=60)
def test_of_one_set_the_smallest_alphabets_with_twenty_characters_are_kept(
    sizes: list[int],
) -> None:
    rows = [
        (f"a{n:02d}", f"character{c:02d}", f"{d}")
        for n, size in enumerate(sizes)
        for c in range(size)
        for d in range(2)
    ]
    names, characters, hands = (np.array(column) for column in zip(*rows, strict=True))
    columns = {"alphabet": names, "character": characters, "drawer": hands}
    places = np.zeros((len(rows), 4), np.int64)
    ids = np.arange(len(rows)).astype(str)
    train, validation, test = data._three(Records("x", (), ids, None, places, columns=columns))
    parts = [alphabets(part) for part in (train, validation, test)]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    assert len(parts[1]) == len(parts[2]) == max(1, len(sizes) // 5)
    assert sum(map(len, parts)) == len(sizes)
    large = [size for size in sizes if size >= 20]
    kept = [sizes[int(name[1:])] for name in [*parts[1], *parts[2]]]
    if len(large) >= len(kept):
        assert sorted(kept) == sorted(large)[: len(kept)]


def packed(root: Path, name: str, inside: str) -> None:
    """A zip of the alphabets, in folders ``inside``, instead of the folder."""
    folder = root / "made" / inside / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(root / name, folder)
    shutil.make_archive(str(root / name), "zip", root / "made")
    shutil.rmtree(root / "made")


@pytest.mark.parametrize("inside", ["", "images_background_small1", "deep/deeper"])
def test_a_zip_at_any_depth_is_the_same_as_a_folder(tmp_path: Path, inside: str) -> None:
    write_drawings(tmp_path / "images_background_small1")
    folders = data.read_pictures(tmp_path)
    check_parts(folders)
    shown = [Pictures(part, 20)[5] for part in folders]
    packed(tmp_path, "images_background_small1", inside)
    zipped = data.read_pictures(tmp_path)
    for one, other, picture in zip(folders, zipped, shown, strict=True):
        assert one.ids.tolist() == other.ids.tolist()
        assert (Pictures(other, 20)[5] == picture).all()


def made_runs(root: Path, of: str = "Letters4", first: int = 20) -> list[Path]:
    """Two runs of an alphabet of ``whole``, three characters each, their lines in another order."""
    folders = []
    for number, (one, other) in enumerate(((9, 10), (3, 7)), 1):
        pictures = {}
        for place in range(3):
            pictures[f"training/class0{place + 1}.png"] = draw(first + place, one)
            pictures[f"test/item0{place + 1}.png"] = draw(first + (place + 1) % 3, other)
        lines = [
            f"run0{number}/test/item0{n + 1}.png run0{number}/training/class0{(n + 1) % 3 + 1}.png"
            for n in (2, 0, 1)
        ]
        folders.append(write_run(root / f"run0{number}", pictures, lines))
    return folders


def load_trials(monkeypatch: pytest.MonkeyPatch, root: Path) -> dict[str, Any]:
    monkeypatch.setattr(type(COMPETITION), "data_folder", lambda self, internet=False: root)
    return data.trials(Parameters())


def test_lakes_runs_are_read_and_their_alphabets_are_tested_on(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = data.read_pictures(whole)
    chosen = sorted(alphabets(before[1]))[0]  # an alphabet of validation
    first = 8 + 3 * int(chosen.removeprefix("Letters"))
    made_runs(whole / "one-shot-classification" / "all_runs", chosen, first)
    validation, test = data.read_pictures(whole)[1:]
    assert chosen in alphabets(test)
    assert chosen not in alphabets(validation)
    check_parts(data.read_pictures(whole))
    trials = load_trials(monkeypatch, whole)
    pictures, runs = trials["test"]
    assert [run.group for run in runs] == ["run01", "run02"]
    for run, (one, other) in zip(runs, ((9, 10), (3, 7)), strict=True):
        shown = [Pictures(pictures, 35)[row][..., 0] for row in (*run.support, *run.queries)]
        for place in range(3):
            [character] = [c for c in range(3) if (shown[place] == draw(first + c, one)).all()]
            assert (shown[3 + place] == draw(first + character, other)).all()
    assert {run.group for run in trials["val"].runs} <= alphabets(validation)


def test_runs_that_are_there_packed_and_unpacked_count_once(tmp_path: Path) -> None:
    made_runs(tmp_path / "one-shot-classification" / "all_runs")
    folder = tmp_path / "one-shot-classification"
    shutil.make_archive(str(folder / "more"), "zip", folder / "all_runs")
    pictures, runs = read_runs(tmp_path) or (None, ())
    assert len(runs) == 2
    assert pictures is not None
    assert len(pictures) == 12
    assert read_runs(folder / "all_runs" / "run01" / "test") is None


def a_line(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        path = root / "run02" / LABELS
        path.write_text("\n".join(change(path.read_text().splitlines())))

    return damage


WRONG_RUNS: dict[str, Callable[[Path], Any]] = {
    f"run02 has no {LABELS}": lambda root: (root / "run02" / LABELS).unlink(),
    "line 2 names test/item01.png: no such picture": lambda root: (
        root / "run02" / "test" / "item01.png"
    ).unlink(),
    "line 1 names run02/test, not a picture of test and one of training": a_line(
        lambda lines: ["run02/test", *lines[1:]]
    ),
    "line 3 names test/item03.png again": a_line(lambda lines: [*lines[:2], lines[0]]),
    "line 1 names training/class01.png, test/item03.png, not a picture of test": a_line(
        lambda lines: [" ".join(reversed(lines[0].split())), *lines[1:]]
    ),
    f"{LABELS} has 0 trials": a_line(lambda lines: [""]),
}


@pytest.mark.parametrize("said", WRONG_RUNS)
def test_a_run_that_is_not_whole_is_one_line(tmp_path: Path, said: str) -> None:
    made_runs(tmp_path)
    WRONG_RUNS[said](tmp_path)
    with pytest.raises(UserError) as error:
        read_runs(tmp_path)
    assert said in str(error.value)
    assert "fetch all_runs.zip of brendenlake/omniglot again" in str(error.value)
    assert "\n" not in str(error.value)


def rename_all(root: Path) -> None:
    for path in [*root.rglob("*.png")]:
        path.rename(path.with_name(f"{path.stem.partition('_')[0]}.png"))


WRONG: dict[str, Callable[[Path], Any]] = {
    "has no pictures in images_background or images_background_small1": lambda root: write_drawings(
        root / "pictures"
    ),
    "has 2 alphabets: three or more are needed": lambda root: write_drawings(
        root / "images_background", {"Old": 3, "New": 3}
    ),
    "has 1 alphabet: three or more are needed": lambda root: write_drawings(
        root / "images_background", {"Old": 3}
    ),
    "each needs two drawers or more": lambda root: write_drawings(
        root / "images_background", drawers=1
    ),
    "5 drawers (01, 02, 03, 04, 05): six or more are needed": lambda root: (
        write_drawings(root / "images_background", drawers=5),
        write_drawings(root / "images_evaluation", WHOLE, 5),
    ),
    "images_evaluation has 1 alphabet: two or more": lambda root: (
        write_drawings(root / "images_background", drawers=6),
        write_drawings(root / "images_evaluation", {"Old": 3}, 6),
    ),
    "names in": lambda root: rename_all(write_drawings(root / "images_background")),
    "small2; ": lambda root: (root / "images_background" / "Old").mkdir(parents=True),
}


@pytest.mark.parametrize("said", WRONG)
def test_what_is_wrong_with_the_data_is_one_line(tmp_path: Path, said: str) -> None:
    WRONG[said](tmp_path)
    with pytest.raises(UserError) as error:
        data.check_folder(tmp_path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_fewer_than_twenty_characters_are_all_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_drawings(tmp_path / "images_background")
    data.check_folder(tmp_path)
    trials = load_trials(monkeypatch, tmp_path)
    assert {len(run.support) for run in trials["val"].runs} == {7}
    assert "trials_of_fewer_ways=6 first=Middle" in capsys.readouterr().out


@pytest.mark.skipif(not REAL.is_file(), reason="no real drawings next to this clone")
def test_the_real_drawings_of_five_alphabets(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / REAL.name).symlink_to(REAL)
    parts = data.read_pictures(tmp_path)
    check_parts(parts)
    assert [sorted(alphabets(part)) for part in parts] == [
        ["Greek", "Korean", "Latin"], ["Balinese"], ["Early_Aramaic"]
    ]  # fmt: skip
    assert [len(part) for part in parts] == [1_800, 480, 440]
    trials = load_trials(monkeypatch, tmp_path)
    assert {name: len(part.runs) for name, part in trials.items()} == {"val": 16, "test": 20}
    assert {len(run.support) for part in trials.values() for run in part.runs} == {20}
    pairs = data.load(105, Parameters())
    assert [len(part) for part in pairs] == [34_200, 2_280, 2_280]


@pytest.mark.slow
def test_a_dry_run_counts_trials_and_shows_them(tmp_path: Path) -> None:
    write_drawings(tmp_path / "in" / "images_background")
    done = tiny.submit(
        *("omniglot", "--ensemble", "--dry-run", "--data", tmp_path / "in", "--json"),
        *("--set", "epochs=1", "--set", "batch_size=16", "--set", "pictures_per_epoch=32"),
        *("--run-dir", tmp_path / "run"),
        keras=True,
    )
    result = tiny.last_json(done)
    metrics = json.loads((tmp_path / "run/outputs/twin/metrics.json").read_text())
    test = metrics["one_shot"]["test"]
    assert (test["ways"], test["runs"], test["n"]) == ([6], 6, 36)  # six pairs of four drawers
    assert test["accuracy"]["modified Hausdorff distance"] > 0.6  # of lines that hardly move
    assert [one["over"] for one in test["gains"]] == [
        "nearest pixels",
        "modified Hausdorff distance",
    ]
    assert "one-shot runs of test have fewer than 20 characters, the smallest 6" in done.stderr
    lines = (tmp_path / "run/outputs/twin/history.csv").read_text().splitlines()
    [epoch] = csv.DictReader(lines)
    value = metrics["one_shot"]["val"]["accuracy"]["network"]
    assert float(epoch["val_one_shot"]) == pytest.approx(value, abs=1e-4)
    assert result["test_n"] > 0
    page = (tmp_path / "run/report.html").read_text("utf-8")
    assert '<section id="one_shot"' in page
