"""The kernel that prepares Painter by Numbers: its inputs, its split, what it writes."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Mapping
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
from common.data.tables import write_table
from common.errors import UserError
from common.files.classes import load_classes
from common.kernel import KernelRun
from common.pairs.table import read_pairs
from common.parameters import Parameters
from competitions.painter_by_numbers import COMPETITION
from competitions.painter_by_numbers import prepare as script
from competitions.painter_by_numbers.data import (
    check_folder,
    find_files,
    load,
    load_from,
    pairs_table,
    read_broken,
)
from competitions.painter_by_numbers.prepare import list_work, prepare
from competitions.painter_by_numbers.split import of_large_artists, split_by_artist
from kernels.local.dry_run import check_data
from support import tiny

pytestmark = pytest.mark.slow
REAL = tiny.ROOT.parent / "shared" / "data" / "painter-by-numbers"
SMALL = {"size": 24, "shard_size": 16, "artists_held_out": 0.3, "paintings_held_out": 0.25}
ARTISTS = {"anna": 12, "bert": 10, "cleo": 8, "dora": 8, "emil": 6, "fritz": 2, "gerd": 1}
TESTED = [f"{n}.jpg" for n in range(98, 112)]


def painted(number: int, kind: str = "JPEG") -> bytes:
    """A picture of its number's colour."""
    generator = np.random.default_rng(number)
    colour = generator.integers(40, 216, 3) + generator.integers(-9, 9, (30, 40, 3))
    file = io.BytesIO()
    Image.fromarray(colour.clip(0, 255).astype(np.uint8)).save(file, kind)
    return file.getvalue()


def artist_of() -> dict[str, str]:
    """Each file's artist, all artists mixed."""
    artists = [artist for artist, count in ARTISTS.items() for _ in range(count)]
    order = np.random.default_rng(1).permutation(len(artists))
    return {f"{n + 1}.jpg": artists[row] for n, row in enumerate(order.tolist())}


def pictures() -> dict[str, dict[str, bytes]]:
    """Train and test: of several kinds, some broken, ``5.jpg`` and ``103.jpg`` not there."""
    train = {name: painted(n) for n, name in enumerate(artist_of())}
    test = {name: painted(n, "PNG" if n % 2 else "WEBP") for n, name in enumerate(TESTED, 98)}
    train |= {"2.jpg": train["2.jpg"][:-40], "9.jpg": b"", "unlisted.jpg": painted(7)}
    test["100.jpg"] = b"not found"
    del train["5.jpg"], test["103.jpg"]
    return {"train": train, "test": test}


