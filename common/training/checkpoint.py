"""``checkpoint.npz``: where a training stands, written after each epoch.

One file, replaced whole, so that a process killed at any moment leaves the epoch before. It holds
its variables itself, as ``model.save_weights`` leaves out the seeds of dropout.
"""

import dataclasses
import json
import os
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.inputs import kernel_output_folder
from common.kernel import KernelRun, OutOfTimeError
from common.manifest import Unfinished, read_manifest
from common.parameters import Parameters
from common.progress import report

NAME = "checkpoint.npz"
_TEMPORARY = f".{NAME}.new"  # one name: what a killed process left is overwritten
_ARRAYS = ("variables", "validation", "kept")
_KEPT = "kept_"


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
        validation: ``(pictures, classes)`` float32 probabilities, once the refit has begun.
        kept: further arrays by name that the training wants to find again.
    """

    training: Mapping[str, Any]
    stage: str
    epoch: int
    history: list[dict[str, Any]]
    seconds: Mapping[str, float]
    pace: float
    variables: list[np.ndarray]
    validation: np.ndarray | None = None
    kept: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)


class Course:
    """How far one training has come: found at its start, written down after each epoch.

    Attributes:
        stage: ``training`` or ``refit``.
        history: the rows of ``history.csv`` so far.
        validation: probabilities of the validation pictures, once they are made.
        kept: further arrays by name, written down with the rest.
    """

    def __init__(self, run: KernelRun, training: Mapping[str, Any], parameters: Parameters):
        self._run, self._training, self._limit = run, training, parameters.time_limit
        self._found = found = find_checkpoint(run.folder, parameters, training)
        self.stage, self._epoch, self._of = "training", 0, 0
        self._advanced, self._epoch_began = False, 0.0
        self.history: list[dict[str, Any]] = found.history if found else []
        self.validation = found.validation if found else None
        self.kept: dict[str, np.ndarray] = dict(found.kept) if found else {}
        self._pace = found.pace if found else 0.0
        self._guessed = found is None or (found.stage == "training" and found.epoch == 1)
        self._compiling = True
        if found:
            run.add_earlier(found.seconds)
            run.facts["resumed"] = {"stage": found.stage, "epoch": found.epoch}

    def rows(self, stage: str) -> list[dict[str, Any]]:
        """The rows of ``history.csv`` of one stage."""
        return [row for row in self.history if row["stage"] == stage]

    def enter(self, model: Any, stage: str, epochs: int) -> int:
        """Begin a stage of ``epochs``: how many of them are done, and ``model`` as they left it."""
        self.stage, self._epoch, self._of, self._compiling = stage, 0, epochs, True
        if self._found is not None and self._found.stage == stage:
            restore(model, self._found.variables)
            self._epoch, self._found = self._found.epoch, None  # frees the memory
        return self._epoch

    def begin_epoch(self, steps: int) -> None:
        """Raises OutOfTimeError when an epoch of ``steps`` would not end in time."""
        self.keep_to_time(steps)
        self._epoch_began = time.monotonic()

    def end_epoch(self, model: Any, epoch: int, steps: int) -> None:
        """Write the checkpoint: ``epoch`` epochs of the stage are done."""
        pace = (time.monotonic() - self._epoch_began) / steps
        # The first epoch of a fit holds its compilation: it counts until another one has ended.
        if not self._compiling or not self._pace:
            self._pace = pace if self._guessed else max(self._pace, pace)
            self._guessed = self._compiling
        self._compiling = False
        checkpoint = Checkpoint(
            self._training,
            self.stage,
            epoch,
            self.history,
            self._run.spent(),
            self._pace,
            variables_of(model),
            self.validation,
            self.kept,
        )
        if self._run.primary:
            save_checkpoint(self._run.folder, checkpoint)
        self._epoch, self._advanced = epoch, True

    def keep_to_time(self, steps: float) -> None:
        """Raise OutOfTimeError rather than begin ``steps`` that would not end before the limit.

        They may be as slow as those of the slowest epoch, and a fifth more. Raises UserError
        when that leaves no time for anything, so that no version would come further.
        """
        needed = 1.2 * self._pace * steps
        if not self._pace or self._run.has_time(needed):
            return
        if not self._advanced:
            raise UserError(
                f"the next part of {self.stage} takes about {needed:.0f} s, too long for a time "
                f"limit of {self._limit:g} s: raise the limit, or take a smaller model"
            )
        raise OutOfTimeError(self.stage, self._epoch, self._of)


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint.npz`` atomically: temporary file, fsync, rename."""
    names = [f.name for f in dataclasses.fields(checkpoint) if f.name not in _ARRAYS]
    facts = {name: getattr(checkpoint, name) for name in names}
    arrays = {f"variable_{n}": value for n, value in enumerate(checkpoint.variables)}
    if checkpoint.validation is not None:
        arrays["validation"] = checkpoint.validation
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
            count = sum(name.startswith("variable_") for name in arrays.files)
            variables = [arrays[f"variable_{n}"] for n in range(count)]
            validation = arrays["validation"] if "validation" in arrays.files else None
            names = [name for name in arrays.files if name.startswith(_KEPT)]
            kept = {name.removeprefix(_KEPT): arrays[name] for name in names}
            return Checkpoint(**facts, variables=variables, validation=validation, kept=kept)
    except FileNotFoundError:
        raise UserError(f"no {NAME} in {path.parent}: there is nothing to go on from") from None
    except (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        said = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise UserError(f"{path} is damaged ({said}): delete it to start anew") from None


def remove_checkpoint(folder: Path) -> None:
    """Leave no checkpoint in a finished kernel's output."""
    for name in (NAME, _TEMPORARY):
        (folder / name).unlink(missing_ok=True)


def find_checkpoint(
    folder: Path, parameters: Parameters, training: Mapping[str, Any]
) -> Checkpoint | None:
    """What to go on from: the output of ``parameters.resume``, else what lies in ``folder``.

    Raises UserError when the kernel is told to resume and that output is not whole, not
    unfinished, or of another training. One of another training in ``folder`` is passed over with
    a line; it is overwritten after the first epoch.
    """
    place = unfinished_output(parameters) if parameters.resume else folder
    if not parameters.resume and not (place / NAME).exists():
        return None
    checkpoint = load_checkpoint(place / NAME)
    differs = _difference(checkpoint.training, training)
    if not differs:
        report("resuming", at=f"{checkpoint.stage} {checkpoint.epoch}", checkpoint=place / NAME)
        return checkpoint
    if parameters.resume:
        raise UserError(
            f"{parameters.resume} left the checkpoint of another training ({differs}): give the "
            f"settings that it had, or start anew without it"
        )
    report("starting_anew", because=f"{place / NAME} is of another training: {differs}")
    return None


def unfinished_output(parameters: Parameters) -> Path:
    """The output of the kernel's own earlier version, held against its manifest."""
    folder = kernel_output_folder(parameters.resume, parameters.internet)
    try:
        read_manifest(folder, parameters.kernel or parameters.resume, "")
    except Unfinished:
        return folder
    raise UserError(f"{parameters.resume} is finished: there is nothing to resume")


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


def _difference(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """The first entry in which they differ, or ``""``."""
    for name in {**ours, **theirs}:
        if theirs.get(name) != ours.get(name):
            return f"{name} was {theirs.get(name)} and is {ours.get(name)}"
    return ""
