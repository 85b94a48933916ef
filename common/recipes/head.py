"""What a kernel is that trains a head on other kernels' vectors: recipe, and what is its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from common.accelerator import KNOWN
from common.competition import Competition
from common.recipes.embedding import EmbeddingKernel, VectorRecipe
from common.recipes.training import Range


@dataclass(frozen=True)
class HeadRecipe(VectorRecipe):
    """A VectorRecipe with the head's own layers; it sees no pictures and has no field for them.

    Attributes:
        hidden: units of the dense layer before the last; 0 is none.
        dropout: before each dense layer.
    """

    hidden: int = 256
    dropout: float = 0.5

    RANGES: ClassVar[dict[str, Range]] = {
        **VectorRecipe.RANGES,
        "hidden": (0, 65536),
        "dropout": (0, 0.99),
    }


@dataclass(frozen=True)
class HeadKernel:
    """What is one kernel's own that trains a head.

    Attributes:
        competition: the facts.
        below: gives the networks whose vectors it reads, as many as their recipe has ``parts``;
            asked only where all scripts are, to describe them.
        recipe: at full size, as published.
        dry_run: the recipe's fields that differ in a dry run.
        best: the recipe's fields that differ in ours.
        accelerators: what it can run on, the best first.
        classes: of the competition's whole train.
        others: its sources that are no networks for the head.
    """

    competition: Competition
    below: Callable[[], EmbeddingKernel]
    recipe: HeadRecipe
    dry_run: Mapping[str, Any]
    best: Mapping[str, Any] = field(default_factory=dict)
    accelerators: tuple[str, ...] = KNOWN
    classes: int = 0
    others: tuple[str, ...] = ()
