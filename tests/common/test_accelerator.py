"""The accelerator is decided before Keras is imported: each case in a process of its own."""

import json
import os
import subprocess
import sys

import pytest

from support import ROOT

pytestmark = pytest.mark.slow
CODE = """
import json, sys
from common import accelerator
from common.errors import UserError
try:
    chosen = accelerator.choose(*json.loads(sys.argv[1]))
except UserError as error:
    print(json.dumps({"error": str(error), "keras": "keras" in sys.modules}))
    sys.exit(0)
import keras, tensorflow as tf
facts = {"backend": keras.config.backend(), "policy": keras.config.dtype_policy().name}
assert facts.items() <= chosen.to_dict().items(), "it says what is not so"
accelerator.clear_session()
assert facts["policy"] == keras.config.dtype_policy().name
spread = keras.distribution.distribution()
facts["devices"] = spread and spread.device_mesh.devices.size
facts["gpus"] = len(tf.config.get_visible_devices("GPU"))
print(json.dumps({**chosen.to_dict(), **facts}))
"""
SLOW_DRIVER = """
import sys, time
from common import accelerator
accelerator.PATIENCE = 0.5
accelerator._is_there = lambda name: time.sleep(60 if name == "tpu" else 1) or name == "cpu"
print(accelerator.choose(sys.argv[1]).seen)
"""


def process(code: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A fresh process without a GPU."""
    environment = {
        **{k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"},
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONPATH": str(ROOT),
        **variables,
    }
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def choose(*arguments: object, **variables: str) -> dict[str, object]:
    """What it chooses."""
    done = process(CODE, json.dumps(arguments), **variables)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_the_cpu_runs_tensorflow_in_full_precision() -> None:
    assert choose("cpu") == {
        "asked": "cpu",
        "seen": "cpu",
        "replicas": 1,
        "device": "CPU",
        "backend": "tensorflow",
        "policy": "float32",
        "process": 0,
        "processes": 1,
        "devices": None,
        "gpus": 0,
    }


def test_jax_spreads_a_batch_over_every_device_and_goes_on_so_after_clear_session() -> None:
    flags = "--xla_force_host_platform_device_count=8"
    chosen = choose("cpu", KERAS_BACKEND="jax", XLA_FLAGS=flags)
    assert (chosen["backend"], chosen["replicas"], chosen["devices"]) == ("jax", 8, 8)


def test_without_a_wish_it_takes_what_is_there() -> None:
    chosen = choose("", ["gpu", "cpu"])
    assert (chosen["asked"], chosen["seen"]) == ("", "cpu")


@pytest.mark.parametrize("asked", ["gpu", "tpu"])
def test_what_is_asked_for_and_not_there_stops_the_run_before_keras(asked: str) -> None:
    answer = choose(asked)
    assert f"accelerator {asked} was asked for and is not there" in str(answer["error"])
    assert "TensorFlow CPU:0 and JAX cpu x 1" in str(answer["error"])
    assert "\n" not in str(answer["error"])


def test_a_gpu_runs_on_jax_although_tensorflow_would_import_keras() -> None:
    there = "lambda name: jax.devices('cpu') if name == 'gpu' else []"  # CPU devices stand in
    code = CODE.replace("try:", f"import jax\naccelerator._jax_devices = {there}\ntry:")
    flags = "--xla_force_host_platform_device_count=2"
    done = process(code, json.dumps(["", ["tpu", "gpu", "cpu"]]), XLA_FLAGS=flags)
    chosen = json.loads(done.stdout.splitlines()[-1])
    assert (chosen["seen"], chosen["backend"], chosen["devices"]) == ("gpu", "jax", 2)
    assert (chosen["policy"], chosen["gpus"]) == ("mixed_bfloat16", 0)


def test_a_driver_that_hangs_ends_the_run_with_one_line() -> None:
    done = process(SLOW_DRIVER, "tpu")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "error: JAX's search for tpu devices has not ended in 0.5 s: start the kernel again"
    )


def test_a_machine_that_is_slow_to_find_its_cpu_is_waited_for() -> None:
    done = process(SLOW_DRIVER, "cpu")
    assert (done.returncode, done.stdout) == (0, "cpu\n"), done.stderr


def test_a_name_that_is_none_is_refused() -> None:
    assert "unknown accelerator 'npu'" in str(choose("npu")["error"])


def test_a_kernel_refuses_what_its_network_cannot_run_on() -> None:
    answer = choose("tpu", ["gpu", "cpu"])
    assert answer["error"] == "this kernel cannot run on tpu: it runs on gpu, cpu"
    assert not answer["keras"]


@pytest.mark.parametrize(
    ("seen", "capability", "policy"),
    [
        ("tpu", None, "mixed_bfloat16"),
        ("gpu", "7.5", "mixed_float16"),  # T4
        ("gpu", "9.0", "mixed_bfloat16"),  # H100
        ("cpu", None, "float32"),
    ],
)
def test_the_precision_is_what_the_hardware_has(
    seen: str, capability: str | None, policy: str
) -> None:
    from types import SimpleNamespace

    from common.accelerator import _policy

    assert _policy(seen, SimpleNamespace(compute_capability=capability)) == policy


@pytest.mark.parametrize(
    ("variables", "size"),
    [
        ({}, 1),
        ({"KERAS_DISTRIBUTION_NUM_PROCESSES": "4"}, 4),
        ({"SLURM_NTASKS": "2"}, 2),
        ({"OMPI_COMM_WORLD_SIZE": "3"}, 3),
        ({"TPU_WORKER_HOSTNAMES": "a,b"}, 2),
        ({"TPU_WORKER_HOSTNAMES": "localhost"}, 1),
        ({"SLURM_NTASKS": ""}, 1),
    ],
)
def test_the_launchers_environment_says_how_many_processes_there_are(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], size: int
) -> None:
    from common import accelerator

    for name in (*accelerator._CLUSTER, "TPU_WORKER_HOSTNAMES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert accelerator.cluster_size() == size


def test_a_number_of_processes_that_is_none_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from common import accelerator
    from common.errors import UserError

    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "two")
    with pytest.raises(UserError, match="NUM_PROCESSES=two: it must be the number of processes"):
        accelerator.cluster_size()


def test_an_allocation_without_its_launcher_is_told_in_one_line() -> None:
    slurm = {"SLURM_NTASKS": "2", "SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "1"}
    answer = choose("cpu", **slurm)
    assert "2 processes are to train together and did not meet" in str(answer["error"])
    assert "is not set" in str(answer["error"])
