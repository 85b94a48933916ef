"""The kernels that an ensemble reads: folds or networks of one model become one member again."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.files.predictions import (
    PARTS,
    Predictions,
    Vectors,
    align,
    fold_folder,
    groups_of,
    row_order,
    test_labels_of,
)
from common.inputs import kernel_output_folder
from common.manifest import NAME as MANIFEST
from common.manifest import load_manifest, read_manifest
from common.parameters import Parameters

Recipes = Mapping[str, Mapping[str, Any]]
PROBABILITIES = "classes"  # the channel whose rows are probabilities
_OPTIONS = {"fold": "--folds", "network": "--set networks"}


def read_recipes(
    parameters: Parameters, others: Collection[str] = ()
) -> tuple[dict[str, Path], Recipes]:
    """Return the output folder and the recipe of every source but ``others``, by kernel.

    One that carries out all folds of its model is a kernel for each of them.

    Raises UserError for an output that is missing, damaged, unfinished, or another run's.
    """
    chosen = {name: source for name, source in parameters.sources.items() if name not in others}
    folders = {name: kernel_output_folder(source) for name, source in chosen.items()}
    nonces = parameters.source_nonces
    manifests = {
        name: read_manifest(at, name, nonces.get(name, "")) for name, at in folders.items()
    }
    return _each_fold(folders, {n: found.get("recipe") or {} for n, found in manifests.items()})


def settings_of(parameters: Parameters) -> list[str]:
    """Return the setting of each source (``common.protocol``), empty where none is known."""
    folders = map(kernel_output_folder, parameters.sources.values())
    return [str(load_manifest(folder / MANIFEST).get("setting", "")) for folder in folders]


def _each_fold(folders: Mapping[str, Path], recipes: Recipes) -> tuple[dict[str, Path], Recipes]:
    """Kernels that carry out all folds of their model as one for each fold."""
    found: dict[str, tuple[Path, Mapping[str, Any]]] = {}
    for name, recipe in recipes.items():
        if recipe.get("folds") and recipe.get("fold", 0) is None:
            for fold in range(_number(recipe, "fold")):
                one = fold_folder(folders[name], fold), {**recipe, "fold": fold}
                found[f"{name}-fold{fold}"] = one
        else:
            found[name] = folders[name], recipe
    return {n: at for n, (at, _) in found.items()}, {n: one for n, (_, one) in found.items()}


def kernels_of_models(recipes: Recipes) -> dict[str, tuple[str, ...]]:
    """Return the kernels of each model, in the order of their numbers.

    ``recipes`` are by kernel, as manifests have them. A kernel ``NAME-foldK`` whose recipe has
    ``folds`` and fold K is one of the model NAME, and one ``NAME-networkK`` likewise; every other
    kernel is a model of its own. Raises UserError when one of a model is missing.
    """
    groups: dict[str, dict[tuple[str, int], str]] = {}
    for kernel, recipe in recipes.items():
        model, variant = kernel, ("", 0)
        for kind in _OPTIONS:
            ending = f"-{kind}{recipe.get(kind)}"
            if recipe.get(f"{kind}s") and kernel.endswith(ending):
                model, variant = kernel.removesuffix(ending), (kind, recipe[kind])
        groups.setdefault(model, {})[variant] = kernel
    for model, kernels in groups.items():
        kind, _ = max(kernels)
        number = max(_number(recipes[kernel], kind) for kernel in kernels.values())
        if kind and set(kernels) != {(kind, one) for one in range(number)}:
            raise UserError(
                f"{model} has {number} {kind}s, and its kernels are {', '.join(kernels.values())}: "
                f"run them all with the same {_OPTIONS[kind]}"
            )
    return {model: tuple(own[key] for key in sorted(own)) for model, own in groups.items()}


def _number(recipe: Mapping[str, Any], kind: str) -> int:
    """How many kernels its model has."""
    number: int = recipe.get(f"{kind}s", 0)
    return number * repeats_of(recipe) if kind == "fold" else number


def repeats_of(recipe: Mapping[str, Any]) -> int:
    """Return how often the data of a recipe, as manifests have it, are split into folds."""
    found = recipe.get("repeats", 1)
    return found if isinstance(found, int) and found > 0 else 1


def splits_of(parts: Mapping[str, Predictions], repeats: int) -> list[dict[str, Predictions]]:
    """Return the folds of each of ``repeats`` splits, given by kernel, in their order."""
    names, folds = list(parts), len(parts) // repeats
    starts = range(0, folds * repeats, folds)
    return [{name: parts[name] for name in names[start : start + folds]} for start in starts]


def join_folds(parts: Mapping[str, Predictions], repeats: int = 1) -> Predictions:
    """Return one member of the folds of a model, given by kernel.

    Validation is out of fold: the folds one after another, each picture predicted once, by the
    network that has not seen it; where folds are repeated, the mean over the repeats. Test is the
    mean over the folds, rows in the first one's order. Raises UserError for two of one split with
    the same validation picture, for splits of other pictures, or other test ids or classes.
    """
    (first, reference), *_ = parts.items()
    if len(parts) == 1:
        return reference
    if repeats > 1:
        splits = splits_of(parts, repeats)
        return _mean({next(iter(split)): join_folds(split) for split in splits})
    if len({part.test.shape[1] for part in parts.values()}) > 1:
        raise UserError(f"{' and '.join(parts)} have a different number of classes")
    owners: dict[str, str] = {}
    for name, part in parts.items():
        for picture in part.validation_ids.tolist():
            if owners.setdefault(picture, name) != name:
                raise UserError(
                    f"{owners[picture]} and {name} are both validated on {picture}: they were "
                    f"split with another seed, or on other data; run them again"
                )
    tests = {
        name: part.take(
            np.arange(0), row_order(reference.test_ids, part.test_ids, "test", first, name)
        )
        for name, part in parts.items()
    }
    return Predictions(
        np.concatenate([part.validation_ids for part in parts.values()]),
        np.concatenate([part.validation_labels for part in parts.values()]),
        np.concatenate([part.validation for part in parts.values()]),
        reference.test_ids,
        np.asarray(np.mean([part.test for part in tests.values()], axis=0, dtype=np.float64)),
        test_labels_of(tests),
        _groups(parts.values()),
        groups_of(tests.values(), "test"),
    )


def _groups(folds: Collection[Predictions]) -> np.ndarray | None:
    """Validation's groups, one fold after another; None where no fold knows them."""
    known = [fold.validation_groups for fold in folds]
    if all(groups is None for groups in known):
        return None
    return np.concatenate(
        [
            np.zeros(len(fold.validation_ids), np.str_) if groups is None else groups
            for fold, groups in zip(folds, known, strict=True)
        ]
    )


