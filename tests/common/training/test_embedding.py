"""A training that embeds: it learns, goes on where it was stopped, and is the same everywhere."""

import csv
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.files.predictions import Vectors, load_vectors
from common.files.projection import load_projection
from common.manifest import read_manifest
from common.pairs.validation import channel_auc
from common.recipes.embedding import EmbeddingRecipe
from common.training.checkpoint import NAME, load_checkpoint
from common.training.state import TrainingState
from support import small_embedding
from support.warm import case, run_on_jax

pytestmark = pytest.mark.slow

LOSSES: dict[str, dict[str, Any]] = {
    "triplet": {},
    "contrastive": {"loss": "contrastive", "margin": 1.0},
    "arcface": {"loss": "arcface", "scale": 8.0},
    "softmax": {"loss": "softmax", "pictures_per_class": 0},
}
CHANNELS = {"arcface": ["embedding", "classes"], "softmax": ["classes"]}
# Rough enough that its best epoch is soon behind it.
PATIENT = {"patience": 2, "epochs": 30, "lr_max": 0.1, "batchnorm_momentum": 0.0}
Train = Callable[..., str]


@pytest.fixture(scope="module")
def small(train: Train) -> Train:
    """``train`` with the small embedding and some settings."""

    def run(folder: Path, settings: dict[str, Any]) -> str:
        return train(small_embedding.KERNEL, folder, settings=settings)

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
def test_each_loss_learns_and_writes_what_it_says(small: Train, tmp_path: Path, loss: str) -> None:
    printed = small(tmp_path, LOSSES[loss])
    found = load_vectors(tmp_path, "small")
    assert list(found.validation) == CHANNELS.get(loss, ["embedding"])
    check_vectors(found)
    assert found.validation_seen.tolist() == [n % 14 < 10 for n in range(42)]
    rows = history(tmp_path)
    assert [row["epoch"] for row in rows] == [str(n) for n in range(1, 7)]
    first, last = ({name: float(row[name]) for name in row if name != "stage"} for row in
                   (rows[0], rows[-1]))  # fmt: skip
    assert last["loss"] < 0.7 * first["loss"]
    assert last["accuracy"] > first["accuracy"]
    assert last["val_loss"] < first["val_loss"]
    assert last["val_accuracy"] > 0.5
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["channels"] == channel_auc(found)
    assert metrics["validation_score"] > 0.8
    # The files are as the last epoch was measured: by the same pairs, on the same network.
    for name, column in (("score", ""), ("seen", "_seen"), ("unseen", "_unseen")):
        assert metrics[f"validation_{name}"] == pytest.approx(last[f"val_auc{column}"])
    assert printed.count("stage=training epoch=") == 6
    files = set(read_manifest(tmp_path, "small", "")["files"])
    assert {"predictions.npz", "projection.npz", "thumbnails.npz", "curves.png"} < files
    assert NAME not in files


