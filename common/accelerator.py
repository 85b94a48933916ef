"""The accelerator is chosen before Keras is imported, because it decides Keras's backend.

TPU and GPU: JAX, data-parallel over all devices (Kaggle's TPU image has no TensorFlow that sees a
TPU). CPU: TensorFlow without XLA, the faster one there; JAX with ``KERAS_BACKEND=jax``, or when
several processes train together.
"""

import contextlib
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

import numpy as np

from common.errors import PREFIX, UserError

KNOWN = ("tpu", "gpu", "cpu")
# Devices that a session on Kaggle shares a batch between: TpuV5E8, NvidiaTeslaT4 x 2.
REPLICAS = {"tpu": 8, "gpu": 2, "cpu": 1}
PATIENCE = 50.0  # seconds for an accelerator to be found
# How many processes there are, as Keras and the launchers that JAX knows say it.
_CLUSTER = ("KERAS_DISTRIBUTION_NUM_PROCESSES", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE")


@dataclass(frozen=True)
class Share:
    """The rows of each batch that one of several processes makes; a lone process makes all."""

    process: int = 0
    processes: int = 1

    def of(self, rows: np.ndarray) -> np.ndarray:
        """This process's rows of a batch that all processes divide."""
        part = len(rows) // self.processes
        return rows[self.process * part : (self.process + 1) * part]


WHOLE = Share()


@dataclass(frozen=True)
class Accelerator:
    """What a kernel asked for and what it runs on."""

    asked: str  # ``tpu``, ``gpu``, ``cpu``, or empty for the best that is there
    seen: str  # which of them it is
    replicas: int  # devices that a batch is split over, of all processes together
    device: str  # what the devices call themselves
    backend: str  # of Keras
    policy: str  # Keras's dtype policy
    process: int = 0  # number of this process, from 0
    processes: int = 1

    @property
    def share(self) -> Share:
        """The rows of a batch that this process makes."""
        return Share(self.process, self.processes)


def choose(asked: str, supported: tuple[str, ...] = KNOWN) -> Accelerator:
    """Set Keras's backend, devices and precision for ``asked`` (empty: the best that is there).

    Raises UserError when it is not supported by this kernel, or not seen. A search for
    a TPU or GPU that hangs ends the process after PATIENCE seconds with one line.
    """
    if asked and asked not in supported:
        raise UserError(f"this kernel cannot run on {asked}: it runs on {', '.join(supported)}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # that there is no GPU is no news
    candidates = [asked] if asked else supported
    wanted = " or ".join(candidates)
    if cluster_size() > 1:
        _join_cluster()
    # A CPU is always there; that a busy machine is slow to import is no fault.
    with contextlib.nullcontext() if asked == "cpu" else _end_unless_found(wanted):
        seen = next((name for name in candidates if name == "cpu" or _jax_devices(name)), "")
        if not seen:
            found = [f"{name} x {n}" for name in KNOWN if (n := len(_jax_devices(name)))]
            said = "".join(map(_why, candidates))
            raise UserError(
                f"accelerator {wanted} was asked for and is not there: JAX shows "
                f"{', '.join(found) or 'nothing'}{said}; ask for another with --accelerator"
            )
        return set_up(seen, asked)


def set_up(seen: str, asked: str = "") -> Accelerator:
    """Set Keras's backend, precision and distribution for an accelerator that is there.

    Raises RuntimeError when Keras is already imported with another backend.
    """
    on_jax = seen != "cpu" or cluster_size() > 1 or os.environ.get("KERAS_BACKEND") == "jax"
    _use_backend("jax" if on_jax else "tensorflow")
    if seen == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")  # TensorFlow would take all of a card's memory
    import keras

    if not on_jax:
        keras.config.set_dtype_policy("float32")
        return Accelerator(asked, seen, 1, "CPU", "tensorflow", "float32")
    import jax

    devices = _jax_devices(seen)
    policy = _policy(seen, devices[0])
    keras.config.set_dtype_policy(policy)
    names = [f"{device.platform}:{device.id}" for device in devices]
    # Each process makes its own rows of a batch, so Keras is not to share them out.
    parallel = keras.distribution.DataParallel(devices=names, auto_shard_dataset=False)
    keras.distribution.set_distribution(parallel)
    kind, process, processes = devices[0].device_kind, jax.process_index(), jax.process_count()
    return Accelerator(asked, seen, len(devices), kind, "jax", policy, process, processes)


def clear_session() -> None:
    """Free what Keras has of earlier models.

    Its own ``clear_session`` forgets the distribution and the precision too: a model that is built
    after it would train on one device.
    """
    import keras

    distribution, policy = keras.distribution.distribution(), keras.config.dtype_policy()
    keras.backend.clear_session()
    keras.distribution.set_distribution(distribution)
    keras.config.set_dtype_policy(policy)


def cluster_size() -> int:
    """The number of processes that train together, as the launcher's environment says; 1 alone.

    Raises UserError when it says something that is no number.
    """
    hosts = os.environ.get("TPU_WORKER_HOSTNAMES", "").count(",") + 1
    sizes = {name: os.environ[name] for name in _CLUSTER if os.environ.get(name)}
    for name, size in sizes.items():
        if not size.isdigit():
            raise UserError(f"{name}={size}: it must be the number of processes; mend or unset it")
    return max(hosts, *map(int, sizes.values()), 1)


def _policy(seen: str, device: Any) -> str:
    """bfloat16 where the hardware has it: TPUs, and NVIDIA's cards since Ampere (8.0)."""
    if seen == "cpu":
        return "float32"
    capability = getattr(device, "compute_capability", None) or 8
    return "mixed_float16" if float(capability) < 8 else "mixed_bfloat16"


def _join_cluster() -> None:
    """Connect to the other processes, before JAX looks at any device; it waits five minutes."""
    _use_backend("jax")
    import keras

    keras.utils.set_random_seed(0)  # else Keras draws one over all processes
    try:
        keras.distribution.initialize()
    except (RuntimeError, ValueError, KeyError) as error:
        said = f"{error} is not set" if isinstance(error, KeyError) else str(error).splitlines()[0]
        raise UserError(
            f"{cluster_size()} processes are to train together and did not meet "
            f"({said}): start them all, or unset {', '.join(_CLUSTER)}"
        ) from None


def _use_backend(backend: str) -> None:
    loaded = sys.modules.get("keras")
    os.environ["KERAS_BACKEND"] = backend
    if loaded is not None and loaded.backend.backend() != backend:
        raise RuntimeError(f"Keras is already imported with {loaded.backend.backend()}")


def packages_missing(name: str) -> str:
    """What JAX lacks here to use an accelerator, without importing it; empty if it may be there."""
    # Without libtpu JAX would look for a TPU over the network, for minutes.
    needed = {"tpu": "libtpu", "gpu": "jax_plugins"}.get(name, "jax")
    if importlib.util.find_spec(needed) or (name == "gpu" and entry_points(group=needed)):
        return ""
    return needed


def _why(name: str) -> str:
    """What JAX says of an accelerator that it could not start, its first line; empty if nothing."""
    if packages_missing(name):
        return ""
    import jax

    try:
        jax.devices(name)
    except RuntimeError as error:
        return "".join(f"; JAX says of {name}: {line}" for line in str(error).splitlines()[:1])
    return ""


def _jax_devices(name: str) -> list[Any]:
    """Without TensorFlow, which would import Keras before its backend is set."""
    if importlib.util.find_spec("jax") is None or (name == "tpu" and packages_missing(name)):
        return []
    import jax

    try:
        return list(jax.devices(name))
    except RuntimeError:  # no such platform
        return []


@contextlib.contextmanager
def _end_unless_found(wanted: str) -> Iterator[None]:
    """End the process with one line when the search for devices does not end in time.

    A driver that hangs answers no exception: only the process as a whole can be stopped.
    """

    def stop() -> None:
        search = f"JAX's search for {wanted} devices has not ended in {PATIENCE:g} s"
        print(f"{PREFIX}{search}: start the kernel again", file=sys.stderr, flush=True)
        os._exit(1)

    timer = threading.Timer(PATIENCE, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
