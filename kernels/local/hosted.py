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
    """A competition that can be entered, and what Kaggle says of it.

    Attributes:
        competition: its facts.
        data: a folder in the competition's layout: what kernels find mounted.
        solution: a csv with a submission's columns and ``Usage``: hidden labels, outside ``data``.
        kernels_only: takes no files, only the output of a kernel.
        max_daily_submissions: a UTC day.
        entered: whether the user has accepted the rules.
        deadline: with a time zone; late submissions are scored. None: a year from now.
        submissions_disabled: takes no submissions at all.
        generate: makes ``data`` and ``solution`` when they are first needed; None: they are there.
    """

    competition: Competition
    data: Path
    solution: Path
    kernels_only: bool = False
    max_daily_submissions: int = 5
    entered: bool = True
    deadline: datetime | None = None
    submissions_disabled: bool = False
    generate: Callable[[], object] | None = None

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