@pytest.mark.parametrize("loss", ["triplet", "softmax"])
def test_the_batches_of_an_epoch_are_a_field(
    small: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    steps = []

    def begin(state: TrainingState, number: int) -> None:
        steps.append(number)
        raise InterruptedError

    monkeypatch.setattr(TrainingState, "begin_epoch", begin)
    for batches in (None, 2):
        with pytest.raises(InterruptedError):
            small(tmp_path, {**LOSSES[loss], "batches_per_epoch": batches})
    assert steps == [4, 2]


@pytest.fixture(scope="module")
def patient(small: Train, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an undisturbed training with patience wrote."""
    folder = tmp_path_factory.mktemp("patient")
    small(folder, PATIENT)
    return folder


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
    for name in ("ids", "labels", "seen"):
        wanted = getattr(vectors, f"validation_{name}")
        np.testing.assert_array_equal(getattr(found, name), wanted)
    last = vectors.validation["embedding"].astype(np.float64)
    spread = np.linalg.svd(last - last.mean(axis=0), compute_uv=False)[:3]
    np.testing.assert_allclose(np.linalg.norm(found.points[-1], axis=0), spread, rtol=1e-4)


def test_a_moving_average_is_measured_kept_and_predicts(
    small: Train, patient: Path, tmp_path: Path
) -> None:
    average = {**PATIENT, "ema": 0.9, "epochs": 4}
    for name, patience in (("last", 0), ("best", 1)):
        small(tmp_path / name, {**average, "patience": patience})
    last, best = aucs(tmp_path / "last"), aucs(tmp_path / "best")
    assert last != aucs(patient)[:4]
    assert last[: len(best)] == best
    assert score(tmp_path / "last") == pytest.approx(last[-1], abs=1e-9)
    assert score(tmp_path / "best") == pytest.approx(max(best), abs=1e-9)
    # The average changes nothing of what is learnt.
    losses = [[row["loss"] for row in history(path)[:4]] for path in (patient, tmp_path / "last")]
    assert losses[0] == losses[1]


def test_a_training_that_was_broken_off_goes_on_to_the_same_end(
    small: Train, stopped_at, patient: Path, tmp_path: Path
) -> None:
    for done in (2, len(aucs(patient))):  # early, and before it writes its files
        with stopped_at("training", done), pytest.raises(InterruptedError):
            small(tmp_path, PATIENT)
        assert not (tmp_path / "manifest.json").exists()
        assert load_checkpoint(tmp_path / NAME).epoch == done
    printed = small(tmp_path, PATIENT)
    assert "stage=resuming" in printed
    assert "stage=training epoch=" not in printed
    wanted, found = (read_manifest(path, "small", "")["files"] for path in (patient, tmp_path))
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
    small: Train, tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    assert said in small(tmp_path, settings)
    assert not (tmp_path / "manifest.json").exists()


@dataclasses.dataclass(frozen=True)
class Steep(EmbeddingRecipe):
    """As steep as one likes: within their range few rates diverge in so few steps."""

    lr_max: float = 1e38


@pytest.mark.parametrize(
    ("rate", "said"),
    [(1e18, "the training diverged: 42 of 42 pictures' vectors became zero, infinite or NaN"),
     (1e38, "the ")],
)  # fmt: skip
def test_a_training_that_diverges_says_that_its_rate_is_too_high(
    train: Train, tmp_path: Path, rate: float, said: str
) -> None:
    recipe = Steep(**{**vars(small_embedding.RECIPE), "lr_max": rate, "optimizer": "sgd"})
    line = train(dataclasses.replace(small_embedding.KERNEL, recipe=recipe), tmp_path)
    assert line.startswith(f"error: {said}")
    assert f"in epoch 1 of training, at learning rate {rate:g}: lower it, for example --set" in line
    assert not (tmp_path / "manifest.json").exists()


@pytest.fixture(scope="module")
def devices(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """On JAX: on one device, and on eight; every class in every batch, and all that is kept."""
    root = tmp_path_factory.mktemp("devices")

    def kernel(name: str, replicas: int, flags: str) -> dict[str, Any]:
        settings = {"epochs": 3, "patience": 2, "ema": 0.5, "batch_size": 16 // replicas}
        variables = {"KAGGLE_CACHE_MOUNT_FOLDER": str(inputs), "XLA_FLAGS": flags}
        order = json.dumps({"kernel": "small", "settings": settings})
        return case(root / name, small_embedding.__file__, order, **variables)

    eight = "--xla_force_host_platform_device_count=8"
    run_on_jax({"one": kernel("one", 1, ""), "eight": kernel("eight", 8, eight)})
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
    for folder in (one, eight):  # what was measured best predicts
        assert score(folder) == pytest.approx(max(aucs(folder)), abs=1e-4)


@pytest.fixture
def precision(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    import keras

    yield lambda policy: monkeypatch.setenv("SMALL_POLICY", policy)
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("policy", "loss"), [("mixed_float16", "triplet"), ("mixed_bfloat16", "arcface")]
)
def test_half_precision_gives_finite_unit_vectors(
    small: Train, precision: Callable[[str], None], tmp_path: Path, policy: str, loss: str
) -> None:
    precision(policy)
    small(tmp_path, {**LOSSES[loss], "epochs": 2, "patience": 1})
    check_vectors(load_vectors(tmp_path, "small"))
    assert 0.5 < max(aucs(tmp_path)) == pytest.approx(score(tmp_path), abs=1e-9)
