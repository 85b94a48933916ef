"""Files of folders and archives, however macOS, Windows or a camera spelled them."""

import errno
import io
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import py7zr
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.data import places, unpacking
from common.data.archives import contents, in_words, locate
from common.data.packed import PackedFiles
from common.data.places import read
from common.errors import UserError, machine_faults
from support import ROOT

NFC, NFD = (unicodedata.normalize(form, "Å\u00e9.jpg") for form in ("NFC", "NFD"))


def packed(path: Path, names: list[str]) -> Path:
    """A zip whose files have their names as content; separators are as they are written here."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, b"" if name.endswith(("/", "\\")) else name.encode())
    return path


def without_flag(path: Path) -> Path:
    """As macOS writes zips: names in UTF-8, and no flag that says so."""
    with zipfile.ZipFile(path) as archive:
        places = [info.header_offset + 6 for info in archive.infolist()]
        content = bytearray(path.read_bytes())
    at = -1
    while (at := content.find(b"PK\x01\x02", at + 1)) >= 0:
        places.append(at + 8)
    for place in places:
        content[place + 1] &= ~0x08
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["train\\", "train\\1.jpg", "train\\10.jpg", "train\\Thumbs.db"], ["1.jpg", "10.jpg"]),
        ([f"train/{NFD}", f"__MACOSX/train/._{NFD}", "train/.DS_Store"], [NFC]),
        (["train/", "desktop.ini", "train/2.JPG"], ["2.JPG"]),
    ],
)
def test_a_zip_of_any_system_has_its_pictures(
    tmp_path: Path, names: list[str], found: list[str]
) -> None:
    path = packed(tmp_path / "train.zip", names)
    assert PackedFiles([path]).names() == found
    assert PackedFiles([path]).read(found[0]).decode() in names
    files = PackedFiles([without_flag(path)])
    assert files.names() == found
    assert files.read(found[0]).decode() in names


def test_a_folder_has_names_in_one_form(tmp_path: Path) -> None:
    (tmp_path / NFD).write_text("one")
    (tmp_path / "._1.jpg").touch()
    files = PackedFiles([tmp_path])
    assert files.names() == [NFC]
    assert files.read(NFC) == b"one"


def test_a_table_says_how_files_are_spelled(tmp_path: Path) -> None:
    names = ["1.JPG", "2.jpg", "2.JPG", NFC, "3.jpg"]
    better = packed(tmp_path / "better.zip", ["1.jpg", "4.jpg"])
    files = PackedFiles([packed(tmp_path / "train.zip", names)], better)
    files.spell(["1.jpg", "2.jpg", NFD, "5.jpg", "4.JPG"])
    assert files.names() == [NFD, "1.jpg", "2.JPG", "2.jpg", "3.jpg"]
    assert [files.read(name).decode() for name in ("1.jpg", "2.jpg", NFD, "4.JPG")] == [
        *("1.jpg", "2.jpg", NFC, "4.jpg"),
    ]
    assert "5.jpg" not in files


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "train.zip", ["a\\1.jpg", "b/1.jpg"])
    with pytest.raises(UserError, match="have the same name: rename one of them"):
        PackedFiles([path])


def test_what_only_windows_unpacks_is_named(tmp_path: Path) -> None:
    path = packed(tmp_path / "train.zip", ["1.jpg"])
    content = bytearray(path.read_bytes())
    for sign, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        content[content.find(sign) + place] = 9  # Deflate64
    path.write_bytes(content)
    with pytest.raises(ValueError, match="packed in a way of Windows in train.zip: unpack it"):
        PackedFiles([path]).read("1.jpg")


Files = dict[str, bytes]


def as_folder(path: Path, files: Files) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def as_zip(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path.with_name(f"{path.name}.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, content) in enumerate(files.items()):
            archive.writestr(name, content, [zipfile.ZIP_STORED, None][number % 2])
    return Path(str(archive.filename))


def as_tar(path: Path, files: Files, ending: str = "tar", mode: str = "w") -> Path:
    found = path.with_name(f"{path.name}.{ending}")
    with tarfile.open(found, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return found


def as_7z(path: Path, files: Files) -> Path:
    found = path.with_name(f"{path.name}.7z")
    with py7zr.SevenZipFile(found, "w") as archive:
        for name, content in files.items():
            archive.writestr(content, name)
    return found


KINDS: dict[str, Callable[[Path, Files], Path]] = {
    "folder": as_folder,
    "zip": as_zip,
    "tar": as_tar,
    "tar.gz": lambda path, files: as_tar(path, files, "tar.gz", "w:gz"),
    "txz": lambda path, files: as_tar(path, files, "txz", "w:xz"),
    "7z": as_7z,
}
FILES = {"train/a/1.jpg": b"one" * 999, "train/a/2.jpg": b"", "train/b/1.jpg": b"\0\1\2"}


def found_in(path: Path) -> Files:
    return {name: read(place) for name, place in contents(path).items()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_archive_has_the_same_files(tmp_path: Path, kind: str) -> None:
    hidden = {"__MACOSX/train/._1.jpg": b"x", "train/.DS_Store": b"x", "train/a/Thumbs.db": b"x"}
    made = KINDS[kind](tmp_path / "data", {**hidden, **FILES})
    assert locate(tmp_path / "data") == made
    assert found_in(made) == FILES
    place = contents(made)["train/a/1.jpg"]
    assert read(place, 4) == b"oneo"
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, [place] * 64)) == {b"one" * 999}
    assert in_words(place.path, place.start, place.kind).endswith("train/a/1.jpg")


@pytest.mark.parametrize("outer", KINDS)
@pytest.mark.parametrize("inner", [kind for kind in KINDS if kind != "folder"])
def test_archives_lie_in_folders_and_archives(tmp_path: Path, outer: str, inner: str) -> None:
    cats = KINDS[inner](tmp_path / "cat", {"1.jpg": b"cat", "2.jpg": b"another"})
    dogs = KINDS[inner](tmp_path / "dog", {"dog/1.jpg": b"dog"})
    packed = {f"train/{one.name}": one.read_bytes() for one in (cats, dogs)}
    made = KINDS[outer](tmp_path / "data", packed)
    wanted = {"cat/1.jpg": b"cat", "cat/2.jpg": b"another", "dog/1.jpg": b"dog"}
    assert found_in(made) == {f"train/{name}": content for name, content in wanted.items()}
    place = contents(made)["train/dog/1.jpg"]
    assert f"{outer if outer != 'folder' else inner}:" in in_words(*place[:2], place.kind)


def test_a_folder_is_preferred_to_its_archive(tmp_path: Path) -> None:
    as_folder(tmp_path / "cat", {"1.jpg": b"unpacked"})
    as_zip(tmp_path / "cat", {"1.jpg": b"packed"})
    assert found_in(tmp_path) == {"cat/1.jpg": b"unpacked"}
    assert locate(tmp_path / "cat") == tmp_path / "cat"
    with pytest.raises(UserError, match=r"dog: no such folder or archive .*; .* has cat \(1: "):
        locate(tmp_path / "dog")
    (tmp_path / "dog").mkdir()
    with pytest.raises(UserError, match="dog: the folder is empty, and there is no archive of its"):
        locate(tmp_path / "dog")
    with pytest.raises(UserError, match="1.jpg: this file is no archive .*: name the folder of th"):
        locate(tmp_path / "cat" / "1.jpg")


def test_links_to_what_is_not_there_are_no_files(tmp_path: Path) -> None:
    as_folder(tmp_path / "rose", {"1.jpg": b"one"})
    for name in ("2.jpg", "x.zip", "more"):
        (tmp_path / "rose" / name).symlink_to(tmp_path / "gone" / name)
    (tmp_path / "rose" / "around").symlink_to(tmp_path / "rose" / "around")
    assert found_in(tmp_path) == {"rose/1.jpg": b"one"}


_part = st.text("ab\u00e9 1.", min_size=1, max_size=5).filter(
    lambda one: one.strip(" .") == one and "." not in one[:1]
)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(
        st.lists(_part, min_size=2, max_size=3).map("/".join), st.binary(max_size=99), max_size=6
    ),
)
def test_what_is_packed_is_what_is_read(kind: str, drawn: Files) -> None:
    folders = {name.rpartition("/")[0] for name in drawn}
    folders |= {folder.rpartition("/")[0] for folder in folders}
    files = {name: content for name, content in drawn.items() if name not in folders}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").mkdir()
        made = KINDS[kind](Path(folder) / "data", files)
        assert found_in(made) == files


@pytest.mark.parametrize("name", ["../1.jpg", "a/../../1.jpg", "/etc/1.jpg", "C:/1.jpg"])
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_names_that_leave_an_archive_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    made = KINDS[kind](tmp_path / "data", {name: b"x"})
    with pytest.raises(UserError, match=f"data.{kind}: .*1.jpg would be outside of it"):
        contents(made)


@pytest.mark.parametrize(("ending", "mode"), [("tar", "w"), ("tgz", "w:gz")])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, ending: str, mode: str, kind: bytes) -> None:
    made = as_tar(tmp_path / "data", {"1.jpg": b"x"}, ending, mode)
    with tarfile.open(made, mode) as archive:  # type: ignore[call-overload]
        link = tarfile.TarInfo("2.jpg")
        link.type, link.linkname = kind, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(UserError, match="2.jpg is no plain file, but a link or device"):
        contents(made)


def test_a_link_in_a_7z_is_refused(tmp_path: Path) -> None:
    (tmp_path / "2.jpg").symlink_to("/etc/passwd")
    with py7zr.SevenZipFile(tmp_path / "data.7z", "w") as archive:
        archive.write(tmp_path / "2.jpg", "2.jpg")
    with pytest.raises(UserError, match="data.7z: 2.jpg is a link: make it anew"):
        contents(tmp_path / "data.7z")


def test_what_is_packed_twice_or_with_a_password_is_refused(tmp_path: Path) -> None:
    twice = tmp_path / "twice.tar"
    with tarfile.open(twice, "w") as archive:
        for _ in range(2):
            archive.addfile(tarfile.TarInfo("1.jpg"))
    with pytest.raises(UserError, match="twice.tar: it has 1.jpg twice"):
        contents(twice)
    with py7zr.SevenZipFile(tmp_path / "locked.7z", "w", password="x") as locked:
        locked.writestr(b"x", "1.jpg")
    with pytest.raises(UserError, match="locked.7z needs a password: unpack it"):
        contents(tmp_path / "locked.7z")
    made = as_zip(tmp_path / "locked", {"1.jpg": b"x"})
    content = bytearray(made.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    made.write_bytes(content)
    with pytest.raises(UserError, match="locked.zip: 1.jpg needs a password"):
        contents(made)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "folder"])
@pytest.mark.parametrize("damage", ["cut", "page", "zeros", "empty"])
def test_a_damaged_archive_is_one_line(tmp_path: Path, kind: str, damage: str) -> None:
    random = np.random.default_rng(0).bytes(20_000)
    made = KINDS[kind](tmp_path / "data", {"1.jpg": random, "2.jpg": random[::-1]})
    content = made.read_bytes()
    made.write_bytes(
        {
            "cut": content[: len(content) // 2],
            "page": b"<html>not found</html>" * 99,
            "zeros": content[:9000] + bytes(9000) + content[18000:],
            "empty": b"",
        }[damage]
    )
    what = {"page": "it is a web page: fetch", "empty": "it is an empty file: fetch"}.get(damage)
    if (kind, damage) == ("tar", "zeros"):  # it has no sums of its files
        return
    with pytest.raises((UserError, ValueError), match=what or "data.*") as raised:
        found_in(made)
    assert "\n" not in str(raised.value)


def test_what_needs_more_than_the_disk_has_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MOST_BYTES", 5000)
    for kind in ("7z", "tar.gz"):
        made = KINDS[kind](tmp_path / "data", {"1.jpg": bytes(4000), "2.jpg": bytes(4000)})
        with pytest.raises(UserError, match="unpacks to 0.0 GB, and there is room for 0.0 GB"):
            contents(made)
    monkeypatch.setattr(places, "MOST_BYTES", 100)
    large = contents(as_zip(tmp_path / "data", {"1.jpg": bytes(4000)}))["1.jpg"]
    with pytest.raises(ValueError, match="too large: a file of 0 MB"):
        read(large)


@pytest.mark.parametrize(("spare", "said"), [(1, "in.zip is larger than it says"), (-1, "is cut")])
def test_an_archive_with_other_bytes_than_it_says_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spare: int, said: str
) -> None:
    inner = as_zip(tmp_path / "in", {"1.jpg": b"x"})
    outer = as_zip(tmp_path / "data", {"in.zip": inner.read_bytes()})
    content = bytes(inner.stat().st_size + spare)
    monkeypatch.setattr(places, "open_member", lambda place: io.BytesIO(content))
    with pytest.raises(UserError, match=said):
        contents(outer)


def test_a_full_disk_is_no_fault_of_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(writer: object, block: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "here")

    monkeypatch.setattr(unpacking._Writer, "write", full)
    for kind in ("7z", "tar.gz"):
        made = KINDS[kind](tmp_path / "data", {"1.jpg": b"x"})
        with pytest.raises(UserError, match="here: No space left on device: make room"):
            with machine_faults():
                contents(made)


def test_without_the_package_a_7z_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = as_7z(tmp_path / "data", {"1.jpg": b"x"})
    monkeypatch.setitem(sys.modules, "py7zr", None)
    with pytest.raises(UserError, match="data.7z: this needs the package py7zr: install it, or"):
        contents(made)


@pytest.mark.parametrize("end", ["", "from common.errors import end_process; end_process(0)"])
def test_what_was_unpacked_goes_with_the_process(tmp_path: Path, end: str) -> None:
    made = as_7z(tmp_path / "data", {"1.jpg": b"x"})
    program = (
        "import sys; from pathlib import Path; from common.data.archives import contents\n"
        f"print(contents(Path(sys.argv[1]))['1.jpg'].path)\n{end}"
    )
    command = [sys.executable, "-c", program, str(made)]
    environment = {"TMPDIR": str(tmp_path), "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    first, path = done.stdout.splitlines()
    assert first == "progress stage=unpacking archive=data.7z"
    assert Path(path).parent.parent == tmp_path
    assert [one.name for one in tmp_path.iterdir()] == ["data.7z"]
