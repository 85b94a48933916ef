"""``validation_pairs.npz``: validation's pairs, and how probable the ensemble finds each."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files.arrays import AGAIN, open_arrays
from common.pairs.validation import ValidationPairs

NAME = "validation_pairs.npz"


@dataclass(frozen=True)
class ScoredPairs(ValidationPairs):
    """Pairs of validation pictures with the probability that both are of one class.

    Attributes:
        probabilities: ``(pairs,)`` float32 from 0 to 1.
    """

    probabilities: np.ndarray


def save_scored_pairs(folder: Path, pairs: ValidationPairs, probabilities: np.ndarray) -> Path:
    """Write ``validation_pairs.npz`` (no pickled objects); ``probabilities`` is ``(pairs,)``."""
    path = folder / NAME
    np.savez(
        path,
        ids=np.asarray(pairs.ids, np.str_),
        labels=np.asarray(pairs.labels, np.int64),
        seen=np.asarray(pairs.seen, bool),
        first=pairs.first,
        second=pairs.second,
        probabilities=np.asarray(probabilities, np.float32),
    )
    return path


def load_scored_pairs(folder: Path) -> ScoredPairs | None:
    """Return what an ensemble wrote, or None where it did not. Raises UserError for damage."""
    path = folder / NAME
    if not path.exists():
        return None
    with open_arrays(path, remedy=AGAIN) as arrays:
        pairs = ScoredPairs(**{name: arrays[name] for name in arrays.files})
    pictures, number = len(pairs.ids), len(pairs.first)
    whole = len(pairs.labels) == len(pairs.seen) == pictures
    whole = whole and len(pairs.second) == len(pairs.probabilities) == number
    rows = np.concatenate([pairs.first, pairs.second, [0]])
    if not whole or not 0 <= rows.min() <= rows.max() < pictures:
        raise UserError(f"{path}: its pictures and its pairs differ{AGAIN}")
    if not np.isfinite(pairs.probabilities).all():
        raise UserError(f"{path}: some probabilities are not numbers{AGAIN}")
    return pairs
