"""Several networks of one model that differ in their seed alone, made one member."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from common.errors import UserError
from common.files.predictions import align
from common.files.vectors import PARTS, Vectors
from common.variants import Recipes, kernels_of_models

PROBABILITIES = "classes"  # the channel whose rows are probabilities


def network_groups(recipes: Recipes) -> dict[str, tuple[str, ...]]:
    """Return the kernels of each model, in the order of their networks.

    A kernel ``NAME-networkK`` whose recipe has ``networks`` and network K is one of the model
    NAME. Raises UserError when one is missing.
    """
    return kernels_of_models(recipes, "network", "--set networks")


def join_networks(networks: Iterable[tuple[str, Vectors]]) -> Vectors:
    """Return one member of a model's networks, given one by one, each after its kernel's name.

    Probabilities are averaged before any product, as the first place of Painter by Numbers did
    it. Other vectors are put in one row, over the square root of their number, so that a pair's
    score is the mean of its scores: ``(pictures, networks * d)`` float32. Rows are in the first
    one's order.

    Raises:
        UserError: two networks differ in pictures, labels, channels or classes.
    """
    remaining = iter(networks)
    first, joined = next(remaining)
    for number, (name, network) in enumerate(remaining, 1):
        _check_channels(first, joined, name, network)
        network = align({first: joined, name: network})[name]
        parts: dict[str, Any] = {
            part: {
                channel: _join(channel, rows, getattr(network, part)[channel], number)
                for channel, rows in getattr(joined, part).items()
            }
            for part in PARTS
        }
        joined = replace(joined, **parts)
    return joined


def _join(channel: str, rows: np.ndarray, more: np.ndarray, number: int) -> np.ndarray:
    """A channel's rows of ``number`` networks and of one more."""
    if channel == PROBABILITIES:
        return rows + (more - rows) / np.float32(number + 1)
    old, new = (np.float32((share / (number + 1)) ** 0.5) for share in (number, 1))
    return np.concatenate([rows * old, more * new], axis=1)


def _check_channels(first: str, joined: Vectors, name: str, network: Vectors) -> None:
    """Raise UserError where channels or the number of classes differ."""
    if set(joined.validation) != set(network.validation):
        raise UserError(f"{first} and {name} have other channels: run them with the same recipe")
    if PROBABILITIES in joined.validation:
        one, other = (found.validation[PROBABILITIES].shape[1] for found in (joined, network))
        if one != other:
            raise UserError(
                f"{first} and {name} predict {one} and {other} classes: run them on the same data"
            )
