"""Load the weights that a small kernel has left, and compare what they predict with its own file.

``predict_again.py small_classifier FOLDER``, on any backend and in any precision.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

from common.data.batches import evaluation_batches
from common.data.pictures import Pictures
from common.files.network import read_networks
from common.files.predictions import load_predictions, load_vectors
from common.parameters import Parameters
from common.training.vectors import channel_model, split_channels


def loaded(module: Any, folder: Path) -> tuple[Any, Any]:
    """The network of a small kernel with the weights in ``folder``, and its recipe."""
    ((network, path),) = read_networks(folder).values()
    recipe = type(module.RECIPE)(**network.recipe)
    vectors = module.__name__.endswith("embedding")
    classes = (module.SEEN,) if vectors else ()
    model = module.build_model(None, recipe, *classes)
    model.load_weights(path)
    return channel_model(model, recipe) if vectors else model, recipe


def difference(module: Any, folder: Path) -> float:
    """How far any prediction of test is from the one that the kernel wrote."""
    model, recipe = loaded(module, folder)
    *_, test = module.load(recipe.image_size, Parameters())
    pictures = Pictures(test, recipe.image_size + recipe.crop_margin)
    batches = evaluation_batches(pictures, recipe, lambda labels: labels[:, None], 4)
    found = model.predict(batches, steps=-(-len(test) // 4), verbose=0)[: len(test)]
    if module.__name__.endswith("embedding"):
        (ours,) = load_vectors(folder, "small").test.values()
        return float(np.abs(split_channels(found, recipe)["embedding"] - ours).max())
    return float(np.abs(found - load_predictions(folder, "small").test).max())


if __name__ == "__main__":
    here = importlib.import_module(f"support.{sys.argv[1]}")
    print("difference", difference(here, Path(sys.argv[2])))