def write_zip(path: Path, contents: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def write_nine(root: Path, contents: Mapping[str, bytes], unpacked: bool) -> None:
    """Train in nine parts, a picture in two of them."""
    names = list(contents)
    for number in range(1, 10):
        some = {n: contents[n] for n in [*names[number - 1 :: 9], names[number]]}
        name = f"train_{number}"
        if unpacked:
            write_files(root / name / name, some)
        else:
            write_zip(root / f"{name}.zip", {f"{name}/{n}": c for n, c in some.items()})


def write_data(root: Path, packed: str = "folders") -> Path:
    """The competition's data, packed in one of several ways."""
    root.mkdir(parents=True)
    for part, contents in pictures().items():
        if packed in ("folders", "nested"):
            folder = root / part / part if packed == "nested" else root / part
            write_files(folder, contents)
        elif part == "test" or not packed.startswith("nine"):
            inside = f"{part}/" if packed == "zip with a folder" else ""
            hidden = {f"__MACOSX/{part}/._98.jpg": b"no picture"}
            listed = {f"{inside}{name}": content for name, content in reversed(contents.items())}
            write_zip(root / f"{part}.zip", hidden | listed)
        if part == "train" and "nine" in packed:
            write_nine(root, contents, packed == "nine folders")
    rows = [(n, a, "a title, with a comma", "", "", "1900") for n, a in artist_of().items()]
    header = ("filename", "artist", "title", "style", "genre", "date")
    pairs = [(a, b) for n, a in enumerate(TESTED) for b in TESTED[n + 1 :]]
    numbered = [(n, *pair) for n, pair in enumerate(pairs)]
    for path in (
        write_table(root / "train_info.csv", header, rows),
        write_table(root / "submission_info.csv", ("index", "image1", "image2"), numbered),
    ):
        if "zip" in packed:
            write_zip(path.with_name(f"{path.name}.zip"), {path.name: path.read_bytes()})
            path.unlink()
        if packed == "nested":
            content = path.read_bytes()
            path.unlink()
            write_files(path, {path.name: content})
    return root


@pytest.fixture(autouse=True)
def _no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The figure takes a second: that of ``prepared`` is enough."""
    monkeypatch.setattr(script, "draw_prepared", lambda folder, artists: None)


def run(root: Path, out: Path, parameters: Mapping[str, Any] | None = None, **changes: Any) -> Path:
    """Prepare ``root`` into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    recipe = script.KERNEL.resolve(settings={**SMALL, **changes})
    with contextlib.chdir(out):
        with KernelRun(Parameters("prepare", **(parameters or {})), recipe) as running:
            prepare(root, running)
    return out


def written(out: Path) -> dict[str, bytes]:
    """What must be the same from the same data."""
    names = [p for part in ("train", "val", "test") for p in sorted((out / part).iterdir())]
    names += [out / "classes.csv", out / "broken.csv"]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in names}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data") / "plain")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Data that a test may change."""
    return write_data(tmp_path / "data")


@pytest.fixture(scope="module")
def prepared(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(data, tmp_path_factory.mktemp("prepared") / "out")


def work_of(root: Path) -> tuple:
    """All that shards are made of: the split, the items, and each picture's bytes."""
    work = list_work(find_files(root), script.KERNEL.resolve(settings=SMALL))
    read = {p: [work.pictures[p].read(i.id) for i in items] for p, items in work.items.items()}
    return work.split, work.items, sorted(map(str, work.missing)), read


@pytest.mark.parametrize(
    "packed", ["nested", "zip", "zip with a folder", "nine zips", "nine folders", "zip and nine"]
)
def test_every_way_of_packing_gives_the_same_work(packed: str, data: Path, tmp_path: Path) -> None:
    root = write_data(tmp_path / "data", packed)
    check_folder(root)
    assert work_of(root) == work_of(data)
    assert len(read_pairs(pairs_table(root), TESTED)) == 14 * 13 / 2


def test_a_part_that_is_not_there_means_missing_pictures(tmp_path: Path) -> None:
    root = write_data(tmp_path / "data", "nine zips")
    for number in range(3, 10):
        (root / f"train_{number}.zip").unlink()
    files = find_files(root)
    assert [path.name for path in files.train] == ["train_1.zip", "train_2.zip"]
    assert 0 < len(files.pictures("train").names()) < len(artist_of()) / 2


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
    assert sum(facts["validation"].values()) == facts["pictures"]["val"]
    assert facts["pictures"]["val"] == len(load_from(prepared)[1])


def test_every_other_picture_is_there_once_as_it_was(prepared: Path, data: Path) -> None:
    parts = load_from(prepared)
    broken = {b.file for b in read_broken(prepared)}
    names = [name for part in parts for name in part.ids.tolist()]
    assert sorted(names) == sorted({*artist_of(), *TESTED} - broken)
    by_number = {artist.number: artist.name for artist in load_classes(prepared)}
    for part, folder in zip(parts, ("train", "train", "test"), strict=True):
        shown = Pictures(part, 24)
        for row, name in enumerate(part.ids.tolist()):
            original = decode((data / folder / name).read_bytes())
            off = original.mean(axis=(0, 1)) - shown.original(row).mean(axis=(0, 1))
            assert np.abs(off).max() < 4
            if part.labels is not None:
                assert by_number[int(part.labels[row])] == artist_of()[name]


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
    counts: list[int], artists_out: float, paintings_out: float, seed: int, random: Any
) -> None:
    counts = [*counts, 5, 5, 5, 5]
    artists = [f"artist{n}" for n, count in enumerate(counts) for _ in range(count)]
    known = {f"{n}.jpg": artist for n, artist in enumerate(artists)}
    split = split_by_artist(known, artists_out, paintings_out, seed)
    assert sorted(split.train + split.validation) == sorted(known)
    unseen = {a.number for a in split.artists if not a.seen}
    assert len(unseen) >= 2
    assert not unseen & {split.labels[name] for name in split.train}
    assert {split.labels[name] for name in split.train} == set(range(len(counts) - len(unseen)))
    in_validation = Counter(split.labels[name] for name in split.validation)
    assert all(count >= 2 for count in in_validation.values())
    shuffled = list(known.items())
    random.shuffle(shuffled)
    assert split_by_artist(dict(shuffled), artists_out, paintings_out, seed) == split


