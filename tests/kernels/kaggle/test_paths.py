"""Names that lead out of a folder are refused."""

import zipfile
from pathlib import Path

import pytest

from common.errors import UserError
from kernels.kaggle.paths import inside, unzip


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "..\\x", "C:/x", ""])
def test_names_that_lead_out_of_the_folder_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="points outside"):
        inside(tmp_path, name)
    assert inside(tmp_path, "a/b.txt") == tmp_path / "a" / "b.txt"


def test_an_archive_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("good.txt", "x")
        archive.writestr("../evil.txt", "x")
    with pytest.raises(UserError, match=r"\.\./evil.txt"):
        unzip(tmp_path / "bad.zip", tmp_path / "out")
    assert not (tmp_path / "evil.txt").exists()
    assert not (tmp_path / "out").exists()
