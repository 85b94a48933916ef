"""One training step of every network, on JAX as a script: ``one_step.py OUT.npz``.

Each network begins with weights that NumPy draws, so that backends can be compared.
"""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.accelerator import clear_session, set_up
from common.data.batches import class_weights
from common.networks.losses import adjusted_crossentropy, crossentropy
from common.recipe import override
from common.training.classifier_training import ClassifierKernel
from common.training.model import compile_model, variables_of
from competitions.petals_to_metal import densenet201, efficientnetb7, xception
from support import small_classifier

NETWORKS = {
    "small": small_classifier.KERNEL,
    "densenet201": densenet201.KERNEL,
    "efficientnetb7": efficientnetb7.KERNEL,
    "xception": xception.KERNEL,
}
LABELS = np.array([0, 1, 2, 0, 1, 0, 0, 2])
LOSSES = {
    "sure": lambda classes: crossentropy(0.1),
    "crossentropy": lambda classes: crossentropy(),
    "smoothed": lambda classes: crossentropy(0.1),
    "adjusted": lambda classes: adjusted_crossentropy(LABELS, classes, 1.0, 0.1),
}


def build(kernel: ClassifierKernel, generator: np.random.Generator) -> Any:
    """The miniature with drawn weights, and without what backends draw by themselves."""
    recipe = kernel.resolve(small=True)
    model = kernel.build_model(None, recipe)
    for layer in model._flatten_layers(include_self=False):
        if hasattr(layer, "rate"):
            layer.rate = 0.0
    for weight in model.weights:
        if "seed" in weight.path:
            continue
        drawn = generator.normal(0, 0.1, weight.shape)
        weight.assign(np.abs(drawn) + 1 if "variance" in weight.path else drawn)
    return model


def step(kernel: ClassifierKernel, optimizer: str, loss: str) -> dict[str, np.ndarray]:
    """Predictions before, the loss, and the weights after one step."""
    generator = np.random.default_rng(0)
    model = build(kernel, generator)
    if loss == "sure":  # of the wrong class, by hundreds
        model.layers[-1].kernel.assign(generator.normal(0, 30, model.layers[-1].kernel.shape))
    classes = model.output_shape[-1]
    recipe = override(kernel.recipe, {"optimizer": optimizer, "ema": 0.9})
    compile_model(model, recipe, LOSSES[loss](classes), ["accuracy"])
    model.optimizer.learning_rate.assign(1e-2)
    pictures = generator.integers(0, 256, (8, *model.input_shape[1:])).astype(np.uint8)
    targets = np.eye(classes, dtype=np.float32)[LABELS]
    weights = class_weights(LABELS, "balanced") * (np.arange(8) < 7)
    before = np.asarray(model.predict(pictures, verbose=0))
    logs = model.train_on_batch(pictures, targets, weights, return_dict=True)
    after = [value.ravel() for value in variables_of(model) if value.dtype == np.float32]
    clear_session()
    return {
        "predicted": before,
        "loss": np.array([logs["loss"], logs["accuracy"]]),
        "weights": np.concatenate(after),
    }


def steps() -> dict[str, np.ndarray]:
    """Take a step of every network, and with every optimizer and loss of the small one."""
    set_up("cpu")
    cases = [(name, "sgd", "crossentropy") for name in NETWORKS]
    cases += [("small", "adam", "smoothed"), ("small", "sgd", "adjusted"), ("small", "sgd", "sure")]
    found = {}
    for case in cases:
        for name, value in step(NETWORKS[case[0]], *case[1:]).items():
            found["/".join((*case, name))] = value
    return found


if __name__ == "__main__":
    np.savez(Path(sys.argv[1]), **steps())
