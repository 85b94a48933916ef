"""The README's first command on petals: generated flowers, and real ones where they are."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from common.files.predictions import load_predictions
from common.metrics.metric import find_metric
from common.progress import parse
from support import tiny

pytestmark = pytest.mark.slow
SHARED = tiny.ROOT.parent / "shared" / "data"
FLOWERS, SOLUTION = SHARED / "tpu-getting-started", SHARED / "tpu-getting-started-solution.csv"

SMALL = [
    word
    for setting in ("image_size=16", "crop_margin=2", "epochs=3", "resamples=20")
    for word in ("--set", setting)
]
FIGURES = ("training_pictures", "augmented", "schedule", "curves", "confusion_matrix")


def hidden_score(folder: Path, solution: Path) -> float:
    """Macro F1 of a kernel's test probabilities on all hidden labels."""
    with open(solution, newline="") as file:
        labels = {row["id"]: int(row["label"]) for row in csv.DictReader(file)}
    predictions = load_predictions(folder, "a member")
    truth = np.array([labels[name] for name in predictions.test_ids.tolist()])
    return find_metric("macro_f1").score(truth, predictions.test.argmax(axis=1))


@pytest.fixture(scope="module")
def petals(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The JSON of the whole dry run, which several tests look at."""
    folder = tmp_path_factory.mktemp("petals") / "run"
    arguments = ("petals", "--ensemble", "--dry-run", "--run-dir", folder, "--json")
    return tiny.last_json(tiny.submit(*arguments, *SMALL))


@pytest.mark.parametrize("name", ["densenet201", "efficientnetb7", "ensemble"])
def test_each_member_and_the_blend_learn_generated_flowers(petals: dict, name: str) -> None:
    folder = Path(petals["run_dir"])
    assert hidden_score(folder / "outputs" / name, folder / "data" / "solution.csv") >= 0.3
    predictions = load_predictions(folder / "outputs" / name, name)
    np.testing.assert_allclose(predictions.test.sum(axis=1), 1, atol=1e-4)
    guessed = predictions.validation.argmax(axis=1)
    scored = json.loads((folder / "outputs" / name / "metrics.json").read_text())
    assert (
        scored["validation_score"]
        == find_metric("macro_f1").score(predictions.validation_labels, guessed)
        >= 0.3
    )


def test_the_score_is_the_submissions(petals: dict) -> None:
    assert petals["public_score"] >= 0.3
    assert petals["private_score"] >= 0.3
    assert petals["blend"]["validation_score"] >= 0.3


@pytest.mark.parametrize("name", ["densenet201", "efficientnetb7"])
def test_a_member_leaves_history_figures_and_what_it_saw(petals: dict, name: str) -> None:
    folder = Path(petals["run_dir"])
    manifest = json.loads((folder / "outputs" / name / "manifest.json").read_text())
    accelerator = {"asked": "cpu", "seen": "cpu", "replicas": 1, "backend": "tensorflow"}
    assert accelerator.items() <= manifest["accelerator"].items()
    assert manifest["shared_hash"]["built"] == manifest["shared_hash"]["found"]
    assert {f"{figure}.png" for figure in FIGURES} < set(manifest["files"])
    assert {f"{name}-{figure}.png" for figure in FIGURES} <= {
        path.name for path in (folder / "figures").iterdir()
    }
    epochs = manifest["recipe"]["epochs"]
    check_history(folder / "outputs" / name / "history.csv", epochs)
    lines = (folder / "logs" / f"{name}.log").read_text().splitlines()
    facts = [found for line in lines if (found := parse(line))]
    shown = [f["epoch"] for f in facts if f["stage"] == "training" and "epoch" in f]
    assert shown == [f"{number}/{epochs}" for number in range(1, epochs + 1)]


def check_history(path: Path, epochs: int) -> None:
    """A row an epoch, then the refit's, which has no validation."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["stage"] for row in rows] == ["training"] * epochs + ["refit"]
    assert [int(row["epoch"]) for row in rows] == list(range(1, epochs + 2))
    assert all(float(row["val_loss"]) > 0 for row in rows[:-1])
    assert rows[-1]["val_loss"] == ""
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates[0] < rates[1] > rates[2] > rates[-1]


def test_no_kernel_sees_the_hidden_labels(petals: dict) -> None:
    for session in (Path(petals["run_dir"]) / "kaggle").rglob("kaggle"):
        assert not [path for path in session.rglob("*") if "solution" in path.name]


@pytest.mark.skipif(not FLOWERS.is_dir(), reason="the real flowers are not beside this clone")
def test_real_flowers_run_through_the_same_command(tmp_path: Path) -> None:
    done = tiny.submit(
        *("petals", "--model", "densenet201", "--dry-run", "--json", *SMALL[:-2]),
        *("--data", FLOWERS, "--solution", SOLUTION, "--run-dir", tmp_path / "run"),
    )
    result = tiny.last_json(done)
    assert result["submission"].endswith("submission.csv")
    assert result["public_score"] > 1.5 / 14
