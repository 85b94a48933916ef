"""X-rays of 12 bits in files of 16 are as bright as they are, and all of them alike."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.data.depth import of_one_depth
from common.data.layouts import folder_of_pictures
from common.data.pictures import Pictures


def write(path: Path, brightest: int, shape: tuple[int, ...] = (20, 30)) -> None:
    """A ramp from 0 to a value, of 16 bits."""
    path.parent.mkdir(exist_ok=True)
    ramp = np.linspace(0, brightest, int(np.prod(shape))).reshape(shape)
    assert cv2.imwrite(str(path), ramp.astype(np.uint16))


@pytest.mark.parametrize("ending", ["png", "tiff"])
@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3)])
@pytest.mark.parametrize(
    ("brightest", "bits"), [(200, 8), (256, 10), (3000, 12), (4095, 12), (4096, 14), (65535, 16)]
)
def test_values_are_scaled_by_the_largest_of_all(
    tmp_path: Path, ending: str, shape: tuple[int, ...], brightest: int, bits: int
) -> None:
    write(tmp_path / "a" / f"1.{ending}", brightest // 3, shape)
    write(tmp_path / "a" / f"2.{ending}", brightest, shape)
    (tmp_path / "a" / "3.png").write_bytes(b"broken")
    records = folder_of_pictures("train", tmp_path / "a")
    assert records.bits == bits
    pictures = Pictures(records, 20)
    for row, value in ((0, brightest // 3), (1, brightest)):
        assert abs(int(pictures.original(row).max()) - value * 256 // 2**bits) <= 1


@pytest.mark.parametrize(("brightest", "bits"), [(1.0, 0), (0.4, 0), (250.5, 8), (3000.5, 12)])
def test_values_with_a_decimal_point_are_scaled_alike(
    tmp_path: Path, brightest: float, bits: int
) -> None:
    for name, highest in (("1.tiff", brightest / 2), ("2.tiff", brightest)):
        ramp = np.linspace(0, highest, 600, dtype=np.float32).reshape(20, 30)
        cv2.imwrite(str(tmp_path / name), ramp)
    records = folder_of_pictures("train", tmp_path)
    assert records.bits == bits
    full = 2**bits - 1 if bits else 1
    for row, highest in enumerate((brightest / 2, brightest)):
        assert abs(int(Pictures(records, 20).original(row).max()) - 255 * highest / full) <= 1


def test_parts_and_splits_share_the_bits(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write(tmp_path / "train" / "1.png", 4000)
    write(tmp_path / "test" / "1.png", 900)
    train, test = (folder_of_pictures(part, tmp_path / part) for part in ("train", "test"))
    assert "progress stage=depth part=train bits=12 of=1" in capsys.readouterr().out
    assert (train.bits, test.bits) == (12, 10)
    same = of_one_depth([train, test, dataclasses.replace(test, bits=0)])
    assert [part.bits for part in same] == [12] * 3
    assert train.take(np.array([0])).bits == 12
    assert abs(int(Pictures(same[1], 8).original(0).max()) - 900 // 16) <= 1


def test_pictures_of_8_bits_say_nothing(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.full((4, 4), 3, np.uint8))
    assert folder_of_pictures("test", tmp_path).bits == 0
