"""A comparison as plain data: ``SWEEPS`` of a competition's ``sweeps.py`` has those it makes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One row of a comparison.

    Attributes:
        settings: the recipe's fields that it changes, as ``--set`` does.
        model: its script; empty is the sweep's.
        published: what others report of it, by metric, e.g. ``{"accuracy": 0.7656}``.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    published: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sweep:
    """A comparison of recipes.

    Attributes:
        title: what is compared, for people.
        model: the script that its cells train.
        cells: by name; the first one is the base, which the others are compared with.
        seeds: how often each cell is trained, each time with another seed.
        source: who has published the comparison.
    """

    title: str
    model: str
    cells: Mapping[str, Cell]
    seeds: int = 1
    source: str = ""

    @property
    def models(self) -> list[str]:
        """Return the script of each cell."""
        return [cell.model or self.model for cell in self.cells.values()]
