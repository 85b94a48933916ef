"""What several networks say of the same pictures, side by side, for a head on top of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from common.errors import UserError
from common.files.features import load_features
from common.files.predictions import Vectors, align, load_vectors, row_order
from common.inputs import kernel_output_folder
from common.manifest import read_manifest
from common.parameters import Parameters

CHANNEL = "embedding"

Features = tuple[np.ndarray, np.ndarray, np.ndarray]  # ids, labels, rows: common.files.features


@dataclass(frozen=True)
class Stacked:
    """The vectors of several networks, one after the other, of length 1 together.

    The dot product of two unit vectors of n networks is then the mean of the n cosines.

    Attributes:
        names: of the networks, in the order of their columns.
        train_labels: ``(pictures,)`` int64.
        train: ``(pictures, d)`` float32.
        vectors: of validation and test, one channel ``embedding`` of ``d`` columns.
    """

    names: tuple[str, ...]
    train_labels: np.ndarray
    train: np.ndarray
    vectors: Vectors


def read_stacked(parameters: Parameters) -> Stacked:
    """Every source, from its ``features.npz`` and ``predictions.npz``.

    Raises UserError for an output that is damaged, unfinished or another run's, and for sources
    of different pictures.
    """
    members: dict[str, Vectors] = {}
    features: dict[str, Features] = {}
    for name, source in parameters.sources.items():
        folder = kernel_output_folder(source, parameters.internet)
        read_manifest(folder, name, parameters.source_nonces.get(name, ""))
        members[name] = load_vectors(folder, name)
        features[name] = load_features(folder, name)
    if not members:
        raise UserError("this kernel has no networks among its sources: run it with submit.py")
    return stack(members, features)


def stack(members: Mapping[str, Vectors], features: Mapping[str, Features]) -> Stacked:
    """The first channel of each, rows in the order of the first one's.

    ``members`` and ``features`` have the same names. Raises UserError when their pictures or
    labels differ.
    """
    aligned = align(members)
    first, *_ = aligned
    ids, labels, _ = features[first]
    train, validation, test = [], [], []
    for name, member in aligned.items():
        other, others_labels, rows = features[name]
        order = row_order(ids, other, "train", first, name)
        if not np.array_equal(others_labels[order], labels):
            raise UserError(f"train labels of {first} and {name} differ")
        train.append(rows[order])
        validation.append(next(iter(member.validation.values())))
        test.append(next(iter(member.test.values())))
    vectors = replace(
        aligned[first],
        validation={CHANNEL: _side_by_side(validation)},
        test={CHANNEL: _side_by_side(test)},
    )
    return Stacked(tuple(aligned), labels, _side_by_side(train), vectors)


def _side_by_side(parts: Sequence[np.ndarray]) -> np.ndarray:
    """``(pictures, d)`` float32, each row of length 1 where those of the parts are."""
    return np.hstack(parts).astype(np.float32) / np.float32(len(parts) ** 0.5)
