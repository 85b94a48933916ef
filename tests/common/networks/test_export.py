"""LiteRT files of a network: what Keras predicts, smaller; on both backends."""

import json
import os
import subprocess
import sys
import traceback
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.errors import UserError
from common.networks.export import KINDS, LiteFile, convert, latency

TOLERANCE = {"float32": 1e-5, "float16": 5e-3, "int8": 0.1}
POLICIES = {"float32": 0.0, "mixed_float16": 2e-3, "mixed_bfloat16": 1e-2}  # what Keras' may differ


def network(between: Any = None) -> Any:
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    inputs = keras.Input((16, 16, 3))
    x = layers.Rescaling(1 / 127.5, -1.0)(inputs)
    x = layers.BatchNormalization()(layers.Conv2D(8, 3, strides=2, use_bias=False)(x))
    x = between(x) if between else x
    x = layers.GlobalAveragePooling2D()(layers.Activation("relu")(x))
    x = layers.Dropout(0.5)(layers.Dense(64, activation="relu")(x))
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(x), name="small")


PICTURES = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3)).astype(np.uint8)


def check_all_kinds(policy: str) -> None:
    """Each file predicts what Keras does, within its precision, and the next one is smaller.

    On JAX the network is on two devices, as on Kaggle's two GPUs.
    """
    import keras

    keras.config.set_dtype_policy(policy)
    if keras.config.backend() == "jax":
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(auto_shard_dataset=False)
        )
        assert len(keras.distribution.list_devices()) == 2
    model, sizes = network(), []
    wanted = np.asarray(model.predict_on_batch(PICTURES), np.float32)
    for kind in KINDS:
        content = convert(model, kind, PICTURES)
        file = LiteFile(content)
        found = np.stack([file(picture) for picture in PICTURES])
        np.testing.assert_allclose(found, wanted, atol=TOLERANCE[kind] + POLICIES[policy])
        assert found.shape == (12, 4)
        median, low, high, cpu = latency(file, PICTURES[0])
        assert 0 < low <= median <= high < 1000
        assert cpu > 0
        sizes.append(len(content))
    assert sizes[0] > sizes[1]
    assert sizes[0] > sizes[2]
    assert model.layers[2].compute_dtype == policy.removeprefix("mixed_")  # as it was


def check_what_litert_lacks(backend: str) -> None:
    import keras

    class Determinant(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * keras.ops.det(x[..., 0])[:, None, None, None]

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    with pytest.raises(UserError) as raised:
        convert(network(Determinant()), "float32")
    lacks = {"tensorflow": "tf.MatrixDeterminant", "jax": "tf.XlaCallModule"}[backend]
    assert str(raised.value) == (
        f"small cannot be exported to LiteRT, which lacks an operation of it (it has the operation "
        f"{lacks}): --set export=no, or replace the layer"
    )


CHECKS = {policy: f"check_all_kinds({policy!r})" for policy in POLICIES}
CHECKS["lacks"] = "check_what_litert_lacks(keras.config.backend())"


@pytest.fixture(scope="module")
def on_jax() -> dict[str, str]:
    """What each check ends in on JAX, in one process, which takes seconds to begin: ``well``."""
    code = f"import runpy; print(json.dumps(runpy.run_path({__file__!r})['all_checks']()))"
    env = {**os.environ, "KERAS_BACKEND": "jax", "CUDA_VISIBLE_DEVICES": "-1"}
    env["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", f"import json; {code}"], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def all_checks() -> dict[str, str]:
    return {name: ending(check) for name, check in CHECKS.items()}


def ending(check: str) -> str:
    """``well``, or the traceback of what a check has raised. Keras is left as it was."""
    import keras

    try:
        eval(check, globals(), {"keras": keras})
    except Exception:
        return traceback.format_exc()
    finally:
        keras.config.set_dtype_policy("float32")
        keras.distribution.set_distribution(None)
    return "well"


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
def test_files_of_networks_on_tensorflow(name: str) -> None:
    assert ending(CHECKS[name]) == "well"


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
def test_files_of_networks_on_jax(on_jax: dict[str, str], name: str) -> None:
    assert on_jax[name] == "well"


def test_without_tensorflow_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(UserError, match="TensorFlow, which converts to LiteRT, is not installed"):
        convert(None, "float32")
