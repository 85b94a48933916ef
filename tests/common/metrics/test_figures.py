"""Figures: what they show fits into them."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from common.metrics.figures import confusion


@pytest.mark.parametrize("names", [("a", "b", "c"), ("blight", "W" * 60, "rust" * 20)])
def test_long_names_of_classes_fit_into_the_confusions(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    confusion(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]), names, tmp_path / "figure.png")
    dark = cv2.imread(str(tmp_path / "figure.png")).min(axis=2) < 250
    assert dark.any()
    border = np.concatenate([dark[:3].ravel(), dark[-3:].ravel(), dark[:, :3].ravel()])
    assert not border.any()
    assert not dark[:, -3:].any()
