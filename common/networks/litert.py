"""A network on a CPU by LiteRT with XNNPACK: the same outputs as Keras', in less time.

Figures are in docs/log.md. TensorFlow converts the network; its own interpreter is deprecated, so
that of ``ai-edge-litert`` is taken where it is installed (Kaggle's image does not have it).
"""

import logging
import os
import warnings
from typing import Any

import numpy as np

_AT_ONCE = 4  # pictures: what a layer makes of them is still in the processor's caches for the next


class LiteNetwork:
    """A ``keras.Model`` with one input and one output, of the TensorFlow backend."""

    def __init__(self, model: Any):
        import tensorflow as tf

        shape = tf.TensorSpec((_AT_ONCE, *model.input_shape[1:]), tf.float32)
        call = tf.function(lambda inputs: model(inputs, training=False), autograph=False)
        traced = call.get_concrete_function(shape)
        # It advises to hand over the model, too; of a Keras 3 model it would then lose the weights.
        logging.getLogger("absl").addFilter(lambda line: "trackable_obj" not in line.getMessage())
        converter = tf.lite.TFLiteConverter.from_concrete_functions([traced])
        self._interpreter = interpreter(converter.convert(), os.cpu_count() or 1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return the outputs of one picture or more, ``(n, …)`` float32."""
        found = []
        for start in range(0, len(inputs), _AT_ONCE):
            rows = np.arange(start, start + _AT_ONCE).clip(max=len(inputs) - 1)
            self._interpreter.set_tensor(self._input, inputs[rows].astype(np.float32))
            self._interpreter.invoke()
            found.append(self._interpreter.get_tensor(self._output))
        return np.concatenate(found)[: len(inputs)]


def interpreter(content: bytes, threads: int) -> Any:
    """Return LiteRT's interpreter of a file's ``content``."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is deprecated
            return tf.lite.Interpreter(model_content=content, num_threads=threads)
    return Interpreter(model_content=content, num_threads=threads)
