"""A network on a CPU by LiteRT with XNNPACK: the same outputs as Keras', in less time.

Figures are in docs/log.md. TensorFlow converts the network; its own interpreter is deprecated, so
that of ``ai-edge-litert`` is taken where it is installed (Kaggle's image does not have it).
"""

import logging
import os
import warnings
from typing import Any

import numpy as np


class LiteNetwork:
    """A ``keras.Model`` with one input and one output, of the TensorFlow backend.

    ``batch`` is the size of all batches.
    """

    def __init__(self, model: Any, batch: int):
        import tensorflow as tf

        shape = tf.TensorSpec((batch, *model.input_shape[1:]), tf.float32)
        call = tf.function(lambda inputs: model(inputs, training=False), autograph=False)
        traced = call.get_concrete_function(shape)
        # It advises to hand over the model, too; of a Keras 3 model it would then lose the weights.
        logging.getLogger("absl").addFilter(lambda line: "trackable_obj" not in line.getMessage())
        converter = tf.lite.TFLiteConverter.from_concrete_functions([traced])
        self._interpreter = _interpreter(converter.convert())
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return the outputs of a whole batch, ``(batch, …)`` float32."""
        self._interpreter.set_tensor(self._input, np.asarray(inputs, np.float32))
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output))


def _interpreter(content: bytes) -> Any:
    threads = os.cpu_count() or 1
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is deprecated
            return tf.lite.Interpreter(model_content=content, num_threads=threads)
    return Interpreter(model_content=content, num_threads=threads)
