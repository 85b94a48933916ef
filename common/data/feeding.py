"""Batches as Keras takes them, without the autotuner of ``tf.data``.

Keras makes a data set of TensorFlow from any iterable, with autotuning. When such a data set ends,
its autotuner's thread can miss that it is to stop, and sleeps on with all cores idle: 0 to 4 s
after each training, in about one of four (TensorFlow 2.20; docs/log.md). There is nothing to tune
here: batches are made in threads of their own.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

Batch = tuple[np.ndarray, ...]


def for_keras(batches: Iterable[Batch]) -> Any:
    """Return what ``fit``, ``evaluate`` and ``predict`` take: ``batches``, all of one form."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    begun = [iter(batches)]
    first = next(begun[0])  # shows the form; making it again would cost as much as an epoch's

    def generate() -> Iterator[Batch]:
        yield from itertools.chain([first], begun.pop()) if begun else batches

    form = tuple(tf.TensorSpec(array.shape, array.dtype) for array in first)
    dataset = tf.data.Dataset.from_generator(generate, output_signature=form)
    return without_autotuner(dataset.prefetch(1))


def without_autotuner(dataset: Any) -> Any:
    """Return the same ``tf.data.Dataset``, which ends at once."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
