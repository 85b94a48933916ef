"""The kernel that prepares Painter by Numbers: its inputs, its split, what it leaves."""

import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from common.data.archives import natural
from common.data.images import decode, square_jpeg
from common.data.pictures import Pictures
from common.errors import UserError
from common.files.classes import load_classes
from common.kernel import KernelRun
from common.pairs.table import read_pairs
from common.parameters import Parameters
from competitions.painter_by_numbers import COMPETITION
from competitions.painter_by_numbers import prepare as script
from competitions.painter_by_numbers.data import (
    Painting,
    check_folder,
    find_files,
    load,
    load_from,
    names_in_pairs,
    pairs_table,
    read_broken,
)
from competitions.painter_by_numbers.data import Pictures as PicturesOfPart
from competitions.painter_by_numbers.prepare import prepare
from competitions.painter_by_numbers.split import of_large_artists, split_by_artist
from kernels.local.dry_run import check_data
from support import tiny

REAL = tiny.ROOT.parent / "shared" / "data" / "painter-by-numbers"
SMALL = {"size": 24, "shard_size": 16, "artists_held_out": 0.3, "paintings_held_out": 0.25}
ARTISTS = {"anna": 12, "bert": 10, "cleo": 8, "dora": 8, "emil": 6, "fritz": 2, "gerd": 1}


def painted(number: int, kind: str = "JPEG") -> bytes:
    """A picture of its number's colour."""
    generator = np.random.default_rng(number)
    colour = generator.integers(40, 216, 3) + generator.integers(-9, 9, (30, 40, 3))
    file = io.BytesIO()
    Image.fromarray(colour.clip(0, 255).astype(np.uint8)).save(file, kind)
    return file.getvalue()


def rows_of_train() -> list[tuple[str, str]]:
    """File and artist, all artists mixed."""
    artists = [artist for artist, count in ARTISTS.items() for _ in range(count)]
    order = np.random.default_rng(1).permutation(len(artists))
    return [(f"{n + 1}.jpg", artists[row]) for n, row in enumerate(order.tolist())]


