"""The accelerator is chosen before Keras is imported, because it decides Keras's backend.

TPU: JAX, data-parallel over its devices (Kaggle's TPU image has no TensorFlow that sees a TPU).
GPU: TensorFlow, the first GPU. CPU: TensorFlow.
"""

import importlib.util
import os
import sys
from dataclasses import asdict, dataclass
from typing import Any

from common.errors import UserError

KNOWN = ("tpu", "gpu", "cpu")
_BACKENDS = {"tpu": "jax", "gpu": "tensorflow", "cpu": "tensorflow"}
_POLICIES = {"tpu": "mixed_bfloat16", "gpu": "mixed_float16", "cpu": "float32"}


@dataclass(frozen=True)
class Accelerator:
    """What a kernel asked for, what it runs on, and over how many devices it splits a batch."""

    asked: str
    seen: str
    replicas: int

    def to_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return asdict(self)


def choose(asked: str, supported: tuple[str, ...] = KNOWN) -> Accelerator:
    """Set Keras's backend, devices and precision for ``asked`` (empty: the best that is there).

    Raises UserError when it is unknown, not supported by this kernel, or not seen.
    """
    if asked and asked not in KNOWN:
        raise UserError(f"unknown accelerator {asked!r}: known are {', '.join(KNOWN)}")
    if asked and asked not in supported:
        raise UserError(f"this kernel cannot run on {asked}: it runs on {', '.join(supported)}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and errors of TensorFlow alone
    candidates = [asked] if asked else supported
    seen, devices = next(((name, n) for name in candidates if (n := _count(name))), ("", 0))
    if not seen:
        raise UserError(
            f"accelerator {asked or ' or '.join(supported)} was asked for and is not there: "
            f"this machine shows {_machine()}; ask for another with --accelerator"
        )
    set_up(seen)
    return Accelerator(asked, seen, devices if seen == "tpu" else 1)


def _count(name: str) -> int:
    if name == "tpu":
        return _tpu_devices()
    if name == "gpu":
        import tensorflow as tf

        return len(tf.config.list_physical_devices("GPU"))
    return 1


def _tpu_devices() -> int:
    if importlib.util.find_spec("libtpu") is None or importlib.util.find_spec("jax") is None:
        return 0
    import jax

    try:
        return len(jax.devices("tpu"))
    except RuntimeError:
        return 0


def _machine() -> str:
    import tensorflow as tf

    names = [
        device.name.split("physical_device:")[-1] for device in tf.config.list_physical_devices()
    ]
    return ", ".join([*names, f"{_tpu_devices()} TPU devices"])


def set_up(seen: str) -> None:
    """Set Keras's backend, precision and distribution for an accelerator that is there.

    Raises RuntimeError when Keras is already imported with another backend.
    """
    backend = _BACKENDS[seen]
    loaded = sys.modules.get("keras")
    os.environ["KERAS_BACKEND"] = backend
    if loaded is not None and loaded.backend.backend() != backend:
        raise RuntimeError(f"Keras is already imported with {loaded.backend.backend()}")
    if seen == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    _restrict_tensorflow(seen)
    import keras

    keras.config.set_dtype_policy(_POLICIES[seen])
    if seen == "tpu":
        keras.distribution.set_distribution(keras.distribution.DataParallel())


def _restrict_tensorflow(seen: str) -> None:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    tf.config.set_visible_devices(gpus[:1] if seen == "gpu" else [], "GPU")
