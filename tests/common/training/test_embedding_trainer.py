"""A training that embeds: it learns, goes on where it was stopped, and is the same everywhere.

Of devices: this machine's CPU is shown as eight, and what they leave is held against one.
"""

import contextlib
import csv
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support import ROOT

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # kernels run in this process, on the CPU

from common.files.projection import load_projection
from common.files.vectors import Vectors, load_vectors
from common.kernel import KernelRun
from common.manifest import read_manifest
from common.pairs.validation import channel_auc
from common.parameters import Parameters
from common.recipes.embedding import EmbeddingRecipe
from common.training.checkpoint import NAME, Course, load_checkpoint
from support import small_embedding
from support.carry_out import carry_out
from support.processes import end, start

# Of Keras with NumPy 2: kernels run in this process to spare TensorFlow's start.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = ROOT / "tests" / "support" / "small_embedding.py"
LOSSES: dict[str, dict[str, Any]] = {
    "triplet": {},
    "contrastive": {"loss": "contrastive", "margin": 1.0},
    "arcface": {"loss": "arcface", "scale": 8.0},
    "softmax": {"loss": "softmax", "pictures_per_class": 0},
}
# Rough enough that its best epoch is soon behind it.
PATIENT = {"patience": 2, "epochs": 30, "lr_max": 0.1, "batchnorm_momentum": 0.0}
Train = Callable[..., str]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An input root with the small competition, as Kaggle mounts it."""
    root = tmp_path_factory.mktemp("input")
    small_embedding.write_data(root / "competitions" / "embedded")
    return root


@pytest.fixture
def train(
    inputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Train:
    """Run the kernel in a folder, to its end: what it printed, or its error line."""
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(inputs))
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")

    def run(folder: Path, settings: dict[str, Any], **parameters: Any) -> str:
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        values = {"kernel": "small", "settings": settings, **parameters}
        with contextlib.suppress(SystemExit):
            carry_out(small_embedding.KERNEL, values)
            return capsys.readouterr().out
        return capsys.readouterr().err.splitlines()[-1]

    return run


def history(folder: Path) -> list[dict[str, str]]:
    with open(folder / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def aucs(folder: Path) -> list[float]:
    return [float(row["val_auc"]) for row in history(folder)]


def score(folder: Path) -> float:
    return float(json.loads((folder / "metrics.json").read_text())["validation_score"])


def check_vectors(found: Vectors) -> None:
    """Unit rows and probabilities, of every picture."""
    for part, (classes, each) in (("validation", (14, 3)), ("test", (14, 1))):
        for channel, rows in getattr(found, part).items():
            assert rows.dtype == np.float32
            assert len(rows) == classes * each
            if channel == "embedding":
                np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
            else:
                assert rows.shape[1] == small_embedding.SEEN
                assert rows.min() >= 0
                np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_each_loss_learns_and_leaves_what_it_says(train: Train, tmp_path: Path, loss: str) -> None:
    printed = train(tmp_path, LOSSES[loss])
    found = load_vectors(tmp_path, "small")
    channels = {"triplet": ["embedding"], "contrastive": ["embedding"], "softmax": ["classes"]}
    assert list(found.validation) == channels.get(loss, ["embedding", "classes"])
    check_vectors(found)
    assert found.validation_seen.tolist() == [n % 14 < 10 for n in range(42)]
    rows = history(tmp_path)
    assert [row["epoch"] for row in rows] == [str(n) for n in range(1, 7)]
    assert float(rows[-1]["loss"]) < 0.7 * float(rows[0]["loss"])
    assert float(rows[-1]["accuracy"]) > float(rows[0]["accuracy"])
    assert float(rows[-1]["val_loss"]) < float(rows[0]["val_loss"])
    assert float(rows[-1]["val_accuracy"]) > 0.5
    told = json.loads((tmp_path / "metrics.json").read_text())
    assert told["channels"] == channel_auc(found)
    assert told["validation_score"] > 0.8
    # What is left is as the last epoch was measured: by the same pairs, on the same network.
    for name, column in (("score", ""), ("seen", "_seen"), ("unseen", "_unseen")):
        assert told[f"validation_{name}"] == pytest.approx(float(rows[-1][f"val_auc{column}"]))
    assert printed.count("stage=training epoch=") == 6
    files = set(read_manifest(tmp_path, "small", "")["files"])
    assert {"predictions.npz", "projection.npz", "thumbnails.npz", "curves.png"} < files
    assert NAME not in files


@pytest.mark.parametrize(("loss", "whole"), [("triplet", 4), ("softmax", 4)])
def test_the_batches_of_an_epoch_are_a_field(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: str, whole: int
) -> None:
    steps = []
    begin = Course.begin_epoch

    def begun(course: Course, number: int) -> None:
        steps.append(number)
        begin(course, number)

    monkeypatch.setattr(Course, "begin_epoch", begun)
    for batches in (None, 2):
        settings = {**LOSSES[loss], "epochs": 1, "batches_per_epoch": batches}
        train(tmp_path / str(batches), settings)
    assert steps == [whole, 2]


@pytest.fixture(scope="module")
def patient(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an undisturbed training with patience left."""
    folder = tmp_path_factory.mktemp("patient")
    end({"patient": start_kernel(folder, "left", inputs, PATIENT)})
    return folder / "left"