def _mean(splits: Mapping[str, Predictions]) -> Predictions:
    """The mean of predictions of the same pictures, by whose they are, in the first one's order."""
    first, *_ = aligned = [*align(splits).values()]
    validation, test = (
        np.asarray(np.mean([getattr(one, part) for one in aligned], axis=0, dtype=np.float64))
        for part in ("validation", "test")
    )
    return replace(first, validation=validation, test=test)


def join_networks(networks: Iterable[tuple[str, Vectors]]) -> Vectors:
    """Return one member of a model's networks, given one by one, each after its kernel's name.

    Probabilities are averaged before any product, as the first place of Painter by Numbers did
    it. Other vectors are put in one row, over the square root of their number, so that a pair's
    score is the mean of its scores: ``(pictures, networks * d)`` float32. Rows are in the first
    one's order. Raises UserError for networks of other pictures, labels, channels or classes.
    """
    remaining = iter(networks)
    first, joined = next(remaining)
    for number, (name, network) in enumerate(remaining, 1):
        if _channels(joined) != _channels(network):
            raise UserError(
                f"{first} and {name} have other channels or classes: run them with the same recipe "
                f"on the same data"
            )
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


def _channels(network: Vectors) -> tuple[set[str], int]:
    """The channels, and the number of classes."""
    known = network.validation.get(PROBABILITIES)
    return set(network.validation), 0 if known is None else known.shape[1]
