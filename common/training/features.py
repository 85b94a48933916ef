"""Features of a frozen network, computed once for every picture, for a head to be trained on.

A network whose backbone is frozen gives the same for a picture in every epoch when nothing is
augmented.
"""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from common.accelerator import Accelerator
from common.data.batches import evaluation_batches
from common.data.feeding import for_keras
from common.data.pictures import Pictures
from common.data.rows import Rows
from common.kernel import KernelRun
from common.networks.litert import LiteNetwork
from common.progress import report
from common.training.model import gathered

_EVERY = 2.0  # seconds between two lines of progress


def below_head(network: Any, alone: bool = True) -> Any | None:
    """Return what is below a network's last layer, a ``keras.Model`` to ``(batch, d)``.

    None where that layer is not a dense one of rows or, if it is to be trained ``alone``, other
    layers are to be trained too.
    """
    import keras

    head = network.layers[-1]
    trained = {id(variable) for variable in network.trainable_variables}
    others = trained - {id(variable) for variable in head.trainable_variables}
    is_dense = isinstance(head, keras.layers.Dense) and len(head.input.shape) == 2
    return keras.Model(network.input, head.input) if is_dense and not (alone and others) else None


class Features:
    """Computes what ``network`` gives of pictures, ``(n, d)`` float32.

    On a CPU with TensorFlow by LiteRT, elsewhere by Keras.
    """

    def __init__(self, network: Any, run: KernelRun, accelerator: Accelerator):
        self._run, self._accelerator = run, accelerator
        self._batch = run.recipe.batch_size * accelerator.replicas
        self._network: Any = network
        self._width = network.output_shape[-1]
        if accelerator.backend == "tensorflow":
            self._network = LiteNetwork(network)
        else:
            network.compile(jit_compile=True)

    def rows(self, part: Pictures, views: int) -> Rows:
        """Return the features of the first ``views`` of the pictures."""
        found = [self._view(part, view, views) for view in range(views)]
        return Rows(np.stack(found), part.labels, part.records)

    def _view(self, part: Pictures, view: int, views: int) -> np.ndarray:
        if not len(part):
            return np.zeros((0, self._width), np.float32)
        batches = self._batches(part, view, views)
        if self._accelerator.processes > 1:
            found = gathered(self._network, batches)
        elif isinstance(self._network, LiteNetwork):
            found = np.concatenate([self._network(pictures) for pictures, _, _ in batches])
        else:
            found = self._network.predict(for_keras(batches), verbose=0)
        return np.asarray(found, np.float32)[: len(part)]

    def _batches(self, part: Pictures, view: int, views: int) -> Iterator[Any]:
        """The batches of one view, with a line of progress now and then."""
        recipe, share, started = self._run.recipe, self._accelerator.share, time.monotonic()
        which = {"view": f"{view + 1}/{views}"} if views > 1 else {}
        targets = lambda labels: np.zeros((len(labels), 1), np.float32)  # noqa: E731
        last = started
        for number, batch in enumerate(
            evaluation_batches(part, recipe, targets, self._batch, share, view)
        ):
            yield batch
            now, done = time.monotonic(), min((number + 1) * self._batch, len(part))
            if now - last > _EVERY or done == len(part):
                pace = round(done / max(now - started, 1e-9), 1)
                pictures = f"{done}/{len(part)}"
                report("features", of=part.records.name, pictures=pictures, **which, a_second=pace)
                last = now
