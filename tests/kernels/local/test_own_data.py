"""A dry run on one's own data: wherever they lie, and however their tables are packed."""

import shutil
import zipfile
from pathlib import Path

import pytest

from kernels.local.files import find_data_file, find_file
from support import tiny


def pack(table: Path, how: str) -> None:
    """Leave ``table`` as Kaggle may: plain, zipped, or in a folder of its name."""
    content = table.read_bytes()
    if how == "zip":
        with zipfile.ZipFile(table.with_name(f"{table.name}.zip"), "w") as archive:
            archive.writestr(table.name, content)
        table.unlink()
    elif how == "folder":
        table.unlink()
        table.mkdir()
        (table / table.name).write_bytes(content)


@pytest.mark.parametrize("how", ["plain", "zip", "folder"])
def test_data_beside_the_working_folder_are_scored(
    how: str, tiny_data: tuple[Path, Path], tmp_path: Path
) -> None:
    data, solution = tmp_path / "mine" / "data", tmp_path / "mine" / "solution.csv"
    shutil.copytree(tiny_data[0], data)
    shutil.copy(tiny_data[1], solution)
    pack(data / "sample_submission.csv", how)
    (tmp_path / "here").mkdir()
    given = ("--data", "../mine/data", "--solution", "../mine/solution.csv", "--run-dir", "../run")
    done = tiny.submit(
        "tiny", "--model", "left", "--dry-run", *given, "--json", cwd=tmp_path / "here"
    )
    assert tiny.last_json(done)["public_score"] > 0.5


def test_a_file_is_asked_for_by_a_name_that_stays_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "table.csv").touch()
    (tmp_path / "hidden.csv").touch()
    folder = tmp_path / "here" / ".." / "mine"
    (tmp_path / "here").mkdir()
    assert find_file(folder, "table.csv") == folder / "table.csv"
    for find in (find_file, find_data_file):
        for name in ("../hidden.csv", str(tmp_path / "hidden.csv"), "../mine/table.csv", "no.csv"):
            assert find(folder, name) is None
