"""The README's first command on petals: generated flowers, and real ones where they are."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.files.predictions import load_predictions
from common.metrics.metric import find_metric
from common.progress import parse
from support import tiny

pytestmark = pytest.mark.slow
SHARED = tiny.ROOT.parent / "shared" / "data"
FLOWERS, SOLUTION = SHARED / "tpu-getting-started", SHARED / "tpu-getting-started-solution.csv"
MEMBERS = pytest.mark.parametrize("name", ["densenet201", "efficientnetb7"])
EPOCHS = 3
SMALL = ("--set", "image_size=16", "--set", "crop_margin=2", "--set", f"epochs={EPOCHS}")
FIGURES = ("training_pictures", "augmented", "schedule", "curves", "confusion_matrix")


@pytest.fixture(scope="module")
def petals(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The JSON of the whole dry run, which several tests look at."""
    folder = tmp_path_factory.mktemp("petals") / "run"
    arguments = ("petals", "--ensemble", "--dry-run", "--run-dir", folder, "--json", *SMALL)
    publish = ("--publish", "--yes", "--set", "resamples=20")
    return tiny.last_json(tiny.submit(*arguments, *publish, keras=True))


@pytest.mark.parametrize("name", ["densenet201", "efficientnetb7", "ensemble"])
def test_each_member_and_the_blend_learn_generated_flowers(petals: dict, name: str) -> None:
    folder = Path(petals["run_dir"])
    found = load_predictions(folder / "outputs" / name, name)
    labels = pd.read_csv(folder / "data" / "solution.csv", index_col="id")["label"]
    truth = labels[found.test_ids].to_numpy()
    score = find_metric("macro_f1").score
    assert score(truth, found.test.argmax(axis=1)) >= 0.3
    np.testing.assert_allclose(found.test.sum(axis=1), 1, atol=1e-4)
    scored = json.loads((folder / "outputs" / name / "metrics.json").read_text())
    on_validation = score(found.validation_labels, found.validation.argmax(axis=1))
    assert scored["validation_score"] == on_validation >= 0.3
    assert min(petals["public_score"], petals["private_score"]) >= 0.3


@MEMBERS
def test_a_member_leaves_history_figures_and_what_it_saw(petals: dict, name: str) -> None:
    folder = Path(petals["run_dir"])
    manifest = json.loads((folder / "outputs" / name / "manifest.json").read_text())
    accelerator = {"asked": "cpu", "seen": "cpu", "replicas": 1, "backend": "tensorflow"}
    assert accelerator.items() <= manifest["accelerator"].items()
    assert manifest["shared_hash"]["built"] == manifest["shared_hash"]["found"]
    assert {f"{figure}.png" for figure in FIGURES} < set(manifest["files"])
    assert all((folder / "figures" / f"{name}-{figure}.png").is_file() for figure in FIGURES)
    lines = (folder / "logs" / f"{name}.log").read_text().splitlines()
    facts = [found for line in lines if (found := parse(line))]
    shown = [f["epoch"] for f in facts if f["stage"] == "training" and "epoch" in f]
    assert shown == [f"{number}/{EPOCHS}" for number in range(1, EPOCHS + 1)]


@MEMBERS
def test_history_has_a_row_an_epoch_and_the_refits_without_validation(
    petals: dict, name: str
) -> None:
    rows = pd.read_csv(Path(petals["run_dir"]) / "outputs" / name / "history.csv")
    assert rows["stage"].tolist() == ["training"] * EPOCHS + ["refit"]
    assert rows["epoch"].tolist() == [*range(1, EPOCHS + 2)]
    assert rows["val_loss"].isna().tolist() == [False] * EPOCHS + [True]
    rates = rows["learning_rate"].tolist()
    assert rates[0] < rates[1] > rates[2] > rates[-1]


def test_the_next_run_begins_with_the_weights_that_this_one_has_published(petals: dict) -> None:
    source, _, version = petals["published_weights"].partition("/versions/")
    assert (source, version) == ("dry-run/petals-weights", "1")
    page = (
        Path(petals["run_dir"]).parent / "published" / source / "v1" / "version.json"
    ).read_text()
    assert "It was measured before a network learnt from validation, too." in page
    first, folder = (Path(petals["run_dir"]), Path(petals["run_dir"]).with_name("next"))
    command = ("petals", "--model", "densenet201", "--dry-run", "--json", "--no-submit", *SMALL)
    more = ("--weights-source", source, "--set", "refit=no", "--set", "resamples=20")
    result = tiny.last_json(tiny.submit(*command, *more, "--run-dir", folder, keras=True))
    log = (folder / "logs" / "densenet201.log").read_text()
    [said] = [line for line in log.splitlines() if "source=" in line]
    layers = re.search(r"source=dry-run/petals-weights of=densenet201 layers=(\d+)/(\d+) ran", said)
    assert layers
    assert layers[1] == layers[2]
    [warning] = result["warnings"]
    assert "densenet201 began with weights that have learnt from its validation" in warning
    report = (folder / "report.html").read_text()
    assert f"densenet201 of {source}: {layers[1]} layers<" in report
    assert "Densenet201 began with weights that have learnt from its validation" in report
    ours, theirs = (
        pd.read_csv(run / "outputs" / "densenet201" / "history.csv") for run in (folder, first)
    )
    assert ours["val_loss"][0] < theirs["val_loss"][0]
    assert ours["loss"][0] < theirs["loss"][0]


def test_weights_of_another_network_are_refused_in_one_line(petals: dict) -> None:
    folder = Path(petals["run_dir"]).with_name("other")
    command = ("petals", "--model", "xception", "--dry-run", "--no-submit", *SMALL)
    source = ("--weights-source", "dry-run/petals-weights", "--run-dir", folder)
    done = tiny.submit(*command, *source, keras=True)
    assert done.returncode == 1
    assert (
        "kernel xception stopped: weights source dry-run/petals-weights has no weights of this "
        "kernel's network, miniature of Xception, but of densenet201 (miniature of DenseNet201), "
        "efficientnetb7 (miniature of EfficientNetB7): name another --weights-source, or train"
    ) in done.stderr.splitlines()[-1]


def test_no_kernel_sees_the_hidden_labels(petals: dict) -> None:
    for session in (Path(petals["run_dir"]) / "kaggle").rglob("kaggle"):
        assert not [path for path in session.rglob("*") if "solution" in path.name]


@pytest.mark.skipif(not FLOWERS.is_dir(), reason="the real flowers are not next to this clone")
def test_real_flowers_run_through_the_same_command(tmp_path: Path) -> None:
    done = tiny.submit(
        *("petals", "--model", "densenet201", "--dry-run", "--json", *SMALL),
        *("--data", FLOWERS, "--solution", SOLUTION, "--run-dir", tmp_path / "run"),
    )
    assert tiny.last_json(done)["public_score"] > 1.5 / 14
