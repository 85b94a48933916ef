"""Kernels that are one model together: its folds, or its networks."""

from collections.abc import Mapping
from typing import Any

from common.errors import UserError

Recipes = Mapping[str, Mapping[str, Any]]


def kernels_of_models(recipes: Recipes, kind: str, option: str) -> dict[str, tuple[str, ...]]:
    """The kernels of each model, in the order of their numbers.

    Args:
        recipes: kernel → its recipe as its manifest has it. A kernel ``NAME-foldK`` whose
            recipe has ``folds`` and fold K is one of the model NAME; every other kernel is a
            model of its own.
        kind: ``fold``, or what else is counted so.
        option: what all of them are to be run with, for the error.

    Raises:
        UserError: one of a model is missing.
    """
    groups: dict[str, list[str]] = {}
    for kernel, recipe in recipes.items():
        groups.setdefault(_model_of(kernel, recipe, kind), []).append(kernel)
    return {
        model: _complete(model, {kernel: recipes[kernel] for kernel in kernels}, kind, option)
        for model, kernels in groups.items()
    }


def _model_of(kernel: str, recipe: Mapping[str, Any], kind: str) -> str:
    """The model that a kernel is one of, or its own name."""
    return kernel.removesuffix(f"-{kind}{recipe.get(kind)}") if recipe.get(f"{kind}s") else kernel


def _complete(model: str, recipes: Recipes, kind: str, option: str) -> tuple[str, ...]:
    """The kernels of a model in their order. Raises UserError when one is missing."""
    if list(recipes) == [model]:
        return (model,)
    number = max(recipe.get(f"{kind}s", 0) for recipe in recipes.values())
    known = {recipe.get(kind): kernel for kernel, recipe in recipes.items()}
    missing = [f"{model}-{kind}{one}" for one in range(number) if one not in known]
    if missing or len(recipes) != number:
        wrong = f"{', '.join(missing)} missing" if missing else "not one of each"
        raise UserError(
            f"{model} has {number} {kind}s, and its kernels are {', '.join(recipes)}, {wrong}: "
            f"run them all with the same {option}"
        )
    return tuple(known[one] for one in range(number))
