"""Pictures decoded once for all trainings: what a preparing kernel writes and others read.

Each part of the data becomes a folder of shards (``common.data.shards``) with squares of RGB,
whatever format, mode and size the pictures have, in bounded memory. ``broken.csv`` lists those that
could not be read. ``labels.npz`` has the labels, or ``classes.csv`` the classes of the shards'
labels, first those that train has.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from common.data.images import encode_square
from common.data.names import natural
from common.data.pictures import Pictures
from common.data.records import Records, no_records
from common.data.shards import Broken, Item, write_shards
from common.data.squares import Fit, Interpolation, Padding, Square
from common.data.tables import read_columns, write_table
from common.data.tfrecords import read_records
from common.errors import UserError
from common.files.arrays import AGAIN, open_arrays, save_arrays
from common.files.classes import load_classes
from common.inputs import kernel_output_folder
from common.kernel import KernelRun
from common.manifest import read_manifest
from common.parameters import Parameters
from common.progress import report
from common.recipes.training import CheckedRecipe, Range

BROKEN, COLUMNS = "broken.csv", ("file", "part", "reason")
LABELS, _COLUMN = "labels.npz", "column "  # before a column's name


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
    run: KernelRun, parts: Sequence[Records], missing: Iterable[Broken] = ()
) -> list[Broken]:
    """Write the shards of every part, and ``broken.csv``; return what that has.

    The run's recipe is a PrepareRecipe. Labels that are class numbers are in the shards. Shards of
    an earlier run in the same folder, or of the unfinished version that it goes on from, are kept
    where they are what would be written. They stay at Kaggle. Raises OutOfTimeError between two
    shards.
    """
    import PIL

    recipe, broken, names = run.recipe, list(missing), [part.name for part in parts]
    how = (f"quality={recipe.quality}", f"pillow={PIL.__version__}", *astuple(Square.of(recipe)))
    run.facts["stays"] = [f"{name}/*" for name in names]
    if run.parameters.resume:
        earlier = kernel_output_folder(run.parameters.resume, run.parameters.internet)
        for name in names:
            if (earlier / name).is_dir():
                shutil.copytree(earlier / name, run.folder / name, dirs_exist_ok=True)
    threads = recipe.threads or os.cpu_count() or 1
    for part in parts:
        settings = (*how, f"bits={part.bits}")
        with run.stage(part.name, pictures=len(part)):
            broken += write_shards(
                *(run.folder / part.name, _items(part), _squares(part, recipe), recipe.size),
                *(recipe.shard_size, threads, settings, run.has_time),
            )
    broken.sort(key=lambda one: (names.index(one.part), natural(one.file)))
    write_table(run.folder / BROKEN, COLUMNS, map(astuple, broken))
    return broken


def _items(part: Records) -> list[Item]:
    labels: list[int | None] = [None] * len(part)
    if part.labels is not None and part.labels.ndim == 1 and part.labels.dtype.kind in "iu":
        labels = part.labels.tolist()
    sizes = part.places[:, 2].tolist()
    return [Item(*one) for one in zip(part.ids.tolist(), labels, sizes, strict=True)]


def _squares(part: Records, recipe: PrepareRecipe) -> Callable[[str], bytes]:
    """What makes the square of a picture by its id."""
    rows = {name: row for row, name in enumerate(part.ids.tolist())}
    pictures, square = Pictures(part, recipe.size), Square.of(recipe)

    def make(name: str) -> bytes:
        content = pictures.content(rows[name])
        return encode_square(content, recipe.size, recipe.quality, square, part.bits or 16)

    return make


def save_labels(folder: Path, parts: Iterable[Records]) -> Path:
    """Write what the shards do not say of pictures: labels of any kind, groups, columns, the split.

    And what was strange when they were read.
    """
    arrays: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for part in parts:
        of_pictures = {"ids": part.ids, "labels": part.labels, "groups": part.groups}
        of_pictures |= {f"{_COLUMN}{name}": column for name, column in part.columns.items()}
        of_part = {"split": np.array([part.split]), "notes": np.array(part.notes, np.str_)}
        for kind, found in {**of_pictures, **of_part}.items():
            if found is not None:
                axis = part.name if kind in of_pictures else kind
                arrays[f"{part.name}_{kind}"] = None, (f"{part.name} {axis}", "*")
                values[f"{part.name}_{kind}"] = found
    return save_arrays(folder / LABELS, arrays, values, compress=True)


def read_prepared(
    parameters: Parameters, script: str = "prepare"
) -> tuple[Records, Records, Records]:
    """Read train, validation and test of what the run's PrepareKernel wrote.

    Raises UserError as ``prepared_folder``, and for labels that do not fit the shards.
    """
    folder = prepared_folder(parameters, script)
    with open_arrays(folder / LABELS, script, AGAIN) as found:
        train, validation, test = (
            _labelled(folder / part, found) for part in ("train", "val", "test")
        )
    report("data", folder=folder, train=len(train), validation=len(validation), test=len(test))
    return train, validation, test


def _labelled(folder: Path, found: Any) -> Records:
    """The pictures in a part's folder, with what ``save_labels`` wrote of them."""
    if not folder.is_dir():
        return no_records(folder.name)
    records, part = read_records(folder, False, 0), folder.name
    rows = {name: row for row, name in enumerate(found[f"{part}_ids"].tolist())}
    order = [rows[name] for name in records.ids.tolist()]
    known = {
        kind: found[f"{part}_{kind}"][order]
        for kind in ("labels", "groups")
        if f"{part}_{kind}" in found
    }
    start = f"{part}_{_COLUMN}"
    columns = {key.removeprefix(start): found[key][order] for key in found if key.startswith(start)}
    split, notes = str(found[f"{part}_split"][0]), tuple(found[f"{part}_notes"].tolist())
    return replace(records, split=split, notes=notes, columns=columns, **known)


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
