"""Whether two pictures match: are they of one class?"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from common.errors import UserError
from common.tasks.task import Task


@dataclass(frozen=True)
class Pairs(Task):
    """Pairs of pictures are scored, not pictures. Labels are those of pictures: their classes.

    Kernels write vectors whose dot products score pairs (``common.files.vectors``), and the
    ensemble scores the competition's table of pairs (``common.pairs``).

    Attributes:
        one, many: what one class of the pictures is called, and several, e.g. ``artist``.
    """

    one: str = "class"
    many: str = "classes"

    name: ClassVar[str] = "pairs"
    units: ClassVar[int] = 0
    activation: ClassVar[str] = ""
    sections: ClassVar[tuple[str, ...]] = (
        *("kernels", "blend", "learning", "pairs", "embedding", "neighbours", "mistakes"),
        "settings",
    )

    def check_labels(self, labels: np.ndarray, source: str) -> None:
        """Raise UserError when ``labels`` are not ``(rows,)``."""
        if np.asarray(labels).ndim != 1:
            raise UserError(f"{source}: expected a class for each picture")

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """Not of the task: each kernel has its own classes."""
        raise UserError("pairs of pictures have no targets: a kernel embeds pictures instead")

    def strata(self, labels: np.ndarray) -> np.ndarray:
        """The class of the picture."""
        return np.asarray(labels, np.int64)

    def loss(self, recipe: Any, labels: np.ndarray) -> Any:
        """Not of the task: each kernel has its own."""
        raise UserError("pairs of pictures have no loss: a kernel embeds pictures instead")
