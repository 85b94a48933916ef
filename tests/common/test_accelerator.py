"""The accelerator is decided before Keras is imported: in processes of their own."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from common import accelerator
from common.errors import UserError
from support import ROOT

pytestmark = pytest.mark.slow
CODE = """
import json, os, sys
from common import accelerator
from common.errors import UserError

def answer(arguments, variables):
    os.environ.update(variables)
    try:
        chosen = accelerator.choose(*arguments)
    except UserError as error:
        return {"error": str(error), "keras": "keras" in sys.modules}
    finally:
        for name in variables:
            del os.environ[name]
    import keras, tensorflow as tf
    facts = {"backend": keras.config.backend(), "policy": keras.config.dtype_policy().name}
    said = vars(chosen)
    assert facts.items() <= said.items(), "it says what is not so"
    accelerator.clear_session()
    assert facts["policy"] == keras.config.dtype_policy().name
    spread = keras.distribution.distribution()
    facts["devices"] = spread and spread.device_mesh.devices.size
    facts["gpus"] = len(tf.config.get_visible_devices("GPU"))
    return {**said, **facts}

print(json.dumps([answer(*case) for case in json.loads(sys.argv[1])]))
"""
THERE = "lambda name: jax.devices('cpu') if name == 'gpu' else []"  # CPU devices as GPUs
GPU = CODE.replace("\ndef", f"import jax\naccelerator._jax_devices = {THERE}\n\ndef", 1)
SLOW_DRIVER = """
import sys, time
from common import accelerator
accelerator.PATIENCE = 0.5
accelerator._jax_devices = lambda name: time.sleep(60)
accelerator.set_up = lambda seen, asked: seen
print(accelerator.choose(sys.argv[1]))
"""


def start(code: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """A fresh process without a GPU."""
    environment = {
        **{k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"},
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONPATH": str(ROOT),
        **variables,
    }
    command = [sys.executable, "-c", code, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, Any]]:
    """What is chosen or refused, by case; the cases of a process come one after another."""
    slurm = {"SLURM_NTASKS": "2", "SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "1"}
    cases: dict[str, dict[str, tuple[list[Any], dict[str, str]]]] = {
        CODE: {
            "unknown": (["npu"], {}),
            "unsupported": (["tpu", ["gpu", "cpu"]], {}),
            "cpu": (["cpu"], {}),
            "best": (["", ["gpu", "cpu"]], {}),
            "no gpu": (["gpu"], {}),
            "no tpu": (["tpu"], {}),
        },
        f"{CODE}\n": {"alone": (["cpu"], slurm), "jax": (["cpu"], {"KERAS_BACKEND": "jax"})},
        GPU: {"gpu": (["", ["tpu", "gpu", "cpu"]], {})},
    }
    flags = "--xla_force_host_platform_device_count=8"
    started = [
        (named, start(code, json.dumps([*named.values()]), XLA_FLAGS=flags))
        for code, named in cases.items()
    ]
    found = {}
    for named, process in started:
        printed, errors = process.communicate()
        assert process.returncode == 0, errors
        found |= dict(zip(named, json.loads(printed.splitlines()[-1]), strict=True))
    return found


CPU = {"asked": "cpu", "seen": "cpu", "replicas": 1, "device": "CPU", "backend": "tensorflow"}


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        ("cpu", {**CPU, "policy": "float32", "process": 0, "processes": 1}),
        ("cpu", {"devices": None, "gpus": 0}),
        # JAX spreads a batch over every device, and goes on so after ``clear_session``.
        ("jax", {"seen": "cpu", "backend": "jax", "replicas": 8, "devices": 8}),
        ("best", {"asked": "", "seen": "cpu"}),
        # Although TensorFlow would import Keras.
        ("gpu", {"seen": "gpu", "backend": "jax", "devices": 8, "policy": "mixed_bfloat16"}),
        ("gpu", {"gpus": 0}),
    ],
)
def test_what_is_chosen(answers, case: str, wanted: dict[str, Any]) -> None:
    assert wanted.items() <= answers[case].items()


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("unknown", "this kernel cannot run on npu: it runs on tpu, gpu, cpu"),
        ("unsupported", "this kernel cannot run on tpu: it runs on gpu, cpu"),
        ("no gpu", "accelerator gpu was asked for and is not there: JAX shows cpu x 8"),
        ("no tpu", "accelerator tpu was asked for and is not there"),
        # An allocation without its launcher.
        ("alone", "2 processes are to train together and did not meet"),
        ("alone", "is not set"),
    ],
)
def test_what_is_refused_is_one_line(answers, case: str, said: str) -> None:
    assert said in answers[case]["error"]
    assert "\n" not in answers[case]["error"]


def test_what_jax_says_of_an_accelerator_that_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def devices(name: str) -> list[str]:
        if name == "cpu":
            return ["one"]
        raise RuntimeError(f"Backend '{name}' failed to initialize: ABORTED: in use\nand more")

    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(devices=devices))
    monkeypatch.setattr(accelerator, "packages_missing", lambda name: "")
    monkeypatch.setattr(accelerator.importlib.util, "find_spec", lambda name: name)
    with pytest.raises(UserError) as error:
        accelerator.choose("tpu")
    assert str(error.value) == (
        "accelerator tpu was asked for and is not there: JAX shows cpu x 1; JAX says of tpu: "
        "Backend 'tpu' failed to initialize: ABORTED: in use; ask for another with --accelerator"
    )


@pytest.mark.parametrize(
    ("asked", "status", "printed", "said"),
    [
        ("cpu", 0, "cpu\n", ""),  # a busy machine is waited for
        (
            "tpu",
            1,
            "",
            "error: JAX's search for tpu devices has not ended in 0.5 s: start the kernel again\n",
        ),
    ],
)
def test_a_driver_that_hangs_ends_the_run(asked: str, status: int, printed: str, said: str) -> None:
    process = start(SLOW_DRIVER, asked)
    assert process.communicate() == (printed, said)
    assert process.returncode == status


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
    assert accelerator._policy(seen, SimpleNamespace(compute_capability=capability)) == policy


@pytest.mark.parametrize(
    ("variables", "size"),
    [
        ({}, 1),
        ({"KERAS_DISTRIBUTION_NUM_PROCESSES": "4"}, 4),
        ({"SLURM_NTASKS": "2"}, 2),
        ({"TPU_WORKER_HOSTNAMES": "a,b"}, 2),
        ({"TPU_WORKER_HOSTNAMES": "localhost", "SLURM_NTASKS": ""}, 1),
        ({"KERAS_DISTRIBUTION_NUM_PROCESSES": "two"}, "NUM_PROCESSES=two: it must be the number"),
    ],
)
def test_the_launchers_environment_says_how_many_processes_there_are(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], size: int | str
) -> None:
    for name in (*accelerator._CLUSTER, "TPU_WORKER_HOSTNAMES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if isinstance(size, int):
        assert accelerator.cluster_size() == size
    else:
        with pytest.raises(UserError, match=size):
            accelerator.cluster_size()
