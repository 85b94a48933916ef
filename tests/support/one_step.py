"""One training step with every loss, on JAX as a script: ``one_step.py OUT.npz``.

The network begins with weights that NumPy draws, so that backends can be compared.
"""

import os
import sys
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.accelerator import clear_session, set_up
from common.data.balance import Balance
from common.networks.losses import CLASS_LOSSES, adjusted_crossentropy, crossentropy
from common.recipe import override
from common.training.model import compile_model, variables_of
from support import small_classifier

LABELS = np.array([0, 1, 2, 0, 1, 0, 0, 2])
# Optimizer and loss.
CASES = {
    "plain": ("sgd", crossentropy()),
    **{name: ("sgd", loss(0.0)) for name, loss in CLASS_LOSSES.items() if name != "crossentropy"},
    "smoothed focal": ("sgd", CLASS_LOSSES["focal"](0.1)),
    "smoothed": ("adam", crossentropy(0.1)),
    "sure": ("sgd", crossentropy(0.1)),  # of the wrong class, by hundreds
    "adjusted": ("sgd", adjusted_crossentropy(LABELS, 3, 1.0, 0.1)),
}


def step(case: str) -> dict[str, np.ndarray]:
    """Predictions before, the loss, and the weights after one step."""
    generator, (optimizer, loss) = np.random.default_rng(0), CASES[case]
    recipe = override(small_classifier.RECIPE, {"optimizer": optimizer, "ema": 0.9})
    model = small_classifier.build_model(None, recipe)
    for layer in model.layers:
        if hasattr(layer, "rate"):
            layer.rate = 0.0  # of dropout: each backend draws its own
    for weight in model.weights:
        if "seed" not in weight.path:
            drawn = generator.normal(0, 0.1, weight.shape)
            weight.assign(np.abs(drawn) + 1 if "variance" in weight.path else drawn)
    if case == "sure":
        model.layers[-1].kernel.assign(generator.normal(0, 30, model.layers[-1].kernel.shape))
    compile_model(model, recipe, loss, ["accuracy"])
    model.optimizer.learning_rate.assign(1e-2)
    pictures = generator.integers(0, 256, (8, *model.input_shape[1:])).astype(np.uint8)
    weights = Balance("weights").weights(LABELS) * (np.arange(8) < 7)
    before = np.asarray(model.predict(pictures, verbose=0))
    targets = np.eye(3, dtype=np.float32)[LABELS]
    logs = model.train_on_batch(pictures, targets, weights, return_dict=True)
    after = [value.ravel() for value in variables_of(model) if value.dtype == np.float32]
    clear_session()
    return {
        "predicted": before,
        "loss": np.array([logs["loss"], logs["accuracy"]]),
        "weights": np.concatenate(after),
    }


def steps() -> dict[str, np.ndarray]:
    """Every case's arrays, as ``case/name``."""
    set_up("cpu")
    return {f"{case}/{name}": value for case in CASES for name, value in step(case).items()}


if __name__ == "__main__":
    np.savez(Path(sys.argv[1]), **steps())
