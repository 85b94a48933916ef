"""Batches for Keras: the same ones each time, in a data set that no autotuner keeps from ending."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.data import tfrecords
from common.data.feeding import for_keras, without_autotuner
from support import flowers

BATCHES = [
    (np.full((2, 4, 4, 3), n, np.uint8), np.eye(2, dtype=np.float32), np.ones(2, np.float32))
    for n in range(3)
]


class Counted:
    """Batches that count how many were made."""

    def __init__(self) -> None:
        self.made = 0

    def __iter__(self) -> Iterator[Any]:
        for batch in BATCHES:
            self.made += 1
            yield batch


def first_pixels(batches: Any) -> list[int]:
    return [int(pictures[0, 0, 0, 0]) for pictures, _, _ in batches]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's data sets")
def test_tensorflow_gets_the_batches_each_time_and_the_first_is_made_once() -> None:
    counted = Counted()
    dataset = for_keras(counted)
    assert counted.made == 1  # for its form
    assert first_pixels(dataset) == [0, 1, 2]
    assert counted.made == 3
    assert first_pixels(dataset) == [0, 1, 2]
    assert first_pixels(for_keras(iter(counted))) == [0, 1, 2]  # a generator, once
    assert dataset.options().autotune.enabled is False
    [pictures, targets, weights] = dataset.element_spec
    assert (pictures.shape, pictures.dtype) == ((2, 4, 4, 3), tf.uint8)
    assert (targets.shape, weights.shape) == ((2, 2), (2,))


def test_jax_gets_the_batches_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert for_keras(BATCHES) is BATCHES


def test_records_are_read_without_an_autotuner(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = []

    def noted(dataset: Any) -> Any:
        ended.append(without_autotuner(dataset))
        return ended[-1]

    monkeypatch.setattr(tfrecords, "without_autotuner", noted)
    records = [flowers.example(name, 1) for name in "abc"]
    path = flowers.write_file(tmp_path / "three-3.tfrec", records)
    assert len(list(tfrecords.records_of(path))) == 3
    assert [dataset.options().autotune.enabled for dataset in ended] == [False]
