"""Layers of networks that embed pictures, in float32 whatever the precision around them.

This module imports Keras: import it inside functions, once the backend is chosen.
"""

import math
from typing import Any

import keras
from keras import ops

from common.networks.losses import unit_length

_LEAST = 1e-6


class _Float32Layer(keras.layers.Layer):
    """Takes any float type, computes and gives float32."""

    def __init__(self, **options: Any):
        super().__init__(**{"dtype": "float32", **options})


class _AtLeastOne(keras.constraints.Constraint):
    def __call__(self, value: Any) -> Any:
        return ops.maximum(value, 1.0)


class UnitLength(_Float32Layer):
    """Rows ``(batch, d)`` divided by their lengths; zeros stay zeros.

    Keras's UnitNormalization has a NaN for a gradient at zeros, and squares in half precision.
    """

    def call(self, inputs: Any) -> Any:
        """``(batch, d)``."""
        return unit_length(inputs)


class Grey(_Float32Layer):
    """Pictures ``(batch, height, width, 3)`` as one channel of grey, as ITU-R BT.601 has it."""

    def call(self, inputs: Any) -> Any:
        """``(batch, height, width, 1)``."""
        return ops.image.rgb_to_grayscale(inputs)


class CosineClasses(_Float32Layer):
    """Cosines ``(batch, classes)`` between rows ``(batch, d)`` and a learnt direction a class.

    What margin softmax takes (``common.networks.losses.margin_loss``).
    """

    def __init__(self, classes: int, **options: Any):
        super().__init__(**options)
        self.classes = classes

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """One direction a class, ``(d, classes)``."""
        shape = (input_shape[-1], self.classes)
        self.kernel = self.add_weight(shape=shape, initializer="glorot_uniform", name="kernel")

    def call(self, inputs: Any) -> Any:
        """From -1 to 1, up to rounding."""
        return ops.matmul(unit_length(inputs), unit_length(self.kernel, axis=0))


class GeM(_Float32Layer):
    """Generalised-mean pooling of ``(batch, height, width, channels)`` to ``(batch, channels)``.

    The p-th root of the mean p-th power: p = 1 is the mean, the larger the nearer to the maximum.
    ``p`` is where it begins; it is learnt and stays at 1 or more. Values below 1e-6 count as 1e-6.
    Radenovic et al., 2018 (Fine-tuning CNN Image Retrieval with No Human Annotation).
    """

    def __init__(self, p: float = 3.0, **options: Any):
        super().__init__(**options)
        self.p = p

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """One exponent for all channels."""
        self.exponent = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(self.p),
            constraint=_AtLeastOne(),  # weight decay draws it towards 0
            name="p",
        )

    def call(self, inputs: Any) -> Any:
        """By logarithms: powers of small values vanish, and leave NaN for a gradient."""
        logs = ops.log(ops.maximum(inputs, _LEAST))
        pixels = math.log(inputs.shape[1] * inputs.shape[2])
        return ops.exp((ops.logsumexp(self.exponent * logs, axis=(1, 2)) - pixels) / self.exponent)
