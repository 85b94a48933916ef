"""Several networks of one model that differ in their seed alone, made one member."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from common.errors import UserError
from common.files.vectors import Vectors, align
from common.variants import Recipes, kernels_of_models

Channels = Mapping[str, np.ndarray]
PROBABILITIES = "classes"  # the channel whose rows are probabilities


def network_groups(recipes: Recipes) -> dict[str, tuple[str, ...]]:
    """The kernels of each model, in the order of their networks, by the recipes they tell.

    A kernel ``NAME-networkK`` whose recipe has ``networks`` and network K is one of the model
    NAME. Raises UserError when one is missing.
    """
    return kernels_of_models(recipes, "network", "--set networks")


def join_networks(networks: Iterable[tuple[str, Vectors]]) -> Vectors:
    """One member of a model's networks, given one by one, each after its kernel's name.

    Probabilities are averaged before any product, as the first place of Painter by Numbers did
    it. Other vectors stand side by side, over the square root of their number, so that a pair's
    score is the mean of its scores: ``(pictures, networks * d)`` float32. Rows are in the first
    one's order.

    Raises:
        UserError: two networks differ in pictures, labels, channels or classes.
    """
    remaining = iter(networks)
    first, joined = next(remaining)
    for number, (name, network) in enumerate(remaining, 1):
        _hold_alike(first, joined, name, network)
        network = align({first: joined, name: network})[name]
        joined = replace(
            joined,
            validation=_with(joined.validation, network.validation, number),
            test=_with(joined.test, network.test, number),
        )
    return joined


def _with(joined: Channels, network: Channels, number: int) -> dict[str, np.ndarray]:
    """The channels of ``number`` networks, joined, and those of one more."""
    return {
        channel: _mean(rows, network[channel], number)
        if channel == PROBABILITIES
        else _side_by_side(rows, network[channel], number)
        for channel, rows in joined.items()
    }


def _mean(rows: np.ndarray, more: np.ndarray, number: int) -> np.ndarray:
    return rows + (more - rows) / np.float32(number + 1)


def _side_by_side(rows: np.ndarray, more: np.ndarray, number: int) -> np.ndarray:
    old, new = (np.float32((share / (number + 1)) ** 0.5) for share in (number, 1))
    return np.concatenate([rows * old, more * new], axis=1)


def _hold_alike(first: str, joined: Vectors, name: str, network: Vectors) -> None:
    """Raises UserError where channels or the number of classes differ."""
    if set(joined.validation) != set(network.validation):
        raise UserError(f"{first} and {name} have other channels: run them with the same recipe")
    if PROBABILITIES not in joined.validation:
        return
    classes = [found.validation[PROBABILITIES].shape[1] for found in (joined, network)]
    if classes[0] != classes[1]:
        told = " and ".join(map(str, classes))
        raise UserError(f"{first} and {name} tell {told} classes: run them on the same data")
