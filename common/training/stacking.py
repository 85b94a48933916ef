"""What several networks say of the same pictures, side by side, for a head on top of them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from common.errors import UserError
from common.files.features import load_features
from common.files.predictions import align, row_order
from common.files.vectors import Vectors, load_vectors
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


def read_stacked(parameters: Parameters, others: Collection[str] = ()) -> Stacked:
    """Every source but those of ``others``, from their ``features.npz`` and ``predictions.npz``.

    Raises UserError for an output that is damaged, unfinished or another run's, and for sources
    of different pictures.
    """
    members: dict[str, Vectors] = {}
    features: dict[str, Features] = {}
    for name, source in parameters.sources.items():
        if name not in others:
            folder = kernel_output_folder(source, parameters.internet)
            read_manifest(folder, name, parameters.source_nonces.get(name, ""))
            members[name] = load_vectors(folder, name)
            features[name] = load_features(folder, name)
    if not members:
        raise UserError("this kernel has no networks among its sources: run it with submit.py")
    return stack(members, features)


def stack(members: Mapping[str, Vectors], features: Mapping[str, Features]) -> Stacked:
    """The first channel of each, rows in the order of the first one's.

    ``members`` and ``features`` have the same names. Raises UserError when their pictures, labels
    or widths differ.
    """
    aligned = align(members)
    train = _aligned_train(features)
    for name, member in aligned.items():
        told, learnt = _first(member.validation).shape[1], train[name].shape[1]
        if told != learnt:
            raise UserError(
                f"{name}: vectors of {learnt} numbers for train and of {told} for validation"
            )
    (first, *_) = aligned
    vectors = replace(
        aligned[first],
        validation={CHANNEL: _beside([_first(m.validation) for m in aligned.values()])},
        test={CHANNEL: _beside([_first(m.test) for m in aligned.values()])},
    )
    return Stacked(tuple(aligned), features[first][1], _beside(train.values()), vectors)


def _aligned_train(features: Mapping[str, Features]) -> dict[str, np.ndarray]:
    (first, (ids, labels, _)), *_ = features.items()
    found = {}
    for name, (other, others_labels, rows) in features.items():
        order = row_order(ids, other, "train", first, name)
        if not np.array_equal(others_labels[order], labels):
            raise UserError(f"train labels of {first} and {name} differ")
        found[name] = rows[order]
    return found


def _first(channels: Mapping[str, np.ndarray]) -> np.ndarray:
    return next(iter(channels.values()))


def _beside(parts: Collection[np.ndarray]) -> np.ndarray:
    """``(pictures, d)`` float32, each row of length 1 where those of the parts are."""
    rows = list(parts)
    return np.hstack(rows).astype(np.float32) / np.float32(len(rows) ** 0.5)
