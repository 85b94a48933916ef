"""``validation_pairs.npz``: validation's pairs, and how probable the ensemble finds each."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files.arrays import AGAIN, load_arrays, save_arrays
from common.pairs.validation import ValidationPairs

NAME = "validation_pairs.npz"
_ARRAYS = {
    "ids": (np.str_, "n"),
    "labels": (np.int64, "n"),
    "seen": (bool, "n"),
    "first": (None, "p"),
    "second": (None, "p"),
    "probabilities": (np.float32, "p"),
}


@dataclass(frozen=True)
class ScoredPairs(ValidationPairs):
    """Pairs of validation pictures with the probability that both are of one class.

    Attributes:
        probabilities: ``(pairs,)`` float32 from 0 to 1.
    """

    probabilities: np.ndarray


def save_scored_pairs(folder: Path, pairs: ValidationPairs, probabilities: np.ndarray) -> Path:
    """Write ``validation_pairs.npz``; ``probabilities`` is ``(pairs,)``."""
    return save_arrays(folder / NAME, _ARRAYS, {**vars(pairs), "probabilities": probabilities})


def load_scored_pairs(folder: Path) -> ScoredPairs | None:
    """Return what an ensemble wrote, or None where it did not. Raises UserError for damage."""
    path = folder / NAME
    if not path.exists():
        return None
    pairs = ScoredPairs(**load_arrays(path, _ARRAYS, remedy=AGAIN))
    rows = np.concatenate([pairs.first, pairs.second, [0]])
    if not 0 <= rows.min() <= rows.max() < len(pairs.ids):
        raise UserError(f"{path}: its pictures and its pairs differ{AGAIN}")
    if not np.isfinite(pairs.probabilities).all():
        raise UserError(f"{path}: some probabilities are not numbers{AGAIN}")
    return pairs
