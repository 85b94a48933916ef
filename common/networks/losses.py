"""Losses of classifiers whose last layer is a softmax, on one-hot or mixed targets.

They are written out because Keras cuts probabilities at 1e-7 on JAX and not on TensorFlow: what a
network is surely wrong about would teach it nothing on a TPU.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Loss = Callable[[Any, Any], Any]
_TINY = 1e-37  # nearly the smallest normal float32


def crossentropy(smoothing: float = 0.0) -> Loss:
    """Categorical cross-entropy, ``(batch,)`` of targets and probabilities ``(batch, classes)``.

    ``smoothing`` spreads a share of each target over all classes. Szegedy et al., 2015.
    """

    def loss(targets: Any, probabilities: Any) -> Any:
        return _entropy(targets, _log(probabilities), smoothing)

    return loss


def adjusted_crossentropy(labels: np.ndarray, classes: int, tau: float, smoothing: float) -> Loss:
    """``crossentropy`` of the logits plus ``tau`` times the log-frequency of each class.

    The network learns to do without what the frequencies alone say, and so favours rare classes
    when it predicts. ``labels`` ``(pictures,)`` are those that it trains on; a class that they do
    not have counts as one picture. Menon et al., 2020 (logit adjustment).
    """
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    odds = (tau * np.log(counts / counts.sum())).astype(np.float32)

    def loss(targets: Any, probabilities: Any) -> Any:
        import keras

        return _entropy(targets, keras.ops.log_softmax(_log(probabilities) + odds), smoothing)

    return loss


def _log(probabilities: Any) -> Any:
    import keras

    return keras.ops.log(keras.ops.maximum(probabilities, _TINY))


def _entropy(targets: Any, logs: Any, smoothing: float) -> Any:
    import keras

    spread = (1 - smoothing) * targets + smoothing / logs.shape[-1]
    return -keras.ops.sum(spread * logs, axis=-1)
