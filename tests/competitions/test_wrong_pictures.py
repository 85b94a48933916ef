"""What a dry run says of folders that are not as they should be, before anything is pushed."""

import io
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.errors import PREFIX, UserError
from competitions.celebrity_faces import COMPETITION as CELEBRITIES
from competitions.celebrity_faces import PEOPLE
from competitions.chest_xray import COMPETITION as PNEUMONIA
from kernels.local import dry_run
from kernels.plan.plan import plan_kernels
from kernels.plan.request import Request
from support import tiny
from support.read_here import read_here

pytestmark = pytest.mark.slow
COUNTS = {"train": 3, "val": 1}  # of each person
MADONNA = "data/train/madonna"


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command looks at data in a process of its own, which takes seconds to begin."""
    monkeypatch.setattr(dry_run, "_run_reading", read_here(monkeypatch))


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A folder in the layout of celebrities, each picture another one."""
    random = np.random.default_rng(0)
    for part, count in COUNTS.items():
        for person in PEOPLE:
            folder = tmp_path / "faces" / "data" / part / person
            folder.mkdir(parents=True)
            for n in range(count):
                picture = random.integers(0, 256, (9, 9, 3), np.uint8)
                cv2.imwrite(str(folder / f"{n}.jpg"), cv2.resize(picture, (36, 36)))
    return tmp_path / "faces"


def look_at(folder: Path, competition: Any = CELEBRITIES, **options: Any) -> None:
    """What the command does with ``--data`` before it pushes anything."""
    options = {"models": competition.ensemble, "dry_run": True, **options}
    kernels = plan_kernels(Request(competition, **options))
    dry_run.check_data(competition, folder, None)
    dry_run.check_records(competition, kernels, folder)


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zipped(*names: str, link: bool = False) -> Callable[[Path], None]:
    """Makes a zip of all, with files more, and leaves that alone."""

    def change(faces: Path) -> None:
        content = packed(faces, *names, link=link)
        shutil.rmtree(faces / "data")
        (faces / "faces.zip").write_bytes(content)

    return change


def packed(folder: Path, *names: str, link: bool = False) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.rglob("*.*")):
            archive.write(path, path.relative_to(folder).as_posix())
        for name in names:
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (stat.S_IFLNK if link else 0) << 16
            archive.writestr(info, "/etc/hostname")
    return file.getvalue()


