"""The recipe of a model that can be trained as several networks, averaged into one member."""

from dataclasses import dataclass
from typing import ClassVar

from common.errors import UserError
from common.recipes.embedding import EmbeddingRecipe
from common.recipes.training import Range


@dataclass(frozen=True)
class NetworksRecipe(EmbeddingRecipe):
    """An EmbeddingRecipe for one of several networks, alike but for their seed.

    The ensemble makes one member of them (``common.pairs.networks``).

    Attributes:
        networks: each a kernel; 0 and 1 are one network.
        network: which of them this is, from 0; its seed is the run's and this number.
    """

    networks: int = 0
    network: int = 0

    RANGES: ClassVar[dict[str, Range]] = {"networks": (0, 100), "network": (0, 99)}

    def validate(self) -> None:
        """As TrainingRecipe's; a network is one of several."""
        if self.network >= max(1, self.networks):
            raise UserError(
                f"settings networks={self.networks} network={self.network}: they count from 0"
            )
        super().validate()
