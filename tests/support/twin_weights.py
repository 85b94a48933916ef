"""EfficientNetB0 on this backend: ``twin_weights.py save|load FOLDER``.

Saves random weights with what they predict, or says how far what they predict here is from that.
"""

import sys
from pathlib import Path

import numpy as np

from common.networks.backbones import build_backbone


def main(action: str, folder: Path) -> float:
    """Build the network, and save it or load what was saved; return the largest difference."""
    import keras

    keras.utils.set_random_seed(1 if action == "save" else 2)
    model = build_backbone("EfficientNetB0", None, 32)
    weights, predicted = folder / "twin.weights.h5", folder / "twin.npy"
    if action == "load":
        model.load_weights(weights)
    pictures = np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3)).astype(np.float32)
    found = model.predict(pictures, verbose=0)
    if action == "save":
        model.save_weights(weights)
        np.save(predicted, found)
    return float(np.abs(found - np.load(predicted)).max() / np.abs(found).max())


if __name__ == "__main__":
    print("difference", main(sys.argv[1], Path(sys.argv[2])))
