"""``export``: files for a phone, measured on validation."""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from common.files.predictions import Predictions, load_predictions
from common.manifest import read_manifest
from common.networks.export import KINDS, LiteFile
from common.recipe import override
from common.tasks.number import Number
from common.training import exporting
from support import small_classifier

pytestmark = pytest.mark.slow


def test_files_for_a_phone_are_written_and_measured(
    train: Callable[..., str], tmp_path: Path
) -> None:
    train(small_classifier.KERNEL, tmp_path, settings={"export": True, "refit": False}, nonce="n")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    keras, *files = metrics["exports"]
    assert [one["kind"] for one in (keras, *files)] == ["keras", *KINDS]
    assert keras["bytes"] == (tmp_path / "small.weights.h5").stat().st_size
    assert keras["bytes"] > 4 * keras["total_parameters"]
    assert keras["bytes_with_optimizer"] == keras["bytes"] + 8 * keras["trainable_parameters"]
    assert keras["score"] == pytest.approx(metrics["validation_score"])
    assert keras["interval"] == pytest.approx(metrics["interval"])
    name = next(
        line.partition(": ")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    listed = read_manifest(tmp_path, "small", "n")["files"]
    for one in files:
        path = tmp_path / f"small.{one['kind']}.tflite"
        assert path.name in listed
        assert path.stat().st_size == one["bytes"]
        assert one["n"] == len(load_predictions(tmp_path, "small").validation_ids)
        assert 0 < one["quartiles"][0] <= one["milliseconds"] <= one["quartiles"][1]
        assert (one["threads"], one["machine"]) == (1, f"{name}, {os.cpu_count()} cores")
        assert one["change"]["difference"] == pytest.approx(one["score"] - keras["score"])
        assert one["interval"][0] <= one["score"] <= one["interval"][1]
    assert files[0]["change"]["interval"] == [0, 0]  # float32 decides as Keras does
    assert LiteFile(path.read_bytes())(np.zeros((16, 16, 3))).shape == (3,)


def test_a_file_that_cannot_be_run_is_a_warning(
    train: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bytes] = []

    def run_two(content: bytes, threads: int) -> LiteFile:
        made.append(content)
        if len(made) == len(KINDS):
            raise RuntimeError("conv.cc:390 zero_point->data[i] != 0 (3 != 0)")
        return LiteFile(content, threads)

    monkeypatch.setattr(exporting, "LiteFile", run_two)
    train(small_classifier.KERNEL, tmp_path, settings={"export": True, "refit": False}, nonce="n")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert [one["kind"] for one in metrics["exports"]] == ["keras", *KINDS[:-1]]
    line = "no int8 file: LiteRT cannot run what its converter makes of small"
    assert read_manifest(tmp_path, "small", "n")["warnings"] == [line]
    assert not (tmp_path / "small.int8.tflite").exists()


@pytest.mark.parametrize("other", [{"refit": True}, {"refit": False, "fold": None, "folds": 3}])
def test_what_validation_does_not_measure_is_refused(other: dict) -> None:
    with pytest.raises(
        UserError, match=r"refit=no, too, and give no folds|all folds in one kernel"
    ):
        override(small_classifier.RECIPE, {"export": True, **other})


def test_files_of_numbers_are_scored_in_the_labels_unit() -> None:
    metric = {"task": Number(10.0, 20.0), "metric": "mae"}
    competition = dataclasses.replace(small_classifier.COMPETITION, **metric)
    labels = np.array([10.0, 15.0, 20.0])
    shares = np.array([[0.0], [0.5], [0.9], [0.9]], np.float32)  # the last batch is filled up
    ids = np.array(["a", "b", "c"])
    predictions = Predictions(ids, labels, 10 + 10 * shares[:3], np.empty(0), np.empty((0, 1)))
    found = exporting._scores(competition, {"keras": shares, "int8": shares * 0}, predictions)
    assert found["keras"]["score"] == pytest.approx(1 / 3)
    assert found["int8"]["score"] == pytest.approx(5.0)
    assert found["int8"]["change"]["difference"] == pytest.approx(5 - 1 / 3)
    assert found["int8"]["n"] == 3
