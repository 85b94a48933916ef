"""One recipe gives one result: on both backends, on eight devices, in two processes.

The eight devices are this machine's CPU, shown eight times; the two processes are connected as on a
cluster. What each writes is compared with one device.
"""

import json
import re
import socket
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from common.files.predictions import load_predictions, load_vectors
from common.manifest import read_manifest
from support import embedding_steps, one_step, small_classifier, small_embedding
from support.warm import case, run_on_jax

pytestmark = pytest.mark.slow
# By the ends of names, of a value and added to it: float32 has seven digits, and each backend adds
# in its own order.
TOLERANCES = {ending: {"rtol": 1e-4, "atol": 1e-6} for ending in ("predicted", "loss")}
TOLERANCES["weights"] = {"rtol": 1e-4, "atol": 1e-5}
CLASSIFIER = {"ema": 0.5, "cutmix": 0.2, "refit_fresh": False}
# Every class in every batch, and all that is kept.
EMBEDDING = {"epochs": 3, "patience": 2, "ema": 0.5}


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Steps with every loss, and the small kernels: on one device, stopped and run again,
    on eight, and in two processes. What each printed is here by its name.

    The classifier's batches of 8 divide neither the 9 pictures of validation, nor the 33 of the
    refit.
    """
    root = tmp_path_factory.mktemp("ways")
    for module in (small_classifier, small_embedding):
        module.write_data(root / "input" / "competitions" / module.COMPETITION.name)

    def kernel(
        name: str, batch: int, *runs: dict[str, Any], embeds: bool = False, **variables: str
    ) -> dict[str, Any]:
        """A small kernel, several times in its folder if there are several ``runs``."""
        script = small_embedding if embeds else small_classifier
        settings = {"batch_size": batch, **(EMBEDDING if embeds else CLASSIFIER)}
        values = {"kernel": "small", "seed": 3, "settings": settings}
        orders = [json.dumps({**values, **run}) for run in runs or [{}]]
        mounted = {"KAGGLE_CACHE_MOUNT_FOLDER": str(root / "input"), **variables}
        return case(root / name, script.__file__, *orders, **mounted)

    eight = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    cases = {
        "one": kernel("one", 8),
        "steps": case(root, one_step.__file__, "steps.npz"),
        "losses": case(root, embedding_steps.__file__, "losses.npz"),
        "stopped": kernel("stopped", 8, {"time_limit": 0.001}, {}),
        "fresh": kernel("fresh", 8, {"settings": {"refit_fresh": True, "ema": 0.5}}),
        "eight": kernel("eight", 1, **eight),
        "vectors of one": kernel("vectors of one", 16, embeds=True),
        "vectors of eight": kernel("vectors of eight", 2, embeds=True, **eight),
    }
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{found.getsockname()[1]}"
    for number in "01":
        cases[f"process {number}"] = kernel(
            "two",
            4,
            KERAS_DISTRIBUTION_JOB_ADDRESSES=address,
            KERAS_DISTRIBUTION_NUM_PROCESSES="2",
            KERAS_DISTRIBUTION_PROCESS_ID=number,
        )
    return root, run_on_jax(cases)


def test_a_training_step_is_the_same_on_both_backends(ways) -> None:
    steps = one_step.steps()
    with np.load(ways[0] / "steps.npz") as theirs:
        assert set(theirs) == set(steps)
        for name, values in theirs.items():
            tolerance = TOLERANCES[name.split("/")[1]]
            assert np.isfinite(steps[name]).all()
            np.testing.assert_allclose(steps[name], values, **tolerance, err_msg=name)
        losses = {f"{value[0]:.4f}" for name, value in theirs.items() if name.endswith("loss")}
    assert len(losses) == len(one_step.CASES), "the cases are different ones"


def test_losses_and_gradients_are_the_same_on_both_backends(ways) -> None:
    ours = embedding_steps.found()
    # Of equal distances rounding says which is the nearer: what hangs on it is not compared.
    tied = ("triplet cosine semi-hard 0.1/zeros", "triplet cosine semi-hard 0.1/collapsed")
    with np.load(ways[0] / "losses.npz") as theirs:
        assert set(theirs) == set(ours)
        for path, values in theirs.items():
            assert np.isfinite(values).all(), path
            if not path.startswith(("trained/step", *tied)):
                np.testing.assert_allclose(values, ours[path], rtol=1e-4, atol=1e-5, err_msg=path)
        for name, factor in (("units", 0.7), ("cosines", 0.8)):  # in half precision too
            losses = theirs[f"trained/step {name}_loss"]
            assert losses[-1] < factor * losses[0]


def weights(printed: str) -> list[str]:
    return re.findall(r"^weights (\w+)$", printed, re.MULTILINE)


def test_a_fresh_refit_begins_where_the_training_began(ways) -> None:
    beginnings = re.findall(r"^begins (\w+)$", ways[1]["fresh"], re.MULTILINE)
    assert len(beginnings) == 2
    assert len(set(beginnings)) == 1
    assert len({*beginnings, *weights(ways[1]["fresh"])}) == 3, "nothing was learnt"


def test_eight_devices_end_where_one_ends(ways) -> None:
    root, _ = ways
    one, eight = (load_predictions(root / name, name) for name in ("one", "eight"))
    for part in ("validation", "test"):
        ours, theirs = getattr(one, part), getattr(eight, part)
        assert len(ours) == small_classifier.PICTURES["val" if part == "validation" else part]
        np.testing.assert_allclose(theirs, ours, atol=1e-5)
    accelerator = read_manifest(root / "eight", "small", "")["accelerator"]
    assert (accelerator["replicas"], accelerator["backend"]) == (8, "jax")
    ours, theirs = (pd.read_csv(root / name / "history.csv") for name in ("one", "eight"))
    assert len(ours) == 3 + 2
    assert ours[["stage", "epoch"]].equals(theirs[["stage", "epoch"]])
    np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=1e-5)
    waited = json.loads((root / "eight" / "metrics.json").read_text())["input_wait"]
    assert 0 <= waited < 1


def test_eight_devices_give_the_vectors_of_one(ways) -> None:
    one, eight = (ways[0] / f"vectors of {number}" for number in ("one", "eight"))
    ours, theirs = (load_vectors(folder, "small") for folder in (one, eight))
    for part in ("validation", "test"):
        for channel, rows in getattr(ours, part).items():
            # Of float32 sums in another order, after nine steps of Adam.
            np.testing.assert_allclose(getattr(theirs, part)[channel], rows, atol=1e-4)
    columns = ["loss", "accuracy", "val_loss", "val_accuracy", "val_auc"]
    histories = [pd.read_csv(folder / "history.csv")[columns] for folder in (one, eight)]
    np.testing.assert_allclose(*histories, atol=1e-3)
    for folder, history in zip((one, eight), histories, strict=True):  # the best one predicts
        score = json.loads((folder / "metrics.json").read_text())["validation_score"]
        assert score == pytest.approx(history["val_auc"].max(), abs=1e-4)


def test_two_processes_have_the_same_weights_and_one_of_them_writes(ways) -> None:
    root, printed = ways
    first, second = weights(printed["process 0"]), weights(printed["process 1"])
    assert len(first) == 2
    assert first == second
    assert first[0] != first[1]
    manifest = read_manifest(root / "two", "small", "")
    assert manifest["accelerator"]["processes"] == 2
    assert len(load_predictions(root / "two", "small").test) == small_classifier.PICTURES["test"]
    assert "stage=scored" in printed["process 0"]
    assert "stage=scored" not in printed["process 1"]


def test_a_training_that_was_stopped_ends_bit_for_bit_as_one_that_was_not(ways) -> None:
    root, _ = ways
    whole, stopped = (read_manifest(root / name, "small", "") for name in ("one", "stopped"))
    assert stopped["resumed"] == {"stage": "training", "epoch": 1}
    for files in (whole["files"], stopped["files"]):
        del files["metrics.json"]  # it has the wait for input
        del files["small.weights.h5"], files["small.network.json"]  # a second network's names
    assert stopped["files"] == whole["files"]
    ours, theirs = (stored(root / name / "small.weights.h5") for name in ("one", "stopped"))
    assert not [name for name in ours if not name.startswith("layers/")]  # of the optimizer
    assert all(np.array_equal(values, theirs[name]) for name, values in ours.items())


def stored(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        names: list[str] = []
        file.visit(names.append)
        return {name: file[name][()] for name in names if isinstance(file[name], h5py.Dataset)}
