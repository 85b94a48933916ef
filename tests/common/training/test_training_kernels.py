"""Each kernel script runs as it would on Kaggle, and leaves what everything after it reads."""

import csv
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.accelerator import Accelerator
from common.data.records import Records
from common.errors import UserError
from common.files.predictions import load_predictions
from common.forms import ProbabilityColumns
from common.kernel import KernelRun
from common.manifest import read_manifest
from common.parameters import Parameters
from common.training.records import load_records
from common.training.trainer import Trainer
from competitions.petals_to_metal import generated
from support import ROOT, flowers, small_classifier


@pytest.fixture(scope="module")
def petals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """Generated data and the hidden labels by id."""
    root = tmp_path_factory.mktemp("petals")
    generated.write(root / "data", root / "solution.csv", seed=0)
    with open(root / "solution.csv", newline="") as file:
        return root / "data", {row["id"]: int(row["label"]) for row in csv.DictReader(file)}


def run(
    folder: Path, data: Path, name: str, before: str = "", **parameters: Any
) -> subprocess.CompletedProcess[str]:
    """Run a script's kernel with ``parameters``, after a line, in Kaggle's layout."""
    mounted = folder / "kaggle" / "input" / "competitions" / "tpu-getting-started"
    mounted.parent.mkdir(parents=True)
    mounted.symlink_to(data, target_is_directory=True)
    working = folder / "kaggle" / "working"
    working.mkdir()
    values = {
        "kernel": name,
        "nonce": "n1",
        "small": True,
        "accelerator": "cpu",
        "internet": False,
        **parameters,
    }
    code = (
        "from support.carry_out import carry_out\n"
        f"from competitions.petals_to_metal.{name} import KERNEL\n"
    )
    script = folder / "script.py"
    script.write_text(f"{before}{code}carry_out(KERNEL, {values!r})\n")
    environment = {
        **os.environ,
        "KAGGLE_CACHE_MOUNT_FOLDER": str(folder / "kaggle" / "input"),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
    }
    command = [sys.executable, str(script)]
    return subprocess.run(command, cwd=working, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("efficientnetb7", {"refit_fresh": True}), ("xception", {"cache": "none", "refit": False})],
)
def test_the_other_kernels_run(
    petals: tuple[Path, dict[str, int]], tmp_path: Path, name: str, settings: dict[str, Any]
) -> None:
    done = run(tmp_path, petals[0], name, settings={"epochs": 1, **settings})
    assert done.returncode == 0, done.stderr
    working = tmp_path / "kaggle" / "working"
    manifest = read_manifest(working, name, "n1")
    assert manifest["recipe"]["epochs"] == 1
    assert ("refit" in manifest["seconds"]) == manifest["recipe"]["refit"]
    predictions = load_predictions(working, name)
    assert predictions.test.shape == (416, 104)
    assert np.ptp(predictions.test, axis=0).max() > 0, "every picture gets the same answer"


def test_a_diverging_training_stops_and_leaves_no_manifest(
    petals: tuple[Path, dict[str, int]], tmp_path: Path
) -> None:
    # Within their range few rates diverge in so few steps.
    unheld = "from common.recipes.classifier import ClassifierRecipe as Recipe\n"
    unheld += "Recipe.RANGES['lr_max'] = (0, 1e38)\n"
    settings = {"schedule": "constant", "lr_max": 1e30, "optimizer": "sgd"}
    done = run(tmp_path, petals[0], "densenet201", unheld, settings=settings)
    assert done.returncode != 0
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: the loss became nan in epoch 1 of training")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "kaggle" / "working" / "manifest.json").exists()


def test_an_unknown_setting_stops_at_once(tmp_path: Path) -> None:
    done = run(tmp_path, tmp_path / "nowhere", "densenet201", settings={"epoch": 3})
    assert "unknown setting 'epoch': did you mean epochs" in done.stderr.splitlines()[-1]


def test_arguments_that_a_kernel_does_not_take_are_refused(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "competitions.petals_to_metal.densenet201",
        "--set",
        "epochs=1",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: --set epochs=1: this kernel takes no arguments but --d")
    assert list(tmp_path.iterdir()) == []


def test_a_batch_larger_than_the_data_is_refused(
    petals: tuple[Path, dict[str, int]], tmp_path: Path
) -> None:
    done = run(tmp_path, petals[0], "densenet201", settings={"batch_size": 2000})
    assert (
        "a batch of 2000 is more than the 1040 training pictures: lower it with --set "
        "batch_size=1040" in done.stderr.splitlines()[-1]
    )


def test_a_broken_test_picture_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    root = tmp_path / "input"
    small_classifier.write_data(root / "competitions" / "small")
    (path,) = (root / "competitions" / "small" / "test").glob("*.tfrec")
    bad = [flowers.example(f"test{n}", None) for n in range(6)]
    flowers.write_file(path, [*bad, flowers.example("test6", None, b"no picture")])
    command = [sys.executable, str(ROOT / "tests" / "support" / "small_classifier.py"), "{}"]
    places = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
    environment = {**os.environ, "PYTHONPATH": places, "KAGGLE_CACHE_MOUNT_FOLDER": str(root)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "record 7 (test6) has no readable JPEG" in done.stderr.splitlines()[-1]
    assert "stage=training" not in done.stdout


def read_missing(*arguments: Any) -> None:
    Path("/nowhere/train.csv").read_text()


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (read_missing, "/nowhere/train.csv: no such file; the data of small must have train, val"),
        (lambda *arguments: (1, 2), "load of small gave no .train, validation, test. of Records"),
    ],
)
def test_data_that_cannot_be_loaded_is_one_line(load: Any, said: str) -> None:
    kernel = replace(small_classifier.KERNEL, load=load)
    with pytest.raises(UserError, match=said):
        load_records(kernel, kernel.recipe, Parameters())


def test_what_cannot_be_measured_is_told_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_class_missing(size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
        train, validation, test = small_classifier.load(size, parameters)
        return train, validation.take(validation.labels != 2), test

    small_classifier.write_data(tmp_path / "competitions" / "small")
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path))
    facts = replace(small_classifier.COMPETITION, metric="roc_auc", submission=ProbabilityColumns())
    kernel = replace(small_classifier.KERNEL, competition=facts, load=one_class_missing)
    cpu = Accelerator("", "cpu", 1, "cpu", "tensorflow", "float32")
    run = KernelRun(Parameters(), kernel.recipe, tmp_path)
    trainer = Trainer(kernel, kernel.recipe, run.parameters, cpu, run)
    with pytest.raises(UserError, match="all 6 rows have the same answer, of blue"):
        trainer.begin()
