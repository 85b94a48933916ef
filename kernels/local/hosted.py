"""A competition or a data set that the local Kaggle offers, and its files."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from common.competition import Competition
from common.errors import UserError
from kernels.local.files import is_within
from kernels.local.scoring import Solution, read_solution
from kernels.local.store import Store

_LOCK = threading.Lock()  # one competition's files are made and read at a time


@dataclass(frozen=True)
class HostedCompetition:
    """A competition that can be entered, or the data set of one, and what Kaggle says of it."""

    competition: Competition
    data: Path  # a folder in the competition's layout: what kernels find mounted
    # A csv with a submission's columns and ``Usage``: hidden labels; None: takes no submissions.
    solution: Path | None = None
    kernels_only: bool = False  # takes no files, only the output of a kernel
    max_daily_submissions: int = 5  # a UTC day
    entered: bool = True  # the user has accepted the rules; of a data set: may see it
    deadline: datetime | None = None  # with a time zone; a year from now by default
    submissions_disabled: bool = False
    generate: Callable[[], object] | None = None  # makes both files when they are first needed

    @property
    def closed(self) -> bool:
        """Whether it takes no submissions."""
        return self.submissions_disabled or self.solution is None

    def folder(self) -> Path:
        """The folder of its data, for reading. Raises UserError as ``answers``."""
        with _LOCK:
            _ = self._answers
        return self.data.resolve()

    def answers(self) -> Solution:
        """The hidden labels, which only this process reads.

        Raises UserError when the files are not as they must be, or without a solution.
        """
        with _LOCK:
            if self._answers is None:
                raise UserError(f"{self.competition.slug} takes no submissions")
            return self._answers

    @cached_property
    def _answers(self) -> Solution | None:
        slug = self.competition.slug
        if self.generate:
            self.generate()
        if not self.data.is_dir():
            expected = self.competition.files
            raise UserError(f"{slug}: {self.data} is not a folder; expected {expected}")
        if self.solution is None:
            return None
        if is_within(self.solution, self.data):
            raise UserError(f"{slug}: the solution {self.solution} is in the data: move it out")
        return read_solution(self.competition, self.solution)


def dataset_folder(
    store: Store, datasets: Mapping[str, HostedCompetition], ref: str, number: int = 0
) -> tuple[Path, bool] | None:
    """The folder of data set ``owner/slug``: a hosted one's, or of the state a version's.

    With it comes whether links that lead out of it count for nothing, as in the state.
    """
    if ref in datasets:
        return datasets[ref].folder(), False
    folder = store.dataset(ref, number)
    return (folder, True) if folder else None
