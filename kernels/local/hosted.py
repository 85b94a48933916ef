"""A competition that the local Kaggle offers, and its files."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from common.competition import Competition
from common.errors import UserError
from kernels.local.files import is_within
from kernels.local.scoring import Solution, read_solution

_LOCK = threading.Lock()  # one competition's files are made and read at a time


@dataclass(frozen=True)
class HostedCompetition:
    """A competition that can be entered, and what Kaggle says of it."""

    competition: Competition
    data: Path  # a folder in the competition's layout: what kernels find mounted
    solution: Path  # a csv with a submission's columns and ``Usage``: hidden labels
    kernels_only: bool = False  # takes no files, only the output of a kernel
    max_daily_submissions: int = 5  # a UTC day
    entered: bool = True  # the user has accepted the rules
    deadline: datetime | None = None  # with a time zone; a year from now by default
    submissions_disabled: bool = False
    generate: Callable[[], object] | None = None  # makes both files when they are first needed

    def folder(self) -> Path:
        """The folder of its data, for reading. Raises UserError as ``answers``."""
        self.answers()
        return self.data.resolve()

    def answers(self) -> Solution:
        """The hidden labels, which only this process reads.

        Raises UserError when the files are not as they must be.
        """
        with _LOCK:
            return self._answers

    @cached_property
    def _answers(self) -> Solution:
        slug = self.competition.slug
        if self.generate:
            self.generate()
        if not self.data.is_dir():
            expected = self.competition.files
            raise UserError(f"{slug}: {self.data} is not a folder; expected {expected}")
        if is_within(self.solution, self.data):
            raise UserError(f"{slug}: the solution {self.solution} is in the data: move it out")
        return read_solution(self.competition, self.solution)
