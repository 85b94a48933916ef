"""A dry run's data and solution against the competition's form, before anything runs."""

import shutil
import zipfile
from pathlib import Path

import pytest

from common.errors import UserError
from competitions import find_competition
from kernels.local.dry_run import check_data


@pytest.fixture
def files(tiny_data: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Data and solution that fit."""
    data = shutil.copytree(tiny_data[0], tmp_path / "data")
    return data, shutil.copy(tiny_data[1], tmp_path / "solution.csv")


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def fault(files: tuple[Path, Path]) -> str:
    with pytest.raises(UserError) as caught:
        check_data(find_competition("tiny"), *files)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_fits_passes_also_zipped(files: tuple[Path, Path]) -> None:
    check_data(find_competition("tiny"), *files)
    sample = files[0] / "sample_submission.csv"
    with zipfile.ZipFile(f"{sample}.zip", "w") as archive:
        archive.write(sample, sample.name)
    sample.unlink()
    check_data(find_competition("tiny"), *files)


def test_a_solution_of_other_columns_is_named(files: tuple[Path, Path]) -> None:
    edit(files[1], "id,label,Usage", "id,labels,Usage")
    assert "starts with id,labels,Usage, expected id,label,Usage" in fault(files)


def test_a_sample_of_another_form_is_named(files: tuple[Path, Path]) -> None:
    edit(files[0] / "sample_submission.csv", "id,label", "id,class")
    said = fault(files)
    assert "the sample lacks label and has class, and the submission LabelColumn is of id" in said
    assert said.endswith("in competitions/tiny_digits/__init__.py")


def test_a_sample_whose_ids_are_not_first_is_named(files: tuple[Path, Path]) -> None:
    sample = files[0] / "sample_submission.csv"
    rows = [",".join(reversed(line.split(","))) for line in sample.read_text().splitlines()]
    sample.write_text("\n".join(rows))
    assert "the sample begins with another column, and the submission LabelColumn is of" in fault(
        files
    )


def test_a_solution_of_other_ids_is_named(files: tuple[Path, Path]) -> None:
    edit(files[1], "r12,", "r99,")
    assert "differ in 2 ids, for example r12, r99: they must name the same" in fault(files)


def test_a_form_that_fits_neither_sample_nor_solution_is_told_of_the_sample(
    files: tuple[Path, Path],
) -> None:
    for path in (files[0] / "sample_submission.csv", files[1]):
        edit(path, "id,label", "image,label")
    assert "the sample lacks id and has image" in fault(files)
