"""The kernel that prepares Painter by Numbers: its inputs, its split, what it writes."""

import contextlib
import io
import json
import os
import shutil
import zipfile
from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from common.data.images import decode, encode_square
from common.data.pictures import Pictures
from common.data.tables import write_table
from common.errors import UserError
from common.files.classes import load_classes
from common.files.prepared import load_prepared, read_broken
from common.kernel import KernelRun
from common.parameters import Parameters
from competitions.painter_by_numbers import COMPETITION
from competitions.painter_by_numbers import prepare as script
from competitions.painter_by_numbers.data import check_folder, find_files, load
from competitions.painter_by_numbers.split import of_large_artists, split_by_artist
from kernels.local.dry_run import check_data
from support import tiny

pytestmark = pytest.mark.slow
REAL = tiny.ROOT.parent / "shared" / "data" / "painter-by-numbers"
SMALL = {"size": 24, "shard_size": 16, "artists_held_out": 0.3, "paintings_held_out": 0.25}
ARTISTS = {"anna": 12, "bert": 10, "cleo": 8, "dora": 8, "emil": 6, "fritz": 2, "gerd": 1}
TESTED = [f"{n}.jpg" for n in range(98, 112)]
TRAIN, PAIRS = "train_info.csv", "submission_info.csv"


def painted(number: int, kind: str = "JPEG") -> bytes:
    """A picture of its number's colour."""
    generator = np.random.default_rng(number)
    colour = generator.integers(40, 216, 3) + generator.integers(-9, 9, (30, 40, 3))
    file = io.BytesIO()
    Image.fromarray(colour.clip(0, 255).astype(np.uint8)).save(file, kind)
    return file.getvalue()


def artist_of() -> dict[str, str]:
    """Each file's artist, all artists mixed."""
    artists = np.repeat(list(ARTISTS), list(ARTISTS.values()))
    mixed = np.random.default_rng(1).permutation(artists).tolist()
    return {f"{n}.jpg": artist for n, artist in enumerate(mixed, start=1)}


def pictures() -> dict[str, dict[str, bytes]]:
    """Train and test: of several kinds, some broken, ``5.jpg`` and ``103.jpg`` not there."""
    train = {name: painted(n) for n, name in enumerate(artist_of())}
    test = {name: painted(n, "PNG" if n % 2 else "WEBP") for n, name in enumerate(TESTED, 98)}
    train |= {"2.jpg": train["2.jpg"][:-40], "9.jpg": b"", "unlisted.jpg": painted(7)}
    test["100.jpg"] = b"not found"
    del train["5.jpg"], test["103.jpg"]
    return {"train": train, "test": test}


