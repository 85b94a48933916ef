"""BatchNormalization in training by TensorFlow's fused operation: the same values in less time.

Keras computes it from some ten operations, each of which goes through the whole batch, and as many
again for the gradient. Figures are in docs/log.md.
"""

from typing import Any


def fuse_normalization(layer: Any) -> None:
    """Make a ``keras.layers.BatchNormalization`` of the TensorFlow backend train so.

    Layer, weights and configuration stay Keras' own. What the fused operation cannot do (masks,
    other inputs than ``(n, h, w, c)`` float32) Keras does.
    """
    import tensorflow as tf

    whole = layer.call

    def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        usual = inputs.shape.rank == 4 and layer.axis in (-1, 3) and inputs.dtype == tf.float32
        if not (training and layer.trainable and usual) or mask is not None or layer.synchronized:
            return whole(inputs, training=training, mask=mask)
        channels = inputs.shape[-1]
        found = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=layer.gamma.value if layer.scale else tf.ones(channels),
            offset=layer.beta.value if layer.center else tf.zeros(channels),
            mean=tf.zeros(0),
            variance=tf.zeros(0),
            epsilon=layer.epsilon,
        )
        rows = tf.cast(tf.size(inputs) // channels, tf.float32)
        variance = found.batch_variance * (rows - 1) / rows  # Keras divides by rows, not rows - 1
        old = layer.momentum
        layer.moving_mean.assign(layer.moving_mean * old + found.batch_mean * (1 - old))
        layer.moving_variance.assign(layer.moving_variance * old + variance * (1 - old))
        return found.y

    layer.call = call
