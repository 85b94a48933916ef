"""Pictures decoded once for all trainings: what a preparing kernel writes and others read.

Each part of the data becomes a folder of shards (``common.data.shards``) with squares of RGB,
whatever format, mode and size the pictures have, in bounded memory. ``broken.csv`` lists those that
could not be read, ``classes.csv`` the classes, first those that train has.
"""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from common.data.images import encode_square
from common.data.names import natural
from common.data.packed import PackedFiles
from common.data.records import Records
from common.data.shards import Broken, Item, write_shards
from common.data.squares import Fit, Interpolation, Padding, Square
from common.data.tables import read_columns, write_table
from common.data.tfrecords import read_records
from common.errors import UserError
from common.files.classes import load_classes
from common.inputs import kernel_output_folder
from common.kernel import KernelRun
from common.manifest import read_manifest
from common.parameters import Parameters
from common.progress import report
from common.recipes.training import CheckedRecipe, Range

BROKEN, COLUMNS = "broken.csv", ("file", "part", "reason")


@dataclass(frozen=True)
class PrepareRecipe(CheckedRecipe):
    """How pictures are prepared.

    Attributes:
        size, quality: pixels of a prepared picture, and of its JPEG.
        fit, padding, interpolation: how it becomes a square (``common.data.squares``).
        shard_size: pictures in a shard.
        threads: pictures that are decoded at the same time; None for one a core.
    """

    size: Annotated[int, Range(8, 4096)] = 288
    quality: Annotated[int, Range(1, 100)] = 95
    fit: Fit = "crop"
    padding: Padding = "black"
    interpolation: Interpolation = "lanczos"
    shard_size: Annotated[int, Range(1, 100_000)] = 1024
    threads: Annotated[int | None, Range(1, 256)] = None


def write_parts(
    run: KernelRun,
    parts: Mapping[str, tuple[PackedFiles, Sequence[Item]]],
    missing: Iterable[Broken],
) -> list[Broken]:
    """Write the shards of every part, and ``broken.csv``; return what that has.

    The run's recipe is a PrepareRecipe. Shards of an earlier run in the same folder, or of the
    unfinished version that it goes on from, are kept where they are what would be written. They
    stay at Kaggle. Raises OutOfTimeError between two shards.
    """
    import PIL

    recipe, broken = run.recipe, list(missing)
    square = Square.of(recipe)
    settings = (f"quality={recipe.quality}", f"pillow={PIL.__version__}", *astuple(square))
    run.facts["stays"] = [f"{part}/*" for part in parts]
    if run.parameters.resume:
        earlier = kernel_output_folder(run.parameters.resume, run.parameters.internet)
        for part in parts:
            if (earlier / part).is_dir():
                shutil.copytree(earlier / part, run.folder / part, dirs_exist_ok=True)
    for part, (pictures, items) in parts.items():
        make, threads = partial(_square, pictures, recipe), recipe.threads or os.cpu_count() or 1
        with run.stage(part, pictures=len(items)):
            how = (recipe.size, recipe.shard_size, threads, settings, run.has_time)
            broken += write_shards(run.folder / part, items, make, *how)
    broken.sort(key=lambda one: ([*parts].index(one.part), natural(one.file)))
    write_table(run.folder / BROKEN, COLUMNS, map(astuple, broken))
    return broken


def read_broken(folder: Path) -> list[Broken]:
    """Read ``broken.csv``."""
    return [Broken(*row) for row in read_columns(folder / BROKEN, COLUMNS)]


def prepared_folder(parameters: Parameters, script: str = "prepare") -> Path:
    """Return the output of the run's preparing kernel, once its manifest is checked.

    Raises UserError when it is no source, or its output is damaged, unfinished or another run's.
    """
    if script not in parameters.sources:
        raise UserError(
            f"this kernel has no source {script!r}: write PARAMETERS['sources'] = "
            f"{{'{script}': 'OWNER/SLUG'}} with the kernel that prepared the pictures"
        )
    folder = kernel_output_folder(parameters.sources[script], parameters.internet)
    read_manifest(folder, script, parameters.source_nonces.get(script, ""))
    return folder


def load_prepared(folder: Path) -> tuple[Records, Records, Records]:
    """Read train, validation and test of what a preparing kernel wrote.

    Labels of train are below the number of its classes; validation may have others after them.
    """
    classes = load_classes(folder)
    known = {"train": sum(one.seen for one in classes), "val": len(classes), "test": 0}
    train, validation, test = (
        read_records(folder / part, part != "test", number) for part, number in known.items()
    )
    report("data", folder=folder, train=len(train), validation=len(validation), test=len(test))
    return train, validation, test


def _square(pictures: PackedFiles, recipe: PrepareRecipe, name: str) -> bytes:
    return encode_square(pictures.read(name), recipe.size, recipe.quality, Square.of(recipe))