def test_no_artist_is_unseen_where_none_is_to_be(data: Path, tmp_path: Path) -> None:
    out = run(data, tmp_path / "out", artists_held_out=0)
    train, validation, _ = load_from(out)
    assert all(artist.seen for artist in load_classes(out))
    assert set(train.labels) == set(range(len(ARTISTS)))  # type: ignore[arg-type]
    assert len(set(validation.labels)) >= 2  # type: ignore[arg-type]
    facts = json.loads((out / "metrics.json").read_text())
    assert facts["artists"] == {"seen": len(ARTISTS), "unseen": 0}
    assert facts["validation"]["unseen"] == 0


@pytest.mark.parametrize(
    ("artists", "shares", "said"),
    [
        ("abc", (0, 0), "paintings of 0 artists and needs 2: hold artists out"),
        ("ab", (0.1, 0.1), "2 artists, 2 of them with two paintings or more, are too few"),
    ],
)
def test_a_split_without_pairs_of_artists_is_refused(
    artists: str, shares: tuple, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        split_by_artist({f"{n}.jpg": artists[n % len(artists)] for n in range(60)}, *shares, 0)


def test_replacements_take_the_place_of_corrupted_files(tmp_path: Path) -> None:
    root = write_data(tmp_path / "data", "zip")
    replaced = {"train/2.jpg": 2, "train/5.jpg": 50, "test/100.jpg": 100}
    write_zip(
        root / "replacements_for_corrupted_files.zip",
        {f"replacements/{name}": painted(number) for name, number in replaced.items()},
    )
    out = run(root, tmp_path / "out")
    assert {b.file for b in read_broken(out)} == {"9.jpg", "103.jpg"}
    test = load_from(out)[2]
    found = Pictures(test, 24).original(test.ids.tolist().index("100.jpg"))
    assert np.array_equal(found, decode(square_jpeg(painted(100), 24, 95)))


def test_a_zip_with_damaged_members_costs_only_those(tmp_path: Path, prepared: Path) -> None:
    root = write_data(tmp_path / "data", "zip")
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
    data: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = tmp_path / "input" / "competitions" / "painter-by-numbers"
    mounted.parent.mkdir(parents=True)
    mounted.symlink_to(data)
    out = tmp_path / "input" / "notebooks" / "alice" / "painter-prepare"
    out.mkdir(parents=True)
    parameters = {"kernel": "prepare", "settings": SMALL, "internet": False}
    (tmp_path / "script.py").write_text(
        f"from support.carry_out import carry_out\n"
        f"from competitions.painter_by_numbers.prepare import KERNEL\n"
        f"carry_out(KERNEL, {parameters})\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tiny.ROOT}{os.pathsep}{tiny.ROOT / 'tests'}")
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path / "input"))
    command = [sys.executable, str(tmp_path / "script.py")]
    with subprocess.Popen(command, cwd=out, stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 120
        while not (out / "train" / "00.json").exists() and time.monotonic() < until:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert not (out / "manifest.json").exists()
    kept = (out / "train" / "00.json").stat().st_mtime_ns
    run(data, out)
    assert (out / "train" / "00.json").stat().st_mtime_ns == kept
    assert written(out) == written(prepared)
    assert json.loads((out / "manifest.json").read_text())["state"] == "complete"
    assert decode((prepared / "prepared.png").read_bytes()).shape[1] > 400
    # What a training kernel makes of it.
    sources = Parameters(sources={"prepare": "alice/painter-prepare"}, internet=False)
    found = [part.ids.tolist() for part in load(24, sources)]
    assert found == [part.ids.tolist() for part in load_from(prepared)]
    shard = next((out / "test").glob("*.tfrec"))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(UserError, match="is not the file that the kernel wrote"):
        load(24, sources)
    with pytest.raises(UserError, match="this kernel has no source 'prepare'"):
        load(24, Parameters())


def test_out_of_time_another_version_continues(
    data: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path))
    first, second = tmp_path / "notebooks" / "alice" / "painter-prepare", tmp_path / "second"
    run(data, first, {"time_limit": 1e-6})
    assert json.loads((first / "manifest.json").read_text())["unfinished"]["stage"] == "train"
    run(data, first)
    for path in (first / "test").iterdir():  # as if there had been no time for test
        path.unlink()
    made = {path.name: path.stat().st_mtime_ns for path in (first / "train").iterdir()}
    run(data, second, {"resume": "alice/painter-prepare"})
    assert written(second) == written(prepared)
    assert made == {path.name: path.stat().st_mtime_ns for path in (second / "train").iterdir()}


