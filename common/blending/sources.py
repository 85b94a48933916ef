"""The outputs that an ensemble kernel reads."""

from collections.abc import Collection
from pathlib import Path

from common.inputs import kernel_output_folder
from common.manifest import read_manifest
from common.parameters import Parameters
from common.variants import Recipes


def read_recipes(
    parameters: Parameters, others: Collection[str] = ()
) -> tuple[dict[str, Path], Recipes]:
    """Return the output folder and the recipe of every source but ``others``, by kernel.

    Raises UserError for an output that is missing, damaged, unfinished, or another run's.
    """
    folders = {
        name: kernel_output_folder(source)
        for name, source in parameters.sources.items()
        if name not in others
    }
    recipes = {
        name: read_manifest(folder, name, parameters.source_nonces.get(name, "")).get("recipe")
        or {}
        for name, folder in folders.items()
    }
    return folders, recipes
