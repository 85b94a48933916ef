"""``checkpoint.npz``: a training after its latest epoch, in one file.

It is replaced whole, so that a process killed at any moment leaves the epoch before. It has all
variables itself, as ``model.save_weights`` leaves out the seeds of dropout.
"""

import dataclasses
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.inputs import kernel_output_folder
from common.manifest import Unfinished, read_manifest
from common.parameters import Parameters
from common.progress import report

NAME = "checkpoint.npz"
_TEMPORARY = f".{NAME}.new"  # one name: the next write replaces what a killed process left
_VARIABLE, _KEPT = "variable_", "kept_"


@dataclass(frozen=True)
class Checkpoint:
    """A training after ``epoch`` epochs of ``stage``.

    Attributes:
        training: what it is a checkpoint of: recipe, seed, numbers of pictures.
        stage: ``training`` or ``refit``.
        epoch: number of the stage's epochs that are done.
        history: the rows of ``history.csv`` so far.
        seconds: by stage, so far.
        pace: seconds a step, of the slowest epoch so far but those that compile.
        variables: of the model (seeds of dropout too), then of its optimizer.
        kept: further arrays by name that the training wants to find again.
    """

    training: Mapping[str, Any]
    stage: str
    epoch: int
    history: list[dict[str, Any]]
    seconds: Mapping[str, float]
    pace: float
    variables: list[np.ndarray]
    kept: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint.npz`` atomically: temporary file, fsync, rename."""
    facts = {name: value for name, value in vars(checkpoint).items()
             if name not in ("variables", "kept")}  # fmt: skip
    arrays = {f"{_VARIABLE}{n}": value for n, value in enumerate(checkpoint.variables)}
    arrays |= {f"{_KEPT}{name}": value for name, value in checkpoint.kept.items()}
    temporary = folder / _TEMPORARY
    try:
        with open(temporary, "wb") as file:
            np.savez(file, facts=np.array(json.dumps(facts)), **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, folder / NAME)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load_checkpoint(path: Path) -> Checkpoint:
    """Read all of it. Raises UserError when it is missing or damaged (its parts have CRCs)."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            facts = json.loads(str(arrays["facts"]))
            count = sum(name.startswith(_VARIABLE) for name in arrays.files)
            variables = [arrays[f"{_VARIABLE}{n}"] for n in range(count)]
            names = [name for name in arrays.files if name.startswith(_KEPT)]
            kept = {name.removeprefix(_KEPT): arrays[name] for name in names}
            return Checkpoint(**facts, variables=variables, kept=kept)
    except FileNotFoundError:
        raise UserError(f"no {NAME} in {path.parent}: there is nothing to go on from") from None
    except (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        said = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise UserError(f"{path} is damaged ({said}): delete it to start anew") from None


def remove_checkpoint(folder: Path) -> None:
    """Delete the checkpoint of a finished kernel from its output."""
    for name in (NAME, _TEMPORARY):
        (folder / name).unlink(missing_ok=True)


def find_checkpoint(
    folder: Path, parameters: Parameters, training: Mapping[str, Any]
) -> Checkpoint | None:
    """What to go on from: the output of ``parameters.resume``, else the file in ``folder``.

    Raises UserError when the kernel is to resume and that output is not whole, not unfinished, or
    of another training. One of another training in ``folder`` is ignored with a line; the first
    epoch overwrites it.
    """
    place = _unfinished_output(parameters) if parameters.resume else folder
    if not parameters.resume and not (place / NAME).exists():
        return None
    checkpoint = load_checkpoint(place / NAME)
    differs = _difference(checkpoint.training, training)
    if not differs:
        report("resuming", at=f"{checkpoint.stage} {checkpoint.epoch}", checkpoint=place / NAME)
        return checkpoint
    if parameters.resume:
        raise UserError(
            f"{parameters.resume} has the checkpoint of another training ({differs}): give the "
            f"settings that it had, or start anew without it"
        )
    report("starting_anew", because=f"{place / NAME} is of another training: {differs}")
    return None


def build_optimizer(model: Any) -> None:
    """Create the optimizer's variables, once: that of mixed precision would add them again."""
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def variables_of(model: Any) -> list[np.ndarray]:
    """The values of all that training changes, in a fixed order."""
    import keras

    build_optimizer(model)
    variables = [*model.variables, *model.optimizer.variables]
    return [np.asarray(keras.ops.convert_to_numpy(variable)) for variable in variables]


def restore(model: Any, values: list[np.ndarray]) -> None:
    """Set what ``variables_of`` gave. Raises UserError when the network has other variables."""
    build_optimizer(model)
    variables = [*model.variables, *model.optimizer.variables]
    if [tuple(v.shape) for v in variables] != [value.shape for value in values]:
        raise UserError(
            f"{NAME} was written by another network than this {model.name}: start anew without it"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _unfinished_output(parameters: Parameters) -> Path:
    """The output of the kernel's own earlier version, checked against its manifest."""
    folder = kernel_output_folder(parameters.resume, parameters.internet)
    try:
        read_manifest(folder, parameters.kernel or parameters.resume, "")
    except Unfinished:
        return folder
    raise UserError(f"{parameters.resume} is finished: there is nothing to resume")


def _difference(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """The first entry in which they differ, or ``""``."""
    for name in {**ours, **theirs}:
        if theirs.get(name) != ours.get(name):
            return f"{name} was {theirs.get(name)} and is {ours.get(name)}"
    return ""
