"""How far a training is, and whether there is time for its next part."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from common.errors import UserError
from common.kernel import KernelRun, OutOfTimeError
from common.training.checkpoint import (
    Checkpoint,
    find_checkpoint,
    restore,
    save_checkpoint,
    variables_of,
)

_FORMAT = 2  # of what a training keeps: one that began with another starts anew


class TrainingState:
    """How far one training is: read from a checkpoint at its start, written after each epoch.

    Attributes:
        stage: the one that is running, ``training`` or ``refit``.
        history: the rows of ``history.csv`` so far.
        kept: arrays by name that are written with the rest, and found again.
    """

    def __init__(self, run: KernelRun, training: Mapping[str, Any]):
        self._run, self._training = run, {"format": _FORMAT, **training}
        self._found = found = find_checkpoint(run.folder, run.parameters, self._training)
        self.stage, self._epoch, self._epochs = "training", 0, 0
        self._advanced, self._epoch_began = False, 0.0
        self.history: list[dict[str, Any]] = found.history if found else []
        self.kept: dict[str, np.ndarray] = dict(found.kept) if found else {}
        self._pace = found.pace if found else 0.0
        # The first epoch's pace includes compiling: a guess, until another epoch has ended.
        self._guessed = found is None or (found.stage == "training" and found.epoch == 1)
        self._compiling = True
        if found:
            run.add_earlier(found.seconds)
            run.facts["resumed"] = {"stage": found.stage, "epoch": found.epoch}

    def rows(self, stage: str) -> list[dict[str, Any]]:
        """The rows of ``history.csv`` of one stage."""
        return [row for row in self.history if row["stage"] == stage]

    def enter(self, model: Any, stage: str, epochs: int) -> int:
        """Begin a stage of ``epochs``; return how many are done, with ``model`` as it was then."""
        self.stage, self._epoch, self._epochs, self._compiling = stage, 0, epochs, True
        if self._found is not None and self._found.stage == stage:
            restore(model, self._found.variables)
            self._epoch, self._found = self._found.epoch, None  # frees the memory
        return self._epoch

    def begin_epoch(self, steps: int) -> None:
        """Raises OutOfTimeError when an epoch of ``steps`` would not end in time."""
        self.check_time(steps)
        self._epoch_began = time.monotonic()

    def end_epoch(self, model: Any, epoch: int, steps: int) -> None:
        """Write the checkpoint: ``epoch`` epochs of the stage are done."""
        pace = (time.monotonic() - self._epoch_began) / steps
        if not self._compiling or not self._pace:
            self._pace = pace if self._guessed else max(self._pace, pace)
            self._guessed = self._compiling
        self._compiling = False
        if self._run.primary:
            checkpoint = Checkpoint(
                self._training,
                self.stage,
                epoch,
                self.history,
                self._run.spent(),
                self._pace,
                variables_of(model),
                self.kept,
            )
            save_checkpoint(self._run.folder, checkpoint)
        self._epoch, self._advanced = epoch, True

    def check_time(self, steps: float) -> None:
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
                f"limit of {self._run.parameters.time_limit:g} s: raise the limit, or take a "
                f"smaller model"
            )
        raise OutOfTimeError(self.stage, self._epoch, self._epochs)
