"""The accelerator is decided before Keras is imported: each case in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
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
facts["gpus"] = len(tf.config.get_visible_devices("GPU"))
print(json.dumps({**chosen.to_dict(), **facts}))
"""


def choose(*arguments: object) -> dict[str, object]:
    """What a fresh process without a GPU chooses."""
    environment = {
        **{k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"},
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", CODE, json.dumps(arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_the_cpu_runs_tensorflow_in_full_precision() -> None:
    assert choose("cpu") == {
        "asked": "cpu",
        "seen": "cpu",
        "replicas": 1,
        "backend": "tensorflow",
        "policy": "float32",
        "gpus": 0,
    }


def test_without_a_wish_it_takes_what_is_there() -> None:
    chosen = choose("", ["gpu", "cpu"])
    assert (chosen["asked"], chosen["seen"]) == ("", "cpu")


@pytest.mark.parametrize("asked", ["gpu", "tpu"])
def test_what_is_asked_for_and_not_there_stops_the_run_before_keras(asked: str) -> None:
    answer = choose(asked)
    assert f"accelerator {asked} was asked for and is not there" in str(answer["error"])
    assert "CPU:0" in str(answer["error"])
    assert "\n" not in str(answer["error"])


def test_a_name_that_is_none_is_refused() -> None:
    assert "unknown accelerator 'npu'" in str(choose("npu")["error"])


def test_a_kernel_refuses_what_its_network_cannot_run_on() -> None:
    answer = choose("tpu", ["gpu", "cpu"])
    assert answer["error"] == "this kernel cannot run on tpu: it runs on gpu, cpu"
    assert not answer["keras"]
