"""Probabilities of every picture of a part, on any number of devices and processes."""

from typing import Any

import numpy as np


def probabilities(model: Any, batches: Any, steps: int, processes: int = 1) -> np.ndarray:
    """``(pictures, classes)`` float32 of all ``steps`` batches, with what fills up the last one."""
    if processes > 1:
        return _gathered(model, batches)
    return np.asarray(model.predict(batches, steps=steps, verbose=0), dtype=np.float32)


def _gathered(model: Any, batches: Any) -> np.ndarray:
    """As ``model.predict``, which cannot read what lies on other machines' devices."""
    import jax
    import keras
    from jax.experimental.multihost_utils import process_allgather

    both = (model.trainable_variables, model.non_trainable_variables)
    state = [[variable.value for variable in variables] for variables in both]
    call = jax.jit(lambda t, n, x: model.stateless_call(t, n, x, training=False)[0])
    found = []
    for pictures, _, _ in batches:
        layout = keras.distribution.distribution().get_data_layout(pictures.shape).backend_layout
        whole = jax.make_array_from_process_local_data(layout, pictures)
        found.append(process_allgather(call(*state, whole), tiled=True))
    return np.concatenate(found)