def pictures() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Train and test: of several kinds, some broken, ``5.jpg`` and ``103.jpg`` not there."""
    train = {name: painted(n) for n, (name, _) in enumerate(rows_of_train())}
    test = {f"{n}.jpg": painted(n, "PNG" if n % 2 else "WEBP") for n in range(98, 112)}
    train |= {"2.jpg": train["2.jpg"][:-40], "9.jpg": b"", "unlisted.jpg": painted(7)}
    test["100.jpg"] = b"not found"
    del train["5.jpg"], test["103.jpg"]
    return train, test


def write_rows(path: Path, header: str, rows: Sequence[Sequence[object]]) -> None:
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])


def write_tables(root: Path) -> None:
    rows = [(n, a, "a title, with a comma", "", "", "1900") for n, a in rows_of_train()]
    write_rows(root / "train_info.csv", "filename,artist,title,style,genre,date", rows)
    tested = [f"{n}.jpg" for n in range(98, 112)]
    pairs = [(a, b) for n, a in enumerate(tested) for b in tested[n + 1 :]]
    numbered = [(n, *pair) for n, pair in enumerate(pairs)]
    write_rows(root / "submission_info.csv", "index,image1,image2", numbered)


def write_folder(root: Path, nested: bool = False) -> Path:
    """The competition's data, unpacked."""
    for part, contents in zip(("train", "test"), pictures(), strict=True):
        folder = root / part / part if nested else root / part
        folder.mkdir(parents=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    write_tables(root)
    return root


def write_zips(root: Path, inside: str = "") -> Path:
    """The competition's data as zips, csv files too; ``inside`` is a folder in those."""
    root.mkdir(parents=True)
    for part, contents in zip(("train", "test"), pictures(), strict=True):
        with zipfile.ZipFile(root / f"{part}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"__MACOSX/{part}/._98.jpg", b"no picture")
            for name, content in reversed(contents.items()):
                archive.writestr(f"{part}/{name}" if inside else name, content)
    write_tables(root)
    for name in ("train_info.csv", "submission_info.csv"):
        with zipfile.ZipFile(root / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(root / name, name)
        (root / name).unlink()
    return root


def carry_out(root: Path, settings: dict | None = None, **parameters: Any) -> None:
    recipe = script.KERNEL.resolve(settings={**SMALL, **(settings or {})})
    with KernelRun(Parameters("prepare", **parameters), recipe) as running:
        prepare(root, running)


def write_numbered(root: Path, kind: str) -> Path:
    """Train in nine zips or folders, a picture in two of them; ``whole`` has ``train.zip`` too."""
    write_zips(root)
    contents = list(pictures()[0].items())
    for number in range(1, 10):
        part = dict([*contents[number - 1 :: 9], contents[number]])
        if kind == "folders":
            folder = root / f"train_{number}" / f"train_{number}"
            folder.mkdir(parents=True)
            for name, content in part.items():
                (folder / name).write_bytes(content)
            continue
        with zipfile.ZipFile(root / f"train_{number}.zip", "w") as archive:
            for name, content in part.items():
                archive.writestr(f"train_{number}/{name}", content)
    if kind != "whole":
        (root / "train.zip").unlink()
    return root


def run(root: Path, out: Path, **settings: object) -> Path:
    """Prepare ``root`` into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(out):
        carry_out(root, settings=settings)
    return out


def left(out: Path) -> dict[str, bytes]:
    """What must be the same from the same data."""
    names = [p for part in ("train", "val", "test") for p in sorted((out / part).iterdir())]
    names += [out / "classes.csv", out / "broken.csv"]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in names}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("data") / "plain")


@pytest.fixture(scope="module")
def prepared(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(data, tmp_path_factory.mktemp("prepared") / "out")


@pytest.mark.parametrize("kind", ["zips", "folders", "whole"])
def test_train_in_nine_parts_is_read_and_no_picture_counts_twice(
    kind: str, prepared: Path, tmp_path: Path
) -> None:
    root = write_numbered(tmp_path / "data", kind)
    check_folder(root)
    assert left(run(root, tmp_path / "out")) == left(prepared)


def test_a_part_that_is_not_there_leaves_its_pictures_missing(tmp_path: Path) -> None:
    root = write_numbered(tmp_path / "data", "zips")
    for number in range(3, 10):
        (root / f"train_{number}.zip").unlink()
    files = find_files(root)
    assert [path.name for path in files.train] == ["train_1.zip", "train_2.zip"]
    assert 0 < len(PicturesOfPart(files, "train").names()) < len(pictures()[0]) / 2


@pytest.mark.parametrize("kind", ["nested", "zip", "zip with a folder"])
def test_every_way_of_packing_gives_the_same_files(
    kind: str, prepared: Path, tmp_path: Path
) -> None:
    if kind == "nested":
        root = write_folder(tmp_path / "data", nested=True)
    else:
        root = write_zips(tmp_path / "data", "folder" if "folder" in kind else "")
    assert left(run(root, tmp_path / "out")) == left(prepared)
    names = sorted(names_in_pairs(find_files(root)))
    assert len(read_pairs(pairs_table(root), names)) == 14 * 13 / 2


def test_broken_and_missing_pictures_are_listed_with_their_reasons(prepared: Path) -> None:
    found = {(b.file, b.reason) for b in read_broken(prepared)}
    assert found == {
        ("2.jpg", "cannot be decoded: image file is truncated"),
        ("9.jpg", "no picture: the file is empty"),
        ("5.jpg", "missing"),
        ("100.jpg", "no picture: none of JPEG, PNG, GIF, WEBP"),
        ("103.jpg", "missing"),
    }
    parts = {b.file: b.part for b in read_broken(prepared)}
    assert parts["100.jpg"] == parts["103.jpg"] == "test"
    facts = json.loads((prepared / "metrics.json").read_text())
    assert facts["reasons"] == {"missing": 2, "cannot be decoded": 1, "no picture": 2}
    assert facts["missing"] == {"train": 1, "test": 1}
    assert facts["broken"]["test"] == 1
    assert facts["broken"]["train"] + facts["broken"]["val"] == 2
    assert sum(facts["pictures"].values()) == sum(ARTISTS.values()) + 14 - 5


def test_every_other_picture_is_there_once_as_it_was(prepared: Path, data: Path) -> None:
    parts = load_from(prepared)
    broken = {b.file for b in read_broken(prepared)}
    artist_of = dict(rows_of_train())
    names = [name for part in parts for name in part.ids.tolist()]
    assert sorted(names) == sorted({*artist_of, *(f"{n}.jpg" for n in range(98, 112))} - broken)
    by_number = {artist.number: artist.name for artist in load_classes(prepared)}
    for part, folder in zip(parts, ("train", "train", "test"), strict=True):
        shown = Pictures(part, SMALL["size"])  # type: ignore[arg-type]
        for row, name in enumerate(part.ids.tolist()):
            original = decode((data / folder / name).read_bytes())
            off = original.mean(axis=(0, 1)) - shown.original(row).mean(axis=(0, 1))
            assert np.abs(off).max() < 4
            if part.labels is not None:
                assert by_number[int(part.labels[row])] == artist_of[name]


def test_validation_has_artists_of_its_own_and_paintings_of_others(prepared: Path) -> None:
    train, validation, test = load_from(prepared)
    artists = load_classes(prepared)
    assert [artist.number for artist in artists] == list(range(len(ARTISTS)))
    seen = [artist for artist in artists if artist.seen]
    assert len(artists) - len(seen) == 2
    assert artists[: len(seen)] == tuple(seen)
    counts = [artist.pictures for artist in seen]
    assert counts == sorted(counts, reverse=True)
    assert train.labels is not None
    assert validation.labels is not None
    assert test.labels is None
    assert set(train.labels) == {artist.number for artist in seen}
    assert {artist.number for artist in artists if not artist.seen} < set(validation.labels)
    assert set(validation.labels) & set(train.labels)
    assert all(count >= 2 for count in Counter(validation.labels.tolist()).values())
    gerd = next(artist for artist in artists if artist.name == "gerd")
    assert gerd.seen
    assert gerd.number in train.labels
    assert gerd.number not in validation.labels


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 40), min_size=6, max_size=30),
    st.floats(0.001, 0.4),
    st.floats(0, 0.9),
    st.integers(0, 9),
    st.randoms(use_true_random=False),
)
def test_a_split_is_whole_and_the_same_in_any_order(
    counts: list[int], artists_out: float, paintings_out: float, seed: int, random: object
) -> None:
    counts = [*counts, 5, 5, 5, 5]
    works = [(f"artist{n}", k) for n, count in enumerate(counts) for k in range(count)]
    paintings = [Painting(f"{n}.jpg", artist) for n, (artist, _) in enumerate(works)]
    split = split_by_artist(paintings, artists_out, paintings_out, seed)
    assert sorted(split.train + split.validation) == sorted(p.name for p in paintings)
    held = {a.number for a in split.artists if not a.seen}
    assert len(held) >= 2
    assert not held & {split.labels[name] for name in split.train}
    assert {split.labels[name] for name in split.train} == set(range(len(counts) - len(held)))
    in_validation = Counter(split.labels[name] for name in split.validation)
    assert all(count >= 2 for count in in_validation.values())
    random.shuffle(paintings)  # type: ignore[attr-defined]
    assert split_by_artist(paintings, artists_out, paintings_out, seed) == split


def test_no_artist_is_held_out_where_none_is_to_be(data: Path, tmp_path: Path) -> None:
    out = run(data, tmp_path / "out", artists_held_out=0)
    train, validation, _ = load_from(out)
    assert all(artist.seen for artist in load_classes(out))
    assert set(train.labels) == set(range(len(ARTISTS)))  # type: ignore[arg-type]
    assert len(set(validation.labels)) >= 2  # type: ignore[arg-type]
    facts = json.loads((out / "metrics.json").read_text())
    assert facts["artists"] == {"seen": len(ARTISTS), "unseen": 0}
    assert facts["validation"]["unseen"] == 0
    assert decode((out / "prepared.png").read_bytes()).shape[1] > 400


def test_a_validation_that_has_no_two_artists_is_refused() -> None:
    paintings = [Painting(f"{n}.jpg", "abc"[n % 3]) for n in range(60)]
    with pytest.raises(UserError, match="paintings of 0 artists and needs 2: hold artists out"):
        split_by_artist(paintings, 0, 0, 0)


def test_validation_counts_the_pictures_that_can_be_read(prepared: Path, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "data")
    name = str(load_from(prepared)[1].ids[0])
    (root / "train" / name).write_bytes(b"")
    out = run(root, tmp_path / "out")
    assert (name, "val") in {(b.file, b.part) for b in read_broken(out)}
    facts = json.loads((out / "metrics.json").read_text())
    assert sum(facts["validation"].values()) == facts["pictures"]["val"] == len(load_from(out)[1])


def test_too_few_artists_are_refused() -> None:
    paintings = [Painting(f"{n}.jpg", "ab"[n % 2]) for n in range(9)]
    with pytest.raises(UserError, match="2 artists, 2 of them with two paintings or more, are too"):
        split_by_artist(paintings, 0.1, 0.1, 0)


def test_replacements_take_the_place_of_corrupted_files(tmp_path: Path) -> None:
    root = write_zips(tmp_path / "data")
    with zipfile.ZipFile(root / "replacements_for_corrupted_files.zip", "w") as archive:
        for number, name in ((2, "train/2.jpg"), (50, "train/5.jpg"), (100, "test/100.jpg")):
            archive.writestr(f"replacements/{name}", painted(number))
    out = run(root, tmp_path / "out")
    assert {b.file for b in read_broken(out)} == {"9.jpg", "103.jpg"}
    test = load_from(out)[2]
    shown = Pictures(test, SMALL["size"])  # type: ignore[arg-type]
    row = test.ids.tolist().index("100.jpg")
    expected = square_jpeg(painted(100), 24, 95)
    assert np.array_equal(shown.original(row), decode(expected))


def test_a_zip_with_damaged_members_costs_only_those(tmp_path: Path, prepared: Path) -> None:
    root = write_zips(tmp_path / "data")
    content = bytearray((root / "test.zip").read_bytes())
    with zipfile.ZipFile(root / "test.zip") as archive:
        place = archive.getinfo("105.jpg")
    middle = place.header_offset + 30 + len("105.jpg") + place.compress_size // 2
    content[middle : middle + 4] = b"\xff" * 4
    (root / "test.zip").write_bytes(content)
    reasons = {b.file: b.reason for b in read_broken(run(root, tmp_path / "out"))}
    assert reasons.keys() - {b.file for b in read_broken(prepared)} == {"105.jpg"}
    assert reasons["105.jpg"].startswith("damaged in test.zip: ")


def test_killed_in_the_middle_and_run_again_it_ends_the_same(
    data: Path, prepared: Path, tmp_path: Path
) -> None:
    mounted = tmp_path / "input" / "competitions" / "painter-by-numbers"
    mounted.parent.mkdir(parents=True)
    mounted.symlink_to(data)
    out = tmp_path / "out"
    out.mkdir()
    parameters = {"kernel": "prepare", "settings": SMALL, "internet": False}
    (tmp_path / "script.py").write_text(
        f"from support.carry_out import carry_out\n"
        f"from competitions.painter_by_numbers.prepare import KERNEL\n"
        f"carry_out(KERNEL, {parameters})\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tiny.ROOT}{os.pathsep}{tiny.ROOT / 'tests'}",
        "KAGGLE_CACHE_MOUNT_FOLDER": str(tmp_path / "input"),
    }
    command = [sys.executable, str(tmp_path / "script.py")]
    with subprocess.Popen(command, cwd=out, env=environment, stdout=subprocess.PIPE) as process:
        until = time.monotonic() + 120
        while not (out / "train" / "00.json").exists() and time.monotonic() < until:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert not (out / "manifest.json").exists()
    kept = (out / "train" / "00.json").stat().st_mtime_ns
    done = subprocess.run(command, cwd=out, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (out / "train" / "00.json").stat().st_mtime_ns == kept
    assert left(out) == left(prepared)
    assert json.loads((out / "manifest.json").read_text())["state"] == "complete"
    assert decode((out / "prepared.png").read_bytes()).shape[1] > 400
    mounted_output = tmp_path / "input" / "notebooks" / "alice" / "painter-prepare"
    mounted_output.parent.mkdir(parents=True)
    out.rename(mounted_output)
    check_that_a_training_kernel_loads_it(tmp_path / "input", prepared)


def check_that_a_training_kernel_loads_it(inputs: Path, prepared: Path) -> None:
    sources = Parameters(sources={"prepare": "alice/painter-prepare"}, internet=False)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(inputs))
        found = [part.ids.tolist() for part in load(24, sources)]
        shard = next((inputs / "notebooks/alice/painter-prepare/test").glob("*.tfrec"))
        shard.write_bytes(shard.read_bytes()[:-1])
        with pytest.raises(UserError, match="is not the file that the kernel wrote"):
            load(24, sources)
    assert found == [part.ids.tolist() for part in load_from(prepared)]


def test_a_kernel_without_prepared_pictures_says_what_it_needs() -> None:
    with pytest.raises(UserError, match="this kernel has no source 'prepare'"):
        load(24, Parameters())


def test_out_of_time_it_leaves_what_another_version_goes_on_from(
    data: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path))
    first, second = tmp_path / "notebooks" / "alice" / "painter-prepare", tmp_path / "second"
    first.mkdir(parents=True)
    second.mkdir()
    with contextlib.chdir(first):
        carry_out(data, time_limit=1e-6)
    assert json.loads((first / "manifest.json").read_text())["unfinished"]["stage"] == "train"
    run(data, first)
    for path in (first / "test").iterdir():  # as if there had been no time for test
        path.unlink()
    made = {path.name: path.stat().st_mtime_ns for path in (first / "train").iterdir()}
    with contextlib.chdir(second):
        carry_out(data, resume="alice/painter-prepare")
    assert left(second) == left(prepared)
    assert made == {path.name: path.stat().st_mtime_ns for path in (second / "train").iterdir()}


LACKING = {
    "train": "pictures in train/, train/train/, train.zip or train_1.zip to train_9.zip",
    "test": "pictures in test/, test/test/ or test.zip",
    "train_info.csv": "train_info.csv or train_info.csv.zip",
    "submission_info.csv": "submission_info.csv or submission_info.csv.zip",
}


@pytest.mark.parametrize("name", LACKING)
def test_a_folder_that_lacks_something_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "data")
    check_folder(root)
    (root / name).rename(tmp_path / name)
    with pytest.raises(UserError) as told:
        check_folder(root)
    assert str(told.value).startswith(f"{root} lacks {LACKING[name]}; {root} holds ")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("train_info.csv", "file,painter\n", "no column filename, artist; its columns are file"),
        ("train_info.csv", "filename,artist\n", "has no rows"),
        ("train_info.csv", "filename,artist\n1.jpg,a\n1.jpg,b\n", "1.jpg stands there twice"),
        ("train_info.csv", "filename,artist\n1.jpg\n", "line 2 has 1 values, the header 2"),
        ("train_info.csv", "filename,artist\n1.jpg,\n", "row 1 has no filename or artist"),
        ("submission_info.csv", "index,a,b\n", "no column image1, image2"),
        ("submission_info.csv", "index,image1,image2\n0,\xff\n", "not a csv file in UTF-8"),
        ("submission_info.csv", "index,image1,image2\n", "has no rows: fetch it again"),
    ],
)
def test_wrong_tables_are_refused_in_one_line(
    name: str, text: str, wrong: str, tmp_path: Path
) -> None:
    root = write_folder(tmp_path / "data")
    (root / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=wrong) as told:
        run(root, tmp_path / "out")
    assert "\n" not in str(told.value)
    assert str(told.value).startswith(str(root / name))


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("98.jpg,99.jpg", "98.jpg,98.jpg", "line 2: 98.jpg is paired with itself"),
        ("1,98.jpg,100.jpg", "0,98.jpg,100.jpg", "lines 2 and 3: both have index 0"),
        ("0,98.jpg", "0.5,98.jpg", "line 2: index '0.5' is not an integer"),
        ("0,98.jpg", f"{10**20},98.jpg", "line 2: index '1000.*' is not an integer"),
        ("0,98.jpg", "0,", ": row 1 has no image1 or image2"),
        ("image1,image2", "image2,image1", "the header is index,image2,image1, not index"),
        ("image1,image2", "image1,image2,", "line 2 has 3 values, the header 4"),
        (
            ".jpg",
            ".jpeg",
            r"14 of the 14 pictures that its pairs name are not in .*test, '98.jpeg' is the first",
        ),
    ],
)
def test_pairs_are_read_as_the_ensemble_will_before_any_picture(
    old: str, new: str, wrong: str, tmp_path: Path
) -> None:
    root = write_folder(tmp_path / "data")
    table = root / "submission_info.csv"
    text = table.read_text()
    table.write_text(text.replace(old, new) if old == ".jpg" else text.replace(old, new, 1))
    solution = tmp_path / "solution.csv"
    answers = [(n, n % 2, "Public") for n in range(91)]
    write_rows(solution, "index,sameArtist,Usage", answers)
    with pytest.raises(UserError, match=wrong) as told:
        run(root, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.tfrec"))
    assert "\n" not in str(told.value)
    assert str(told.value).startswith(str(table))
    with pytest.raises(UserError, match=wrong):
        check_data(COMPETITION, root, solution)


def test_half_of_the_pictures_may_be_missing(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "data")
    for number in range(98, 104):
        (root / "test" / f"{number}.jpg").unlink(missing_ok=True)
    (root / "test" / "111.jpg").unlink()
    out = run(root, tmp_path / "out")
    assert json.loads((out / "metrics.json").read_text())["missing"]["test"] == 7
    (root / "test" / "110.jpg").unlink()
    with pytest.raises(UserError, match=": 8 of the 14 pictures"):
        run(root, tmp_path / "other")


def test_pairs_in_a_folder_inside_a_zip_are_refused(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "data")
    with zipfile.ZipFile(root / "submission_info.csv.zip", "w") as archive:
        archive.write(root / "submission_info.csv", "inner/submission_info.csv")
    (root / "submission_info.csv").unlink()
    with pytest.raises(UserError, match="it holds no submission_info.csv"):
        run(root, tmp_path / "out")


@pytest.mark.parametrize("zipped", [False, True])
def test_a_mark_at_the_beginning_and_empty_lines_at_the_end_are_no_fault(
    zipped: bool, prepared: Path, tmp_path: Path
) -> None:
    root = write_folder(tmp_path / "data")
    table = root / "train_info.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes() + b"\r\n,,,,,\r\n\r\n")
    pairs = root / "submission_info.csv"
    pairs.write_bytes(b"\xef\xbb\xbf" + pairs.read_bytes())
    if zipped:
        with zipfile.ZipFile(root / "train_info.csv.zip", "w") as archive:
            archive.write(table, table.name)
        table.unlink()
    assert left(run(root, tmp_path / "out")) == left(prepared)


def test_what_is_no_zip_is_refused(tmp_path: Path) -> None:
    root = write_zips(tmp_path / "data")
    (root / "test.zip").write_bytes(b"<html>")
    with pytest.raises(UserError, match=r"test.zip cannot be read as a zip: .*: fetch it again"):
        run(root, tmp_path / "out")


def test_one_name_in_train_and_test_is_refused(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "data")
    (root / "test" / "1.jpg").write_bytes(painted(1))
    with pytest.raises(UserError, match="1.jpg is in .*train and in .*test"):
        run(root, tmp_path / "out")


@pytest.mark.parametrize(
    "setting", [{"size": 4}, {"quality": 101}, {"artists_held_out": 1.0}, {"threads": 0}]
)
def test_settings_out_of_range_are_refused(setting: dict) -> None:
    with pytest.raises(UserError, match=f"{next(iter(setting))}=.*: it must be from"):
        script.KERNEL.resolve(settings=setting)


def test_names_sort_by_their_numbers() -> None:
    names = ["10.jpg", "9.jpg", "a.jpg", "100.jpg", "9b2.jpg"]
    assert sorted(names, key=natural) == ["a.jpg", "9.jpg", "9b2.jpg", "10.jpg", "100.jpg"]


@pytest.mark.skipif(not REAL.is_dir(), reason="the real pictures are not here")
def test_the_real_paintings_are_prepared(tmp_path: Path) -> None:
    out = run(REAL, tmp_path / "out", size=64, shard_size=512, artists_held_out=0.2)
    train, validation, test = load_from(out)
    assert len(train) + len(validation) == 1350
    assert set(test.ids.tolist()) == names_in_pairs(check_folder(REAL))
    assert read_broken(out) == ()
    facts = json.loads((out / "metrics.json").read_text())
    assert facts["artists"] == {"seen": 24, "unseen": 6}
    assert facts["validation"] == {"seen": 24 * 11, "unseen": 6 * 45}


@given(st.lists(st.integers(1, 9), min_size=4, max_size=12), st.integers(1, 60))
def test_a_rehearsal_takes_whole_artists_the_largest_first(counts: list[int], most: int) -> None:
    rows = [Painting(f"{n}-{k}.jpg", f"a{n:02d}") for n, c in enumerate(counts) for k in range(c)]
    kept = of_large_artists(rows, most)
    taken = {row.artist for row in kept}
    sizes = Counter(row.artist for row in rows)
    assert Counter(row.artist for row in kept) == {name: sizes[name] for name in taken}
    assert len(taken) == 3 or len(kept) <= most
    others = [sizes[name] for name in sizes if name not in taken]
    assert min(sizes[name] for name in taken) >= max(others, default=0)