def nested(depth: int) -> Callable[[Path], None]:
    """Puts all into zips in one another."""

    def change(faces: Path) -> None:
        content = packed(faces)
        shutil.rmtree(faces / "data")
        for n in range(1, depth):
            (faces / f"{n}.zip").write_bytes(content)
            content = packed(faces)
            (faces / f"{n}.zip").unlink()
        (faces / "outer.zip").write_bytes(content)

    return change


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda f: (f / MADONNA / "1.jpg").write_bytes(b""), "",
         f"{MADONNA}/1.jpg has no readable picture (no picture: an empty file): fetch the file"),
        (lambda f: cut(f / MADONNA / "1.jpg"), "", "bytes that are no whole picture): fetch the"),
        (lambda f: (f / MADONNA / "p.jpg").write_text("<html>404"), "",
         f"{MADONNA}/p.jpg has no readable picture (no picture: a web page): fetch the file again"),
        (lambda f: (f / "data/val/madonna").rename(f / "data/val/madona"), "",
         "val: data/val/madona/0.jpg in FACES is in the folder of no class: did you mean madonna?"),
        (lambda f: shutil.copy(f / MADONNA / "1.jpg", f / "data/train/loose.jpg"), "",
         "train: data/train/loose.jpg in FACES is in the folder of no class"),
        (lambda f: shutil.rmtree(f / "data/val"), "",
         "FACES has no pictures in a folder val; FACES has data (1: train)"),
        (lambda f: shutil.rmtree(f / "data"), "", "faces: the folder is empty, and there is no"),
        (zipped("../x.jpg"), "", "FACES/faces.zip: ../x.jpg would be outside of it: make it anew"),
        (zipped("/a/x.jpg"), "", "FACES/faces.zip: /a/x.jpg would be outside of it: make it a"),
        (zipped(f"{MADONNA}/x.jpg", link=True), "",
         f"FACES/faces.zip: {MADONNA}/x.jpg is a link: make it anew"),
        (nested(3), "", "FACES has no pictures; outer/2/1.zip is an archive in two others: unpack"),
        (lambda f: None, "--model mobilenet --set batch_size=64",
         "a batch of 64 is more than the 42 training examples: lower it with --set batch_size=42"),
        (lambda f: [empty(one) for one in (f / "data/train").iterdir() if one.name != "madonna"],
         "--folds 20", "17 labelled rows cannot be split into 20 folds"),
        (lambda f: [empty(one) for one in (f / "data/train").iterdir() if one.name != "madonna"],
         "--set split=random",
         "setting split=random: 17 pictures, 1 of one class, are too few for three parts"),
    ],
    ids=["zero bytes", "truncated", "web page", "unknown class", "loose", "no validation",
         "nothing", "climbs", "absolute", "link", "too deep", "batch", "folds", "split"],
)  # fmt: skip
def test_what_cannot_be_used_is_one_line(
    change: Callable[[Path], None],
    options: str,
    said: str,
    faces: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    change(faces)
    given = ("--dry-run", "--data", faces, "--run-dir", tmp_path / "run")
    which = options if "--model" in options else f"--ensemble {options}"
    done = tiny.submit_here(capsys, "celebrities", *which.split(), *given)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(PREFIX)
    assert said.replace("FACES", str(faces)) in line
    assert not (tmp_path / "run").exists()


def add_systems_files(faces: Path) -> None:
    for folder in (faces, faces / "data", faces / MADONNA):
        (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    for name in (f"{MADONNA}/._1.jpg", f"{MADONNA}/Thumbs.db", "data/train/__MACOSX/x.jpg"):
        (faces / name).parent.mkdir(exist_ok=True)
        (faces / name).write_bytes(b"no picture")


def add_modes(faces: Path) -> None:
    """One picture in each mode that a folder of pictures may have."""
    folder = faces / MADONNA
    picture = Image.open(folder / "0.jpg").convert("RGB")
    for mode, name in (
        ("1", "bit.png"), ("P", "palette.png"), ("P", "palette.gif"), ("LA", "grey-alpha.png"),
        ("RGBA", "alpha.png"), ("L", "grey.jpg"), ("CMYK", "cmyk.jpg"), ("CMYK", "cmyk.tif"),
    ):  # fmt: skip
        picture.convert(mode).save(folder / name)
    assert b"Adobe" in (folder / "cmyk.jpg").read_bytes()
    wide = np.asarray(picture).astype(np.uint16) * 257
    cv2.imwrite(str(folder / "wide.png"), wide)
    cv2.imwrite(str(folder / "wide-grey.png"), wide[..., 0])


EMPTY = "warning: classes of validation that train has not: 1 of 14 (madonna)\n"


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda f: None, {}, ""),
        (add_systems_files, {}, ""),
        (add_modes, {}, ""),
        (zipped(), {}, ""),
        (nested(2), {}, ""),
        (lambda f: empty(f / MADONNA), {}, EMPTY),
        (lambda f: shutil.rmtree(f / MADONNA), {}, EMPTY),
        (lambda f: empty(f / "data/val/madonna"), {},
         "warning: classes that validation has not: 1 of 14 (madonna)\n"),
        (lambda f: [empty(f / f"data/{part}/madonna") for part in COUNTS], {},
         "warning: classes without a picture in train or validation: 1 of 14 (madonna)\n"),
        (lambda f: empty(f / MADONNA), {"folds": 4},
         "warning: classes with one picture, which the fold with it does not learn: 1 of 14"),
    ],
    ids=["as it should be", "systems' files", "modes", "zip", "zip in a zip", "empty in train",
         "not in train", "empty in validation", "empty", "folds"],
)  # fmt: skip
def test_what_can_be_used_is_with_a_warning_at_most(
    change: Callable[[Path], None],
    options: dict[str, Any],
    said: str,
    faces: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change(faces)
    look_at(faces, **options)
    warned = "".join(one for one in capsys.readouterr().out.splitlines(True) if "warn" in one)
    assert warned.startswith(said) if said else not warned


def test_what_splits_the_same_way_is_looked_at_once(
    faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        dry_run, "_run_reading", lambda *given: asked.append(given[0][-2]) or (0, "")
    )
    look_at(faces, folds=4, models=("mobilenet", "cnn"))
    assert [json.loads(one)["folds"] for one in asked] == [4]


def test_fewer_patients_of_a_class_than_folds(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    xrays = tmp_path / "xrays"
    for part, name in [("train", f"PNEUMONIA/person{n}_virus_1.png") for n in range(12)] + [
        *(("train", f"NORMAL/IM-0001-{n:04}.png") for n in range(6)),
        *((part, f"NORMAL/IM-0002-{part}.png") for part in ("val", "test")),
        *((part, f"PNEUMONIA/person90_{part}.png") for part in ("val", "test")),
    ]:
        (xrays / part / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(xrays / part / name), random.integers(0, 256, (36, 36), np.uint8))
    look_at(xrays, PNEUMONIA, folds=4)  # of two patients of NORMAL
    with pytest.raises(UserError) as caught:
        look_at(xrays, PNEUMONIA, folds=20)
    assert str(caught.value) == "15 groups of labelled rows cannot be split into 20 folds"
