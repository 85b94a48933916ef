"""Losses of classifiers whose last layer is a softmax, on one-hot or mixed targets."""

from typing import Any

import numpy as np


def crossentropy(smoothing: float = 0.0) -> Any:
    """Categorical cross-entropy; ``smoothing`` spreads a share of each target over all classes.

    Szegedy et al., 2015 (label smoothing).
    """
    import keras

    return keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)


def adjusted_crossentropy(labels: np.ndarray, classes: int, tau: float, smoothing: float) -> Any:
    """``crossentropy`` of the logits plus ``tau`` times the log-frequency of each class.

    The network learns to do without what the frequencies alone say, and so favours rare classes
    when it predicts. ``labels`` ``(pictures,)`` are those that it trains on; a class that they do
    not hold counts as one picture. Menon et al., 2020 (logit adjustment).
    """
    import keras

    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    odds = ((counts / counts.sum()) ** tau).astype(np.float32)
    plain = crossentropy(smoothing)

    def loss(targets: Any, probabilities: Any) -> Any:
        shifted = probabilities * odds
        shifted = shifted / keras.ops.sum(shifted, axis=-1, keepdims=True)
        return plain.call(targets, shifted)

    return loss