def start_kernel(
    root: Path, name: str, inputs: Path, settings: dict[str, Any], **variables: str
) -> subprocess.Popen[str]:
    values = {"kernel": "small", "settings": settings}
    variables = {"KERAS_BACKEND": "tensorflow", **variables}
    mounted = {"KAGGLE_CACHE_MOUNT_FOLDER": str(inputs)}
    return start(root / name, [str(SMALL), json.dumps(values)], **mounted, **variables)


def kill_at(process: subprocess.Popen[str], moment: str) -> None:
    """SIGKILL as soon as it prints ``moment``."""
    with process:
        assert process.stdout
        assert any(moment in line for line in process.stdout)
        process.kill()


def test_patience_ends_a_training_and_its_best_weights_predict(patient: Path) -> None:
    scores = aucs(patient)
    assert 3 < len(scores) < PATIENT["epochs"]
    assert int(np.argmax(scores)) == len(scores) - 1 - PATIENT["patience"]
    assert max(scores) - scores[-1] > 1e-4
    assert score(patient) == pytest.approx(max(scores), abs=1e-9)


def test_the_projection_is_of_some_epochs_and_of_what_predicts(patient: Path) -> None:
    found, epochs = load_projection(patient), len(aucs(patient))
    assert found is not None
    powers = [2**n for n in range(5) if 2**n < epochs]
    assert found.epochs.tolist() == [*powers, epochs]
    vectors = load_vectors(patient, "small")
    assert found.points.shape == (len(powers) + 1, 42, 3)
    np.testing.assert_array_equal(found.ids, vectors.validation_ids)
    np.testing.assert_array_equal(found.labels, vectors.validation_labels)
    np.testing.assert_array_equal(found.seen, vectors.validation_seen)
    last = vectors.validation["embedding"].astype(np.float64)
    spread = np.linalg.svd(last - last.mean(axis=0), compute_uv=False)[:3]
    np.testing.assert_allclose(np.linalg.norm(found.points[-1], axis=0), spread, rtol=1e-4)


def test_without_patience_the_last_weights_predict(train: Train, patient: Path, tmp_path) -> None:
    epochs = len(aucs(patient))
    train(tmp_path, {**PATIENT, "patience": 0, "epochs": epochs})
    assert aucs(tmp_path) == aucs(patient)
    assert score(tmp_path) == pytest.approx(aucs(tmp_path)[-1], abs=1e-9)


@pytest.mark.parametrize("patience", [0, 1])
def test_a_moving_average_is_measured_kept_and_predicts(
    train: Train, tmp_path: Path, patience: int
) -> None:
    settings = {"epochs": 6, "lr_max": 0.1, "batchnorm_momentum": 0.0, "patience": patience}
    train(tmp_path / "raw", settings)
    train(tmp_path / "average", {**settings, "ema": 0.9})
    scores = aucs(tmp_path / "average")
    assert scores != aucs(tmp_path / "raw")
    best = max(scores) if patience else scores[-1]
    assert score(tmp_path / "average") == pytest.approx(best, abs=1e-9)
    # The average is beside the training: it changes nothing of what is learnt.
    losses = [[row["loss"] for row in history(tmp_path / name)] for name in ("raw", "average")]
    number = min(map(len, losses))
    assert losses[0][:number] == losses[1][:number]


@pytest.mark.parametrize("moment", ["stage=training epoch=2/30", "last"])
def test_a_killed_kernel_goes_on_in_its_folder(
    train: Train, inputs: Path, patient: Path, tmp_path: Path, moment: str
) -> None:
    epochs = len(aucs(patient))
    at = f"stage=training epoch={epochs - 1}/30" if moment == "last" else moment
    kill_at(start_kernel(tmp_path, "killed", inputs, PATIENT), at)
    folder = tmp_path / "killed"
    assert not (folder / "manifest.json").exists()
    done = load_checkpoint(folder / NAME).epoch
    printed = train(folder, PATIENT)
    assert "stage=resuming" in printed
    assert printed.count("stage=training epoch=") == epochs - done
    wanted, found = (read_manifest(path, "small", "")["files"] for path in (patient, folder))
    assert found == wanted


