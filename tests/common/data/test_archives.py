"""Files by name, however macOS, Windows or a camera spelled them."""

import unicodedata
import zipfile
from pathlib import Path

import pytest

from common.data.archives import PackedFiles
from common.errors import UserError

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
