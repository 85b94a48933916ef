"""Embedding losses, margins and layers on the backend of ``KERAS_BACKEND``: ``… OUT.npz``.

Values and gradients by ``what/input/loss``, ``…/values`` and ``…/gradient``, of compiled functions.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.networks.losses import (
    contrastive_loss,
    margin_loss,
    triplet_loss,
    triplets_right,
)

MINERS = ("batch-hard", "batch-all", "semi-hard")
TRIPLETS = [("euclidean", miner, 0.3) for miner in MINERS]
TRIPLETS += [("cosine", "semi-hard", 0.1), ("squared", "batch-all", None)]
LOSSES = {
    **{f"triplet {' '.join(map(str, case))}": triplet_loss(*case) for case in TRIPLETS},
    "contrastive": contrastive_loss(margin=1.5),
    "contrastive cosine": contrastive_loss("cosine", 0.5),
}
MARGINS = {"arcface": margin_loss("arcface", 10.0, 0.5), "cosface": margin_loss("cosface", 8.0)}


def embeddings() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Targets ``(12, 5)`` and embeddings ``(12, 4)`` by what is special about them."""
    generator = np.random.default_rng(3)
    labels = np.array([2, 0, 0, 1, 2, 1, 3, 3, 0, 1, 1, 2])
    rows = generator.normal(size=(12, 4)) + 1.5 * generator.normal(size=(4, 4))[labels]
    rows = rows.astype(np.float32)
    one_hot = np.eye(5, dtype=np.float32)
    twins = rows.copy()
    twins[[1, 3]], twins[7] = rows[2], 0
    without = one_hot[labels]
    without[[0, 3]] = 0
    return {
        "drawn": (one_hot[labels], rows),
        "twins": (one_hot[np.where(np.arange(12) == 7, 4, labels)], twins),
        "collapsed": (one_hot[labels], np.ones_like(rows)),
        "zeros": (one_hot[labels], np.zeros_like(rows)),
        "one alone": (one_hot[np.where(labels == 3, [3, 4] * 6, labels)], rows),
        "one class": (one_hot[np.zeros(12, int)], rows),
        "without a class": (without, rows),
        "no class": (np.zeros((12, 5), np.float32), rows),
    }


def cosines() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Targets and cosines ``(9, 5)``; the right one's from 1 to -1, both ends and beyond pi."""
    generator = np.random.default_rng(4)
    rows = generator.uniform(-1, 1, (9, 5)).astype(np.float32)
    labels = np.arange(9) % 5
    rows[np.arange(9), labels] = [1, 0.999, 0.5, 0, -0.5, -0.85, -0.9, -0.99, -1]
    mixed = (np.eye(5)[labels] * 0.75 + 0.05).astype(np.float32)
    return {"drawn": (np.eye(5, dtype=np.float32)[labels], rows), "mixed": (mixed, rows)}


def pixels() -> np.ndarray:
    """Feature maps ``(2, 3, 4, 5)``, some of them zero or below."""
    drawn = np.random.default_rng(5).normal(1, 1, (2, 3, 4, 5)).astype(np.float32)
    drawn[0, :, :, 1] = 0
    drawn[1, :, :, 2] *= 1e3
    return drawn


def with_gradient(function: Callable[[Any, Any], Any]) -> Callable[..., dict[str, np.ndarray]]:
    """Of ``function`` of constants and an input: its values, their mean, and the gradient of it."""
    import keras

    def mean(given: Any, constants: Any) -> Any:
        values = function(constants, given)
        return keras.ops.mean(values), values

    if keras.config.backend() == "jax":
        import jax

        both = jax.jit(jax.value_and_grad(mean, has_aux=True))
    else:
        import tensorflow as tf

        @tf.function(jit_compile=False)
        def both(given: Any, constants: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(given)
                found = mean(given, constants)
            return found, tape.gradient(found[0], given)

    def called(constants: Any, given: Any) -> dict[str, np.ndarray]:
        convert = keras.ops.convert_to_tensor
        (loss, values), gradient = both(convert(given), convert(constants))
        found = {"loss": np.asarray(loss), "values": np.asarray(values)}
        return {**found, "gradient": np.asarray(keras.ops.cast(gradient, "float32"))}

    return called


def layers() -> Iterator[tuple[str, Callable[[Any, Any], Any], np.ndarray, np.ndarray]]:
    """Layers times constants (so that gradients differ), with their inputs."""
    from common.networks.embedding_layers import CosineClasses, GeM, UnitLength

    rows = embeddings()["twins"][1]
    classes = CosineClasses(3)
    classes.build((None, 4))
    classes.kernel.assign(rows[:4, 1:])
    made: dict[str, Any] = {"unit": (UnitLength(), rows), "cosines": (classes, rows)}
    made |= {f"gem {p}": (GeM(p), pixels()) for p in (1.0, 3.0, 20.0)}
    for name, (layer, given) in made.items():
        constants = np.random.default_rng(6).normal(size=layer(given).shape).astype(np.float32)
        yield name, (lambda c, x, layer=layer: c * layer(x)), constants, given


def trained(policy: str) -> dict[str, np.ndarray]:
    """Steps of a network under a precision, as ``fit`` makes it: its losses and metric."""
    import keras

    from common.networks.embedding_layers import CosineClasses, UnitLength

    keras.config.set_dtype_policy(policy)
    (targets, rows), ones = embeddings()["drawn"], np.ones(12, np.float32)
    inputs = keras.Input((4,))
    units = UnitLength(name="units")(keras.layers.Dense(6)(inputs))
    model = keras.Model(inputs, {"units": units, "cosines": CosineClasses(5)(units)})
    for weight in model.weights:
        weight.assign(np.random.default_rng(7).normal(size=weight.shape))
    model.compile(
        keras.optimizers.Adam(0.1),
        {"units": triplet_loss(miner="batch-all"), "cosines": margin_loss("arcface")},
        loss_weights={"units": 50.0, "cosines": 1.0},
        metrics={"units": [triplets_right()]},
        jit_compile=keras.config.backend() == "jax",
    )
    outputs = {name: np.asarray(output) for name, output in model(rows).items()}
    wanted, weights = (dict.fromkeys(("units", "cosines"), given) for given in (targets, ones))
    steps = []
    for _ in range(10):
        model.reset_metrics()
        steps.append(model.train_on_batch(rows, wanted, weights, return_dict=True))
    keras.config.set_dtype_policy("float32")
    return {**outputs, **{f"step {name}": np.array([s[name] for s in steps]) for name in steps[0]}}


def found() -> dict[str, np.ndarray]:
    """Everything, by its path."""
    import keras

    arrays: dict[str, np.ndarray] = {}

    def add(path: str, values: dict[str, np.ndarray]) -> None:
        arrays.update({f"{path}/{name}": value for name, value in values.items()})

    for functions, inputs in ((LOSSES, embeddings()), (MARGINS, cosines())):
        for name, function in functions.items():
            called = with_gradient(function)
            for case, given in inputs.items():
                add(f"{name}/{case}", called(*given))
    for name, function, constants, given in layers():
        add(f"{name}/drawn", with_gradient(function)(constants, given))
    targets, rows = embeddings()["drawn"]
    for kind in ("float16", "bfloat16"):
        called = with_gradient(LOSSES["contrastive"])
        add(f"contrastive/{kind}", called(targets, keras.ops.cast(rows, kind)))
    add("trained", trained("mixed_bfloat16"))
    return arrays


if __name__ == "__main__":
    np.savez(Path(sys.argv[1]), **found())