def test_one_that_had_stopped_early_does_not_train_on(
    train: Train, inputs: Path, patient: Path, tmp_path: Path
) -> None:
    kill_at(start_kernel(tmp_path, "killed", inputs, PATIENT), "stage=prediction")
    folder = tmp_path / "killed"
    assert load_checkpoint(folder / NAME).epoch == len(aucs(patient))
    printed = train(folder, PATIENT)
    assert "stage=training epoch=" not in printed
    wanted, found = (read_manifest(path, "small", "")["files"] for path in (patient, folder))
    assert found == wanted


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"patience": -1}, "patience=-1: it must be at least 0"),
        ({"batch_size": 9}, "pictures_per_class=2: a batch is of whole classes"),
        ({"batch_size": 30}, "batches of 15 classes, and 10 of 10 classes have 2 pictures"),
        ({"batch_size": 60}, "a batch of 60 is more than the 50 training pictures"),
        ({"lr_max": 1e30, "optimizer": "sgd"}, "lr_max=1e+30: it must be from 0 to 10"),
    ],
)
def test_what_cannot_be_trained_is_one_line(
    train: Train, tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    assert said in train(tmp_path, settings)
    assert not (tmp_path / "manifest.json").exists()


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (
            1e18,
            "error: the training diverged: 42 of 42 pictures' vectors became zero, infinite or ",
        ),
        (1e38, "error: the "),
    ],
)
def test_a_training_that_diverges_says_that_its_rate_is_too_high(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: float, said: str
) -> None:
    # Within their range few rates diverge in so few steps.
    monkeypatch.setitem(EmbeddingRecipe.RANGES, "lr_max", (0, 1e38))
    told = train(tmp_path, {"lr_max": rate, "optimizer": "sgd"})
    assert told.startswith(said)
    assert f"in epoch 1 of training, at learning rate {rate:g}: lower it, for example --set" in told
    assert not (tmp_path / "manifest.json").exists()


# Every class in every batch, a loss over all of a batch, and all that is kept beside the weights.
SHARED = {"epochs": 3, "patience": 2, "ema": 0.5}
EIGHT = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}


@pytest.fixture(scope="module")
def devices(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small kernel on JAX: on one device, and on eight, each of 8 classes x 2 pictures."""
    root = tmp_path_factory.mktemp("devices")

    def kernel(name: str, replicas: int, **variables: str) -> subprocess.Popen[str]:
        settings = {**SHARED, "batch_size": 16 // replicas}
        return start_kernel(root, name, inputs, settings, KERAS_BACKEND="jax", **variables)

    end({"one": kernel("one", 1), "eight": kernel("eight", 8, **EIGHT)})
    return root


def test_eight_devices_end_where_one_ends(devices: Path) -> None:
    one, eight = (devices / name for name in ("one", "eight"))
    accelerator = read_manifest(eight, "small", "")["accelerator"]
    assert (accelerator["replicas"], accelerator["backend"]) == (8, "jax")
    ours, theirs = (load_vectors(folder, "small") for folder in (one, eight))
    check_vectors(theirs)
    for part in ("validation", "test"):
        for channel, rows in getattr(ours, part).items():
            # Of float32 sums in another order, after nine steps of Adam.
            np.testing.assert_allclose(getattr(theirs, part)[channel], rows, atol=1e-4)
    for name in ("loss", "accuracy", "val_loss", "val_accuracy", "val_auc"):
        columns = [[float(row[name]) for row in history(folder)] for folder in (one, eight)]
        np.testing.assert_allclose(*columns, atol=1e-3)


def test_on_jax_what_was_measured_best_predicts(devices: Path) -> None:
    for name in ("one", "eight"):
        assert score(devices / name) == pytest.approx(max(aucs(devices / name)), abs=1e-4)


@pytest.fixture
def precision(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    import keras

    yield lambda policy: monkeypatch.setenv("SMALL_POLICY", policy)
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("loss", ["triplet", "arcface"])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_leaves_finite_unit_vectors(
    train: Train, precision: Callable[[str], None], tmp_path: Path, policy: str, loss: str
) -> None:
    precision(policy)
    train(tmp_path, {**LOSSES[loss], "epochs": 2, "patience": 1})
    check_vectors(load_vectors(tmp_path, "small"))
    assert 0.5 < max(aucs(tmp_path)) == pytest.approx(score(tmp_path), abs=1e-9)


def test_what_a_course_keeps_is_found_again(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    parameters, training = Parameters(), {"seed": 0}

    def course() -> Course:
        run = KernelRun(parameters, small_embedding.RECIPE, tmp_path)
        return Course(run, training, parameters)

    first = course()
    assert first.kept == {}
    first.enter(model, "training", 3)
    first.kept["best_0"] = np.arange(6, dtype=np.float32).reshape(2, 3)
    first.kept["variable_0"] = np.array([1, 2], np.int64)
    first.begin_epoch(1)
    first.end_epoch(model, 1, 1)
    first.kept["later"] = np.zeros(1)  # not written down
    second = course()
    assert set(second.kept) == {"best_0", "variable_0"}
    for name, values in second.kept.items():
        np.testing.assert_array_equal(values, first.kept[name], strict=True)
    assert len(load_checkpoint(tmp_path / NAME).variables) == len(model.variables) + 2
