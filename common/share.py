"""Which rows of a batch a process makes, when several train together."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Share:
    """The rows of each batch that one of several processes makes; a lone process makes all."""

    process: int = 0
    processes: int = 1

    def of(self, rows: np.ndarray) -> np.ndarray:
        """This process's rows of a batch that all processes divide."""
        part = len(rows) // self.processes
        return rows[self.process * part : (self.process + 1) * part]


WHOLE = Share()