LACKING = {
    "train": "pictures in train/, train/train/, train.zip or train_1.zip to train_9.zip",
    "test": "pictures in test/, test/test/ or test.zip",
    "train_info.csv": "train_info.csv or train_info.csv.zip",
    "submission_info.csv": "submission_info.csv or submission_info.csv.zip",
}


@pytest.mark.parametrize("name", LACKING)
def test_a_folder_that_lacks_something_is_refused(name: str, root: Path, tmp_path: Path) -> None:
    (root / name).rename(tmp_path / name)
    with pytest.raises(UserError) as error:
        check_folder(root)
    assert str(error.value).startswith(f"{root} lacks {LACKING[name]}; {root} has ")
    assert "\n" not in str(error.value)


TRAIN, PAIRS = "train_info.csv", "submission_info.csv"
WRONG_TABLES = [
    (TRAIN, "file,painter\n", "no column filename, artist; its columns are file"),
    (TRAIN, "filename,artist\n", "has no rows"),
    (TRAIN, "filename,artist\n1.jpg,a\n1.jpg,b\n", "1.jpg comes twice"),
    (TRAIN, "filename,artist\n1.jpg\n", "line 2 has 1 values, the header 2"),
    (TRAIN, "filename,artist\n1.jpg,\n", "row 1 has no filename or artist"),
    (PAIRS, "index,a,b\n", "no column image1, image2"),
    (PAIRS, "index,image1,image2\n0,\xff\n", "not a csv file in UTF-8"),
    (PAIRS, "index,image1,image2\n", "has no rows: fetch it again"),
    # As the ensemble would read them, hours later.
    (PAIRS, ("98.jpg,99.jpg", "98.jpg,98.jpg"), "line 2: 98.jpg is paired with itself"),
    (PAIRS, ("1,98.jpg,100.jpg", "0,98.jpg,100.jpg"), "lines 2 and 3: both have index 0"),
    (PAIRS, ("0,98.jpg", "0.5,98.jpg"), "line 2: index '0.5' is not an integer"),
    (PAIRS, ("0,98.jpg", f"{10**20},98.jpg"), "line 2: index '1000.*' is not an integer"),
    (PAIRS, ("0,98.jpg", "0,"), ": row 1 has no image1 or image2"),
    (PAIRS, ("image1,image2", "image2,image1"), "header is .*index,image2,image1.*, not index"),
    (PAIRS, ("image1,image2", "image1,image2,"), "line 2 has 3 values, the header 4"),
    (PAIRS, (".jpg", ".jpeg"), r"14 of the 14 pictures .* are not in .*test, '98.jpeg' is the"),
]


