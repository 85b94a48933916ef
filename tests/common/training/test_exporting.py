"""``export``: files for a phone, measured on validation."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from common.files.predictions import load_predictions
from common.manifest import read_manifest
from common.networks.export import KINDS, LiteFile
from common.recipe import override
from support import small_classifier

pytestmark = pytest.mark.slow


def test_files_for_a_phone_are_written_and_measured(
    train: Callable[..., str], tmp_path: Path
) -> None:
    train(small_classifier.KERNEL, tmp_path, settings={"export": True, "refit": False}, nonce="n")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    keras, *files = metrics["exports"]
    assert [one["kind"] for one in (keras, *files)] == ["keras", *KINDS]
    assert keras["bytes"] == 4 * keras["total_parameters"]
    assert keras["bytes_with_optimizer"] == keras["bytes"] + 8 * keras["trainable_parameters"]
    listed = read_manifest(tmp_path, "small", "n")["files"]
    for one in files:
        path = tmp_path / f"small.{one['kind']}.tflite"
        assert path.name in listed
        assert path.stat().st_size == one["bytes"]
        assert one["n"] == len(load_predictions(tmp_path, "small").validation_ids)
        assert one["milliseconds"] > 0
    assert files[0]["score"] == pytest.approx(metrics["validation_score"])
    assert LiteFile(path.read_bytes())(np.zeros((16, 16, 3))).shape == (3,)


@pytest.mark.parametrize("other", [{"refit": True}, {"refit": False, "fold": None, "folds": 3}])
def test_what_validation_does_not_measure_is_refused(other: dict) -> None:
    with pytest.raises(
        UserError, match=r"refit=no, too, and give no folds|all folds in one kernel"
    ):
        override(small_classifier.RECIPE, {"export": True, **other})
