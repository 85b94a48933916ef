"""A network as a LiteRT file, for a phone: of float32, float16 or int8.

The file takes one picture, ``(1, height, width, 3)`` float32 in 0..255, and gives what the network
gives. ``int8`` has integers for weights and for what the layers pass on, whose ranges are those
that some training pictures cause (post-training quantization: Jacob et al., 2018).
"""

import logging
import os
import platform
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.errors import UserError
from common.networks.litert import interpreter

KINDS, KERAS = ("float32", "float16", "int8"), "keras"
_RUNS = 30  # for a median of the latency


def convert(model: Any, kind: str, pictures: np.ndarray | None = None) -> bytes:
    """Return the content of the file of a ``keras.Model`` of either backend.

    ``kind`` is one of ``KINDS``; ``int8`` needs ``pictures``, ``(n, height, width, 3)``. Raises
    UserError for a network with an operation that LiteRT lacks, and without TensorFlow.
    """
    try:
        import tensorflow as tf
    except ImportError:
        raise UserError(
            "setting export=yes: TensorFlow, which converts to LiteRT, is not installed here: "
            "install it, or leave export out"
        ) from None

    with _explained(model), _in_float32(model):
        converter = _converter(model)
        if kind != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if kind == "int8":
            assert pictures is not None
            seen = pictures.astype(np.float32)
            converter.representative_dataset = lambda: ([one[None]] for one in seen)
        return bytes(converter.convert())


class LiteFile:
    """A file's content, run as a phone does: one picture at a time."""

    def __init__(self, content: bytes, threads: int = 1):
        self._interpreter = interpreter(content, threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Return the outputs ``(units,)`` float32 of one picture."""
        self._interpreter.set_tensor(self._input, picture[None].astype(np.float32))
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output)[0], np.float32)

    def batch(self, pictures: np.ndarray) -> np.ndarray:
        """Return the outputs ``(n, units)`` of several pictures, one after the other."""
        return np.stack([self(picture) for picture in pictures])


def machine() -> str:
    """Return the processor and how many of its cores there are: ``AMD EPYC, 2 cores``."""
    known = Path("/proc/cpuinfo")  # of Linux, as Kaggle has it
    found = known.is_file() and re.search(r"^model name\s*: (.+)$", known.read_text("utf-8"), re.M)
    name = found[1].strip() if found else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"


class Latency(NamedTuple):
    """Milliseconds of one picture: the median of many times, and their quartiles.

    ``cpu`` is the median of the time that the processor spent on it, on all threads, which other
    work on the machine disturbs least.
    """

    median: float
    low: float
    high: float
    cpu: float


def latency(network: Callable[[np.ndarray], Any], picture: np.ndarray) -> Latency:
    """Return how long one picture takes, after some that do not count."""
    wall, cpu = [], []
    for _ in range(_RUNS + 3):
        began = time.perf_counter(), time.process_time()
        network(picture)
        wall.append(1000 * (time.perf_counter() - began[0]))
        cpu.append(1000 * (time.process_time() - began[1]))
    median, low, high = (float(share) for share in np.quantile(wall[3:], (0.5, 0.25, 0.75)))
    return Latency(median, low, high, float(np.median(cpu[3:])))


@contextmanager
def _in_float32(model: Any) -> Iterator[None]:
    """Let every layer calculate in float32: LiteRT has no bfloat16, and little of float16."""
    layers = [*model._flatten_layers()]
    policies = [layer.dtype_policy for layer in layers]
    for layer in layers:
        layer.dtype_policy = "float32"
    try:
        yield
    finally:
        for layer, policy in zip(layers, policies, strict=True):
            layer.dtype_policy = policy


def _converter(model: Any) -> Any:
    """TensorFlow's converter of a model of either backend."""
    import keras
    import tensorflow as tf

    shape = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    predict = lambda inputs: model(inputs, training=False)  # noqa: E731
    if keras.config.backend() == "jax":
        predict = _of_jax(model)
    traced = tf.function(predict, autograph=False).get_concrete_function(shape)
    return tf.lite.TFLiteConverter.from_concrete_functions([traced])


def _of_jax(model: Any) -> Callable[[Any], Any]:
    """What a model of JAX predicts, as a function of TensorFlow with the weights as they are now.

    It has no variables: LiteRT lacks those of dropout's random numbers. It is lowered as on a CPU:
    a GPU's or a TPU's own operations would be none of LiteRT's.
    """
    from jax.experimental import jax2tf

    variables = (model.trainable_variables, model.non_trainable_variables)
    state = [[np.asarray(variable.value) for variable in several] for several in variables]
    call = lambda inputs: model.stateless_call(*state, inputs, training=False)[0]  # noqa: E731
    converted: Callable[[Any], Any] = jax2tf.convert(
        call, native_serialization=True, native_serialization_platforms=("cpu",)
    )
    return converted


@contextmanager
def _explained(model: Any) -> Iterator[None]:
    """Say in one line what LiteRT lacks; what the converter says of its work is of no use."""
    from tensorflow.lite.python.convert_phase import ConverterError

    # It advises to hand over the model, too; of a Keras 3 model it would then lose the weights.
    logging.getLogger("absl").addFilter(lambda line: "trackable_obj" not in line.getMessage())
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    except ConverterError as error:
        found = re.search(r"'(tf\.\w+)' op is neither", str(error))
        lacks = f"it has the operation {found[1]}" if found else type(error).__name__
        raise UserError(
            f"{model.name} cannot be exported to LiteRT, which lacks an operation of it ({lacks}): "
            f"--set export=no, or replace the layer"
        ) from None
