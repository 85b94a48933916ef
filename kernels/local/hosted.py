"""A competition that the local Kaggle offers, and its files."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from common.competition import Competition
from common.errors import UserError
from kernels.local.files import is_within
from kernels.local.scoring import Solution, read_solution


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
        deadline: with a time zone; as on Kaggle, late submissions are scored. None: a year from
            now.
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


class Hosted:
    """The files of a hosted competition, checked once: at the start, or when they are generated.

    Raises UserError, as its properties do, when the files are not as they must be.
    """

    def __init__(self, facts: HostedCompetition):
        self.facts = facts
        self._lock = threading.Lock()
        self._solution: Solution | None = None
        if facts.generate is None:
            self._read()

    @property
    def data(self) -> Path:
        """The folder of its data."""
        self._read()
        return self.facts.data.resolve()

    @property
    def solution(self) -> Solution:
        """The hidden labels, which only this process reads."""
        return self._read()

    def _read(self) -> Solution:
        facts, slug = self.facts, self.facts.competition.slug
        with self._lock:
            if self._solution is None:
                if facts.generate:
                    facts.generate()
                if not facts.data.is_dir():
                    layout = facts.competition.layout
                    raise UserError(f"{slug}: {facts.data} is not a folder; expected {layout}")
                if is_within(facts.solution, facts.data):
                    raise UserError(
                        f"{slug}: the solution {facts.solution} is in the data: move it out"
                    )
                self._solution = read_solution(facts.competition, facts.solution)
            return self._solution