@pytest.mark.parametrize(("name", "text", "wrong"), WRONG_TABLES)
def test_wrong_tables_are_refused_in_one_line_before_any_picture(
    name: str, text: str | tuple[str, str], wrong: str, root: Path, tmp_path: Path
) -> None:
    table = root / name
    if isinstance(text, tuple):
        text = table.read_text().replace(*text, -1 if text[0] == ".jpg" else 1)
    table.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=wrong) as error:
        run(root, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.tfrec"))
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(table))
    answers = [(n, n % 2, "Public") for n in range(91)]
    columns = ("index", "sameArtist", "Usage")
    solution = write_table(tmp_path / "solution.csv", columns, answers)
    with pytest.raises(UserError, match=wrong):
        check_data(COMPETITION, root, solution)


def test_half_of_the_pictures_may_be_missing(root: Path) -> None:
    for number in (98, 99, 100, 101, 102, 111):
        (root / "test" / f"{number}.jpg").unlink()
    missing = list_work(find_files(root), script.KERNEL.recipe).missing
    assert sum(b.part == "test" for b in missing) == 7
    (root / "test" / "110.jpg").unlink()
    with pytest.raises(UserError, match=": 8 of the 14 pictures"):
        check_folder(root)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_mark_at_the_beginning_and_empty_lines_at_the_end_are_no_fault(
    zipped: bool, data: Path, root: Path
) -> None:
    table = root / "train_info.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes() + b"\r\n,,,,,\r\n\r\n")
    pairs = root / "submission_info.csv"
    pairs.write_bytes(b"\xef\xbb\xbf" + pairs.read_bytes())
    if zipped:
        write_zip(root / "train_info.csv.zip", {table.name: table.read_bytes()})
        table.unlink()
    assert work_of(root) == work_of(data)


def pairs_in_a_folder(root: Path) -> None:
    table = root / "submission_info.csv"
    write_zip(root / "submission_info.csv.zip", {f"inner/{table.name}": table.read_bytes()})
    table.unlink()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (pairs_in_a_folder, "it has no submission_info.csv"),
        (
            lambda root: (root / "test" / "1.jpg").write_bytes(painted(1)),
            "1.jpg is in .*train and in .*test",
        ),
        (
            lambda root: [
                (root / "test").rename(root / "elsewhere"),
                (root / "test.zip").write_bytes(b"<html>"),
            ],
            r"test.zip cannot be read as a zip: .*: fetch it again",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused(fault: Any, said: str, root: Path) -> None:
    fault(root)
    with pytest.raises(UserError, match=said):
        work_of(root)


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
    assert len(test) == len(find_files(REAL).pictures("test").names())
    assert read_broken(out) == ()
    facts = json.loads((out / "metrics.json").read_text())
    assert facts["artists"] == {"seen": 24, "unseen": 6}
    assert facts["validation"] == {"seen": 24 * 11, "unseen": 6 * 45}


@given(st.lists(st.integers(1, 9), min_size=4, max_size=12), st.integers(1, 60))
def test_a_rehearsal_takes_whole_artists_the_largest_first(counts: list[int], most: int) -> None:
    known = {f"{n}-{k}.jpg": f"a{n:02d}" for n, c in enumerate(counts) for k in range(c)}
    kept, sizes = Counter(of_large_artists(known, most).values()), Counter(known.values())
    assert kept == {artist: sizes[artist] for artist in kept}
    assert len(kept) == 3 or kept.total() <= most
    others = [sizes[artist] for artist in sizes if artist not in kept]
    assert min(sizes[artist] for artist in kept) >= max(others, default=0)
