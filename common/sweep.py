"""A comparison as plain data: ``SWEEPS`` of a competition's ``sweeps.py`` has those it makes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LOSS = "loss"  # the log loss and the penalties on weights that a training adds to it


@dataclass(frozen=True)
class Cell:
    """One row of a comparison.

    Attributes:
        settings: the recipe's fields that it changes, as ``--set`` does.
        model: its script; empty is the sweep's.
        published: what others report of it, by metric, e.g. ``{"accuracy": 0.7656}``, or ``loss``
            with its penalties, as Keras prints it.
        published_test: the same of test, where the sweep measures it.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    published: Mapping[str, float] = field(default_factory=dict)
    published_test: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sweep:
    """A comparison of recipes.

    Attributes:
        title: what is compared, for people.
        model: the script that its cells train.
        cells: by name; the first one is the base, which the others are compared with.
        seeds: how often each cell is trained, each time with another seed.
        source: who has published the comparison.
        test: whether test is measured too, because a publication states it; nothing is chosen by
            it.
    """

    title: str
    model: str
    cells: Mapping[str, Cell]
    seeds: int = 1
    source: str = ""
    test: bool = False

    @property
    def models(self) -> list[str]:
        """Return the script of each cell."""
        return [cell.model or self.model for cell in self.cells.values()]
