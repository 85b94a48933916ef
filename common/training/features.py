"""Features of a frozen network, computed once for every picture, for a head to be trained on.

A network whose backbone is frozen gives the same for a picture in every epoch when nothing is
augmented, or when it is augmented a few times once and for all.
"""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from common.accelerator import Accelerator
from common.data.batches import augmented_batches, evaluation_batches
from common.data.feeding import for_keras
from common.data.pictures import Pictures, free_memory
from common.data.rows import Rows
from common.kernel import KernelRun
from common.networks.litert import LiteNetwork
from common.progress import report
from common.training.model import gathered

_EVERY = 2.0  # seconds between two lines of progress
_SHARE = 0.5  # of the memory that is free: batches are made from a copy of them


def head_of(network: Any) -> list[Any]:
    """Return a network's last layers, from the first one on that learns or is random.

    Empty where layers below are trained, too: only pooling, dense layers, dropout and
    BatchNormalization, one after the other, are a head.
    """
    from keras import layers

    pooling = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D, layers.Flatten)
    kinds = (*pooling, layers.Dense, layers.Dropout, layers.BatchNormalization)
    chain: list[Any] = []
    for layer in reversed(network.layers):
        if not isinstance(layer, kinds) or (chain and layer.output is not chain[0].input):
            break
        chain.insert(0, layer)
    while chain and not (chain[0].trainable_weights or getattr(chain[0], "rate", 0)):
        del chain[0]
    own = {id(variable) for layer in chain for variable in layer.trainable_variables}
    others = [one for one in network.trainable_variables if id(one) not in own]
    return [] if others else chain


def takes_rows(layer: Any) -> bool:
    """Whether ``layer`` is a dense one of rows ``(batch, d)``: one that can be fitted at once."""
    import keras

    return isinstance(layer, keras.layers.Dense) and len(layer.input.shape) == 2


def below(network: Any, layer: Any) -> Any:
    """Return what gives ``layer`` its input, a ``keras.Model`` from pictures."""
    import keras

    return keras.Model(network.input, layer.input)


def check_room(network: Any, pictures: Sequence[int]) -> str:
    """Say why what ``network`` gives of the ``pictures`` does not fit into memory; else empty."""
    needed, free = sum(pictures) * math.prod(network.output_shape[1:]) * 4, free_memory()
    if not free or needed <= _SHARE * free:  # without Linux it is not known
        return ""
    return (
        f"features of {sum(pictures):,} pictures take {needed / 1e9:.1f} GB, and of "
        f"{free / 1e9:.1f} GB that are free they may take half"
    )


class Features:
    """Computes what ``network`` gives of pictures, ``(n, …)`` float32: rows, or maps.

    On a CPU with TensorFlow by LiteRT, elsewhere by Keras.
    """

    def __init__(self, network: Any, run: KernelRun, accelerator: Accelerator):
        self._run, self._accelerator = run, accelerator
        self._batch = run.recipe.batch_size * accelerator.replicas
        self._network: Any = network
        self._shape = network.output_shape[1:]
        if accelerator.backend == "tensorflow":
            self._network = LiteNetwork(network)
        else:
            network.compile(jit_compile=True)

    def rows(self, part: Pictures, views: int, augmented: int = 0) -> Rows:
        """Return the features of the first ``views`` of the pictures, and of ``augmented`` more."""
        found = np.empty((views + augmented, len(part), *self._shape), np.float32)
        for view in range(len(found) if len(part) else 0):
            start, which = 0, f"{view + 1}/{len(found)}"
            for outputs in self._outputs(
                self._batches(part, view, max(0, view - views + 1), which)
            ):
                # The last batch is filled up.
                found[view, start : start + len(outputs)] = outputs[: len(part) - start]
                start += len(outputs)
        more = found[views:] if augmented else None
        return Rows(found[:views], part.labels, part.records, more)

    def _outputs(self, batches: Iterator[Any]) -> Iterator[np.ndarray]:
        """What the network gives of batches, one after the other or all together."""
        if self._accelerator.processes > 1:
            yield gathered(self._network, batches)
        elif isinstance(self._network, LiteNetwork):
            yield from (self._network(pictures) for pictures, _, _ in batches)
        else:
            yield self._network.predict(for_keras(batches), verbose=0)

    def _batches(self, part: Pictures, view: int, augmented: int, which: str) -> Iterator[Any]:
        """The batches of one view, or of an ``augmented`` one (from 1), with a line of progress."""
        run, share, started = self._run, self._accelerator.share, time.monotonic()
        named = {} if which == "1/1" else {"view": which}
        targets = lambda labels: np.zeros((len(labels), 1), np.float32)  # noqa: E731
        made, last = (part, run.recipe, targets, self._batch, share), started
        if augmented:
            batches = augmented_batches(*made, run.parameters.seed, augmented)
        else:
            batches = evaluation_batches(*made, view)
        for number, batch in enumerate(batches):
            yield batch
            now, done = time.monotonic(), min((number + 1) * self._batch, len(part))
            if now - last > _EVERY or done == len(part):
                pace = round(done / max(now - started, 1e-9), 1)
                pictures = f"{done}/{len(part)}"
                report("features", of=part.records.name, pictures=pictures, **named, a_second=pace)
                last = now