def write_zip(path: Path, contents: Mapping[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def parts(train: str) -> dict[str, dict[str, bytes]]:
    """Files by part: train in one, in ``nine`` with a picture in two of them, or in ``both``."""
    found = pictures()
    names = list(found["train"])
    for k in range(1, 10) if train != "one" else ():
        some = [*names[k - 1 :: 9], names[k]]
        found[f"train_{k}"] = {name: found["train"][name] for name in some}
    if train == "nine":
        del found["train"]
    return found


def tables() -> dict[str, dict[str, bytes]]:
    artists = [f'{n},{a},"a title, with a comma",,,1900' for n, a in artist_of().items()]
    pairs = [f"{n},{a},{b}" for n, (a, b) in enumerate(combinations(TESTED, 2))]
    found = {
        TRAIN: ["filename,artist,title,style,genre,date", *artists],
        PAIRS: ["index,image1,image2", *pairs],
    }
    return {name: {name: "\n".join((*rows, "")).encode()} for name, rows in found.items()}


def write_data(root: Path, form: str = "folder", train: str = "one") -> Path:
    """The competition's data in files, in folders in folders of their name, or in zips."""
    for name, files in (parts(train) | tables()).items():
        table = name.endswith(".csv")
        if "zip" in form:
            inside = f"{name}/" if form == "zip of a folder" and not table else ""
            hidden = {f"__MACOSX/{name}/._98.jpg": b"no picture"}
            listed = {f"{inside}{file}": files[file] for file in reversed(files)}
            if form == "zip of Windows" and not table:
                listed = {f"{name}\\{file.replace('jpg', 'JPG')}": files[file] for file in files}
            write_zip(root / f"{name}.zip", hidden | listed)
        else:
            depth = {"folder": 1, "nested": 2}[form] - table
            write_files(root.joinpath(*[name] * depth), files)
    return root


def run(root: Path, out: Path, parameters: Mapping[str, Any] | None = None, **changes: Any) -> Path:
    """Prepare ``root`` into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    recipe = script.KERNEL.resolve(settings={**SMALL, **changes})
    with contextlib.chdir(out):
        with KernelRun(Parameters("prepare", **(parameters or {})), recipe) as running:
            script.prepare(root, running)
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
    """All that shards are made of: the artists, and each picture's id, label and bytes."""
    artists, parts, missing = script.list_work(
        find_files(root), script.KERNEL.resolve(settings=SMALL)
    )
    read = {
        name: [
            (part.ids[row], None if part.labels is None else part.labels[row], content(row))
            for row in range(len(part))
        ]
        for name, part in parts.items()
        for content in (Pictures(part, 8).content,)
    }
    return artists, read, sorted(map(str, missing))


@pytest.mark.parametrize(
    ("form", "train"),
    [("nested", "one"), ("zip", "one"), ("zip of a folder", "one"), ("zip of a folder", "nine"),
     ("nested", "nine"), ("zip", "both"), ("zip of Windows", "one"), ("zip of Windows", "nine")],
)  # fmt: skip
def test_every_way_of_packing_gives_the_same_work(
    form: str, train: str, data: Path, tmp_path: Path
) -> None:
    root = write_data(tmp_path / "data", form, train)
    check_folder(root)
    assert work_of(root) == work_of(data)


def test_a_part_that_is_not_there_means_missing_pictures(tmp_path: Path) -> None:
    root = write_data(tmp_path / "data", "zip", "nine")
    for number in range(3, 10):
        (root / f"train_{number}.zip").unlink()
    assert 0 < len(find_files(root).train.names()) < len(artist_of()) / 2


def test_broken_and_missing_pictures_are_listed_with_their_reasons(prepared: Path) -> None:
    found = {(b.file, b.reason) for b in read_broken(prepared)}
    assert found == {
        ("2.jpg", "cannot be decoded: image file is truncated"),
        ("9.jpg", "no picture: an empty file"),
        ("5.jpg", "missing"),
        ("100.jpg", "no picture: none of JPEG, PNG, GIF, WEBP, TIFF, BMP"),
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
    assert facts["artists"] == {"seen": 5, "unseen": 2}
    assert decode((prepared / "prepared.png").read_bytes()).shape[1] > 400


def test_every_other_picture_is_there_once_as_it_was(prepared: Path, data: Path) -> None:
    parts = load_prepared(prepared)
    broken = {b.file for b in read_broken(prepared)}
    names = [name for part in parts for name in part.ids.tolist()]
    assert sorted(names) == sorted({*artist_of(), *TESTED} - broken)
    by_number = {artist.number: artist.name for artist in load_classes(prepared)}
    for part, folder in zip(parts, ("train", "train", "test"), strict=True):
        assert part.ids.tolist() == sorted(part.ids.tolist(), key=lambda name: int(name[:-4]))
        shown = Pictures(part, 24)
        for row, name in enumerate(part.ids.tolist()):
            original = decode((data / folder / name).read_bytes())
            off = original.mean(axis=(0, 1)) - shown.original(row).mean(axis=(0, 1))
            assert np.abs(off).max() < 4
            if part.labels is not None:
                assert by_number[int(part.labels[row])] == artist_of()[name]


def test_validation_has_artists_of_its_own_and_paintings_of_others(prepared: Path) -> None:
    train, validation, _ = (np.asarray(part.labels) for part in load_prepared(prepared))
    artists = load_classes(prepared)
    counts = [artist.pictures for artist in artists if artist.seen]
    assert counts == sorted(counts, reverse=True)
    assert set(train) == set(range(len(counts)))
    assert set(validation) - set(train) == set(range(len(counts), len(ARTISTS)))
    assert set(validation) & set(train)
    assert min(Counter(validation).values()) >= 2
    assert next(artist for artist in artists if artist.name == "gerd").seen  # one painting


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
    found, labels, validation = split
    assert labels.keys() == known.keys() > validation
    unseen = sum(not artist.seen for artist in found)
    assert unseen >= 2
    in_train = {labels[name] for name in known.keys() - validation}
    assert in_train == set(range(len(counts) - unseen))
    assert min(Counter(labels[name] for name in validation).values()) >= 2
    shuffled = list(known.items())
    random.shuffle(shuffled)
    assert split_by_artist(dict(shuffled), artists_out, paintings_out, seed) == split


def test_no_artist_is_unseen_where_none_is_to_be(data: Path, tmp_path: Path) -> None:
    out = run(data, tmp_path / "out", artists_held_out=0)
    facts = json.loads((out / "metrics.json").read_text())
    assert facts["artists"] == {"seen": len(ARTISTS), "unseen": 0}
    assert facts["validation"]["unseen"] == 0 < facts["validation"]["seen"]


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


def test_replacements_and_what_a_zip_has_damaged(tmp_path: Path) -> None:
    root = write_data(tmp_path / "data", "zip")
    replaced = {"train/2.jpg": 2, "train/5.jpg": 50, "test/100.jpg": 100}
    write_zip(
        root / "replacements_for_corrupted_files.zip",
        {f"replacements/{name}": painted(number) for name, number in replaced.items()},
    )
    content = bytearray((root / "test.zip").read_bytes())
    with zipfile.ZipFile(root / "test.zip") as archive:
        place = archive.getinfo("105.jpg")
    middle = place.header_offset + 30 + len("105.jpg") + place.compress_size // 2
    content[middle : middle + 4] = b"\xff" * 4
    (root / "test.zip").write_bytes(content)
    out = run(root, tmp_path / "out")
    reasons = {b.file: b.reason for b in read_broken(out)}
    assert reasons.keys() == {"9.jpg", "103.jpg", "105.jpg"}
    assert reasons["105.jpg"].startswith("damaged in test.zip: ")
    test = load_prepared(out)[2]
    found = Pictures(test, 24).original(test.ids.tolist().index("100.jpg"))
    assert np.array_equal(found, decode(encode_square(painted(100), 24, 95)))


def test_out_of_time_it_continues_here_and_in_another_version(
    data: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path))
    first, second = tmp_path / "notebooks" / "alice" / "painter-prepare", tmp_path / "second"
    run(data, first, {"time_limit": 1e-6})
    assert json.loads((first / "manifest.json").read_text())["unfinished"]["stage"] == "train"
    run(data, first)
    assert written(first) == written(prepared)
    for path in (first / "test").iterdir():  # as if there had been no time for test
        path.unlink()
    made = {path.name: path.stat().st_mtime_ns for path in (first / "train").iterdir()}
    run(data, second, {"resume": "alice/painter-prepare"})
    assert written(second) == written(prepared)
    assert made == {path.name: path.stat().st_mtime_ns for path in (second / "train").iterdir()}


def test_a_training_reads_what_it_wrote_once_that_is_checked(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path))
    out = tmp_path / "notebooks" / "alice" / "painter-prepare"
    shutil.copytree(prepared, out)
    sources = Parameters(sources={"prepare": "alice/painter-prepare"}, internet=False)
    found = [part.ids.tolist() for part in load(24, sources)]
    assert found == [part.ids.tolist() for part in load_prepared(out)]
    shard = next((out / "test").glob("*.tfrec"))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(UserError, match="is not the file that the kernel wrote"):
        load(24, sources)
    with pytest.raises(UserError, match="this kernel has no source 'prepare'"):
        load(24, Parameters())


FAULTS = [  # what is done to a file, or that it is moved away
    ("train", None, "pictures in train/, train/train/, train.zip or train_1.zip to train_9.zip"),
    ("test", None, "pictures in test/, test/test/ or test.zip"),
    (TRAIN, None, "lacks train_info.csv or train_info.csv.zip; .* has .*submission"),
    (PAIRS, None, "lacks submission_info.csv or submission_info.csv.zip"),
    ("train_1.zip", "<html>", "train_1.zip cannot be read as a zip: it is a web page: fetch it"),
    ("test/1.jpg", "a name of train", "1.jpg is in train and in test"),
    (TRAIN, "file,painter\n", "no column filename, artist; its columns are file"),
    (TRAIN, "filename,artist\n", "has no rows"),
    (TRAIN, "filename,artist\n1.jpg,a\n1.jpg,b\n", "1.jpg comes twice"),
    (TRAIN, "filename,artist\n1.jpg,\n", "row 1 has no filename or artist"),
    (PAIRS, "index,a,b\n", "no column image1, image2"),
    (PAIRS, "index,image1,image2\n", "has no pair below its header"),
    # As the ensemble would read them, hours later.
    (PAIRS, ("98.jpg,99.jpg", "98.jpg,98.jpg"), "line 2: 98.jpg is paired with itself"),
    (PAIRS, ("0,98.jpg", "0,"), "line 2: image '' is none of the 14 pictures"),
    (PAIRS, ("image1,image2", "image2,image1"), "header is .*index,image2,image1.*, not index"),
    (PAIRS, (".jpg", ".jpeg"), "14 of the 14 pictures .* are not in test, '98.jpeg' is the"),
]


@pytest.mark.parametrize(("name", "change", "said"), FAULTS)
def test_data_that_do_not_fit_are_refused_in_one_line(
    name: str, change: str | tuple[str, str] | None, said: str, root: Path, tmp_path: Path
) -> None:
    path = root / name
    if change is None:
        path.rename(tmp_path / name)
    else:
        text = change if isinstance(change, str) else path.read_text().replace(*change)
        path.write_text(text)
    with pytest.raises(UserError, match=said) as error:
        work_of(root)
    assert "\n" not in str(error.value)


def test_half_of_the_pictures_may_be_missing(root: Path, tmp_path: Path) -> None:
    for number in (98, 99, 100, 101, 102, 111):
        (root / "test" / f"{number}.jpg").unlink()
    missing = work_of(root)[2]
    assert sum("part='test'" in one for one in missing) == 7
    (root / "test" / "110.jpg").unlink()
    answers = [(n, n % 2, "Public" if n < 50 else "Private") for n in range(91)]
    columns = ("index", "sameArtist", "Usage")
    solution = write_table(tmp_path / "solution.csv", columns, answers)
    with pytest.raises(UserError, match=": 8 of the 14 pictures"):
        check_data(COMPETITION, root, solution)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real pictures are not here")
def test_the_real_paintings_are_prepared(tmp_path: Path) -> None:
    out = run(REAL, tmp_path / "out", size=64, shard_size=512, artists_held_out=0.2)
    train, validation, test = load_prepared(out)
    assert len(train) + len(validation) == 1350
    assert len(test) == len(find_files(REAL).test.names())
    assert read_broken(out) == []
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
