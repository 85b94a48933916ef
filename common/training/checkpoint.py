"""How far a training is, and ``checkpoint.npz``: it after its latest epoch, in one file.

It is replaced whole, so that a process killed at any moment leaves the epoch before. It has all
variables itself, as ``model.save_weights`` leaves out the seeds of dropout.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.files.arrays import open_arrays
from common.inputs import kernel_output_folder
from common.kernel import KernelRun, OutOfTimeError
from common.manifest import Unfinished, read_manifest
from common.parameters import Parameters
from common.progress import report
from common.training.model import restore, variables_of

NAME = "checkpoint.npz"
_TEMPORARY = f".{NAME}.new"  # one name: the next write replaces what a killed process left
_VARIABLE, _KEPT = "variable_", "kept_"
_FORMAT = 2  # of what a training keeps: one that began with another starts anew


@dataclass
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
    stage: str = "training"
    epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    seconds: Mapping[str, float] = field(default_factory=dict)
    pace: float = 0.0
    variables: list[np.ndarray] = field(default_factory=list)
    kept: dict[str, np.ndarray] = field(default_factory=dict)


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint.npz`` atomically: temporary file, fsync, rename."""
    facts = dict(vars(checkpoint))
    arrays = {f"{_VARIABLE}{n}": value for n, value in enumerate(facts.pop("variables"))}
    arrays |= {f"{_KEPT}{name}": value for name, value in facts.pop("kept").items()}
    temporary = folder / _TEMPORARY
    try:
        with open(temporary, "wb") as file:
            np.savez(file, facts=np.array(json.dumps(facts)), **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, folder / NAME)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read all of it. Raises UserError when it is missing or damaged (its parts have CRCs)."""
    with open_arrays(folder / NAME, remedy=": start anew without it") as arrays:
        facts = json.loads(str(arrays["facts"]))
        count = sum(name.startswith(_VARIABLE) for name in arrays.files)
        names = [name for name in arrays.files if name.startswith(_KEPT)]
        return Checkpoint(
            **facts,
            variables=[arrays[f"{_VARIABLE}{n}"] for n in range(count)],
            kept={name.removeprefix(_KEPT): arrays[name] for name in names},
        )


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
    if parameters.resume:
        folder = _unfinished_output(parameters)
    elif not (folder / NAME).exists():
        return None
    found = load_checkpoint(folder)
    differs = [
        f"{name} was {found.training.get(name)} and is {training.get(name)}"
        for name in {**training, **found.training}
        if found.training.get(name) != training.get(name)
    ]
    if not differs:
        report("resuming", at=f"{found.stage} {found.epoch}", checkpoint=folder / NAME)
        return found
    if parameters.resume:
        raise UserError(
            f"{parameters.resume} has the checkpoint of another training ({differs[0]}): give the "
            f"settings that it had, or start anew without it"
        )
    report("starting_anew", because=f"{folder / NAME} is of another training: {differs[0]}")
    return None


def _unfinished_output(parameters: Parameters) -> Path:
    """The output of the kernel's own earlier version, checked against its manifest."""
    folder = kernel_output_folder(parameters.resume, parameters.internet)
    try:
        read_manifest(folder, parameters.kernel or parameters.resume, "")
    except Unfinished:
        return folder
    raise UserError(f"{parameters.resume} is finished: there is nothing to resume")


class TrainingState:
    """How far one training is: read from a checkpoint at its start, written after each epoch.

    Attributes:
        history: the rows of ``history.csv`` so far.
        kept: arrays by name that are written with the rest, and found again.
    """

    def __init__(self, run: KernelRun, training: Mapping[str, Any]):
        training = {"format": _FORMAT, **training}
        found = find_checkpoint(run.folder, run.parameters, training)
        self._run, self._at = run, found or Checkpoint(training)
        self.history, self.kept = self._at.history, self._at.kept
        self._epochs, self._epoch_began, self._steps, self._advanced = 0, 0.0, 1, False
        # The first epoch's pace includes compiling: a guess, until another epoch has ended.
        self._guessed = self.stage == "training" and self._at.epoch < 2
        self._compiling = True
        if found:
            run.add_earlier(found.seconds)
            run.facts["resumed"] = {"stage": found.stage, "epoch": found.epoch}

    @property
    def stage(self) -> str:
        """The one that is running, ``training`` or ``refit``."""
        return self._at.stage

    def rows(self, stage: str) -> list[dict[str, Any]]:
        """The rows of ``history.csv`` of one stage."""
        return [row for row in self.history if row["stage"] == stage]

    def enter(self, model: Any, stage: str, epochs: int) -> int:
        """Begin a stage of ``epochs``; return how many are done, with ``model`` as it was then."""
        self._epochs, self._compiling = epochs, True
        if self._at.stage != stage:
            self._at.stage, self._at.epoch = stage, 0
        elif self._at.variables:
            restore(model, self._at.variables)
        self._at.variables = []  # frees the memory
        return self._at.epoch

    def begin_epoch(self, steps: int) -> None:
        """Raises OutOfTimeError when an epoch of ``steps`` would not end in time."""
        self.check_time(steps)
        self._epoch_began, self._steps = time.monotonic(), steps

    def end_epoch(self, model: Any, epoch: int) -> None:
        """Write the checkpoint: ``epoch`` epochs of the stage are done."""
        at, pace = self._at, (time.monotonic() - self._epoch_began) / self._steps
        if not self._compiling or not at.pace:
            at.pace = pace if self._guessed else max(at.pace, pace)
            self._guessed = self._compiling
        self._compiling, self._advanced = False, True
        at.epoch, at.seconds = epoch, self._run.spent()
        if self._run.primary:
            at.variables = variables_of(model)
            save_checkpoint(self._run.folder, at)
            at.variables = []

    def check_time(self, steps: float) -> None:
        """Raise OutOfTimeError rather than begin ``steps`` that would not end before the limit.

        They may be as slow as those of the slowest epoch, and a fifth more. Raises UserError
        when that leaves no time for anything, so that no version would come further.
        """
        needed = 1.2 * self._at.pace * steps
        if not self._at.pace or self._run.has_time(needed):
            return
        if not self._advanced:
            raise UserError(
                f"the next part of {self.stage} takes about {needed:.0f} s, too long for a time "
                f"limit of {self._run.parameters.time_limit:g} s: raise the limit, or take a "
                f"smaller model"
            )
        raise OutOfTimeError(self.stage, self._at.epoch, self._epochs)
