"""One recipe gives one result: on both backends, on eight devices, in two processes.

The eight devices are this machine's CPU, shown eight times; the two processes are connected as on a
cluster. What each writes is compared with one device.
"""

import json
import re
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.files.predictions import load_predictions
from common.manifest import read_manifest
from support import one_step, small_classifier
from support.warm import case, run_on_jax

pytestmark = pytest.mark.slow
# Of a value, and added to it: float32 has seven digits, and each backend adds in its own order.
PREDICTED = {"rtol": 1e-4, "atol": 1e-6}
UPDATED = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A step of every network, and the small kernel: on one device, stopped and run again, on
    eight, and in two processes. What each printed is here by its name.

    Batches of 8 divide neither the 9 pictures of validation, nor the 33 of the refit.
    """
    root = tmp_path_factory.mktemp("ways")
    small_classifier.write_data(root / "input" / "competitions" / "small")
    eight = "--xla_force_host_platform_device_count=8"
    cases = {
        "steps": case(root, one_step.__file__, "steps.npz"),
        "one": kernel(root, "one", 1),
        "stopped": kernel(root, "stopped", 1, {"time_limit": 0.001}, {}),
        "eight": kernel(root, "eight", 8, XLA_FLAGS=eight),
    }
    cluster = {
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{free_port()}",
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
    }
    for number in "01":
        process = {**cluster, "KERAS_DISTRIBUTION_PROCESS_ID": number}
        cases[f"process {number}"] = kernel(root, "two", 2, **process)
    return root, run_on_jax(cases)


@pytest.fixture(scope="module")
def steps(ways) -> dict[str, dict[str, np.ndarray]]:
    """What ``one_step`` found, by backend."""
    with np.load(ways[0] / "steps.npz") as arrays:
        return {"tensorflow": one_step.steps(), "jax": dict(arrays)}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def kernel(
    root: Path, name: str, replicas: int, *runs: dict[str, Any], **variables: str
) -> dict[str, Any]:
    """The small kernel, several times in its folder if there are several ``runs``."""
    settings = {"batch_size": 8 // replicas, "ema": 0.5, "cutmix": 0.2, "refit_fresh": False}
    values = {"kernel": "small", "seed": 3, "settings": settings}
    orders = [json.dumps({**values, **run}) for run in runs or [{}]]
    mounted = {"KAGGLE_CACHE_MOUNT_FOLDER": str(root / "input"), **variables}
    return case(root / name, small_classifier.__file__, *orders, **mounted)


@pytest.mark.parametrize(
    ("what", "tolerance"), [("predicted", PREDICTED), ("loss", PREDICTED), ("weights", UPDATED)]
)
def test_a_training_step_is_the_same_on_both_backends(steps, what: str, tolerance) -> None:
    names = [name for name in steps["jax"] if name.endswith(what)]
    assert len(names) == 7
    for name in names:
        ours, theirs = steps["tensorflow"][name], steps["jax"][name]
        assert np.isfinite(ours).all()
        np.testing.assert_allclose(ours, theirs, **tolerance, err_msg=name)


def test_the_cases_are_different_ones(steps) -> None:
    losses = [value[0] for name, value in steps["jax"].items() if name.endswith("loss")]
    assert len({f"{loss:.4f}" for loss in losses}) >= 5


def weights(printed: str) -> list[str]:
    return re.findall(r"^weights (\w+)$", printed, re.MULTILINE)


def test_eight_devices_end_where_one_ends(ways) -> None:
    root, _ = ways
    one, eight = (load_predictions(root / name, name) for name in ("one", "eight"))
    for part in ("validation", "test"):
        ours, theirs = getattr(one, part), getattr(eight, part)
        assert len(ours) == small_classifier.PICTURES["val" if part == "validation" else part]
        np.testing.assert_allclose(theirs, ours, atol=1e-5)
    accelerator = read_manifest(root / "eight", "small", "")["accelerator"]
    assert (accelerator["replicas"], accelerator["backend"]) == (8, "jax")
    history = [(root / name / "history.csv").read_text().splitlines() for name in ("one", "eight")]
    assert len(history[0]) == 1 + 3 + 2
    for ours, theirs in zip(*history, strict=True):
        assert ours.split(",")[:2] == theirs.split(",")[:2]
    losses = [[float(line.split(",")[3]) for line in lines[1:]] for lines in history]
    np.testing.assert_allclose(*losses, rtol=1e-5)


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
    assert stopped["files"] == whole["files"]


def test_the_wait_for_input_is_measured_where_there_are_devices(ways) -> None:
    root, _ = ways
    waited = json.loads((root / "eight" / "metrics.json").read_text())["input_wait"]
    assert 0 <= waited < 1
