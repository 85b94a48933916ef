"""The README's first command on petals: generated flowers, and real ones where they are."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import tiny
from common.metrics import macro_f1
from common.predictions import load_predictions

SHARED = tiny.ROOT.parent / "shared" / "data"
FLOWERS, SOLUTION = SHARED / "tpu-getting-started", SHARED / "tpu-getting-started-solution.csv"


def hidden_score(folder: Path, solution: Path) -> float:
    """Macro F1 of a kernel's test probabilities on all hidden labels."""
    with open(solution, newline="") as file:
        labels = {row["id"]: int(row["label"]) for row in csv.DictReader(file)}
    predictions = load_predictions(folder, "a member")
    truth = np.array([labels[name] for name in predictions.test_ids.tolist()])
    return macro_f1(truth, predictions.test.argmax(axis=1))


def test_the_ensemble_learns_and_is_scored_on_generated_flowers(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    arguments = ["petals", "--ensemble", "--dry-run", "--run-dir", folder, "--json"]
    told = tiny.last_json(tiny.submit(*arguments))
    assert told["public_score"] >= 0.5
    assert told["private_score"] >= 0.5
    assert told["blend"]["validation_score"] >= 0.5
    solution = folder / "data" / "solution.csv"
    for name in ("densenet201", "efficientnetb7", "ensemble"):
        assert hidden_score(folder / "outputs" / name, solution) >= 0.5
        figures = {path.name for path in (folder / "figures").glob(f"{name}-*.png")}
        assert len(figures) >= 3
    manifest = json.loads((folder / "outputs" / "densenet201" / "manifest.json").read_text())
    assert manifest["accelerator"] == {"asked": "cpu", "seen": "cpu", "replicas": 1}
    assert manifest["shared_hash"]["built"] == manifest["shared_hash"]["found"]
    # Labels that no kernel may see: neither below its inputs nor in its folder.
    for session in (folder / "kaggle").rglob("kaggle"):
        assert not [path for path in session.rglob("*") if "solution" in path.name]


@pytest.mark.skipif(not FLOWERS.is_dir(), reason="the real flowers are not beside this clone")
def test_real_flowers_run_through_the_same_command(tmp_path: Path) -> None:
    done = tiny.submit(
        *("petals", "--model", "densenet201", "--dry-run", "--json"),
        *("--data", FLOWERS, "--solution", SOLUTION, "--run-dir", tmp_path / "run"),
    )
    told = tiny.last_json(done)
    assert told["submission"].endswith("submission.csv")
    assert told["public_score"] > 1.5 / 14


def test_an_accelerator_that_is_not_there_stops_the_kernel(tmp_path: Path) -> None:
    done = tiny.submit(
        *("petals", "--model", "xception", "--dry-run", "--accelerator", "tpu"),
        *("--run-dir", tmp_path / "run"),
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "accelerator tpu was asked for and is not there" in last
    assert "whole log" in last
