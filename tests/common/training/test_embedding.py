"""A training that embeds: it learns, goes on where it was stopped, and is the same everywhere."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from common.files.predictions import Vectors, load_vectors
from common.files.projection import load_projection
from common.manifest import read_manifest
from common.pairs.validation import channel_auc
from common.training.checkpoint import NAME, TrainingState, load_checkpoint
from support import small_embedding

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


def history(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "history.csv")


def aucs(folder: Path) -> list[float]:
    return list(history(folder)["val_auc"])


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
    assert rows["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    first, last = rows.iloc[0], rows.iloc[-1]
    assert last["loss"] < 0.7 * first["loss"]
    assert last["val_loss"] < first["val_loss"]
    assert last["val_accuracy"] > 0.5 < last["accuracy"]
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
    assert max(scores) - scores[-1] > 1e-6  # more than what they are compared with below
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
    assert history(tmp_path / "last")["loss"].equals(history(patient)["loss"][:4])


def test_a_training_that_was_broken_off_goes_on_to_the_same_end(
    small: Train, stopped_at, patient: Path, tmp_path: Path
) -> None:
    for done in (2, len(aucs(patient))):  # early, and before it writes its files
        with stopped_at("training", done), pytest.raises(InterruptedError):
            small(tmp_path, PATIENT)
        assert not (tmp_path / "manifest.json").exists()
        assert load_checkpoint(tmp_path).epoch == done
    printed = small(tmp_path, PATIENT)
    assert "stage=resuming" in printed
    assert "stage=training epoch=" not in printed
    wanted, found = (read_manifest(path, "small", "")["files"] for path in (patient, tmp_path))
    assert found == wanted


@pytest.mark.parametrize(
    ("policy", "loss"), [("mixed_float16", "triplet"), ("mixed_bfloat16", "arcface")]
)
def test_half_precision_gives_finite_unit_vectors(
    small: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, policy: str, loss: str
) -> None:
    import keras

    monkeypatch.setenv("SMALL_POLICY", policy)
    try:
        small(tmp_path, {**LOSSES[loss], "epochs": 2, "patience": 1})
    finally:
        keras.config.set_dtype_policy("float32")
    check_vectors(load_vectors(tmp_path, "small"))
    assert 0.5 < max(aucs(tmp_path)) == pytest.approx(score(tmp_path), abs=1e-9)
