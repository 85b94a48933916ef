"""The recipe of a head on other kernels' vectors."""

from dataclasses import dataclass
from typing import ClassVar

from common.recipes.embedding import EmbeddingRecipe
from common.recipes.image import Range


@dataclass(frozen=True)
class HeadRecipe(EmbeddingRecipe):
    """An EmbeddingRecipe, of which what is said of pictures does not count, with the head's own.

    Attributes:
        hidden: units of the dense layer before the last; 0 is none.
        dropout: before each dense layer.
    """

    image_size: int = 0
    hidden: int = 256
    dropout: float = 0.5

    RANGES: ClassVar[dict[str, Range]] = {
        **EmbeddingRecipe.RANGES,
        "image_size": (0, 1024),  # a setting for all may reach it
        "hidden": (0, 65536),
        "dropout": (0, 0.99),
    }
