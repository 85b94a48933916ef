"""The recipe of a head on other kernels' vectors."""

from dataclasses import dataclass
from typing import ClassVar

from common.recipes.embedding import VectorRecipe
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

    RANGES: ClassVar[dict[str, Range]] = {"hidden": (0, 65536), "dropout": (0, 0.99)}
