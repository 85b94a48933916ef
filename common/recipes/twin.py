"""The recipe of a twin network."""

from dataclasses import dataclass
from typing import Annotated

from common.errors import UserError
from common.recipes.classifier import ClassifierRecipe
from common.recipes.training import Range, Share

LEAST = 65  # pixels a side: of fewer nothing comes out of the tower's last convolution


@dataclass(frozen=True)
class TwinRecipe(ClassifierRecipe):
    """A ClassifierRecipe of pairs, whose two pictures go through one network.

    Attributes:
        grey: whether pictures are grey; only without a backbone.
        batchnorm: BatchNormalization after each convolution of the tower.
        dropouts: after the tower's first convolutions and their poolings, with commas; none are 0.
        l2: weight of the L2 penalty on the kernels of these convolutions.
    """

    backbone: str = ""
    weights: str | None = None
    image_size: Annotated[int, Range(8, 1024)] = 105
    crop_margin: Annotated[int, Range(0, 256)] = 0
    head_layers: str = "flatten, dense 4096 sigmoid"
    refit: bool = False
    grey: bool = True
    batchnorm: bool = True
    dropouts: str = ""
    l2: Share = 0.001

    @property
    def trains_on_features(self) -> bool:
        """As ClassifierRecipe's: what is trained is on two pictures' features."""
        return False

    @property
    def rates(self) -> tuple[float, float, float]:
        """The three dropouts. Raises UserError for more, and for what is none."""
        pieces = [piece.strip() for piece in self.dropouts.split(",") if piece.strip()]
        try:
            rates = [float(piece) for piece in pieces]
        except ValueError:
            rates = [1.0]
        if len(rates) > 3 or any(not 0 <= rate < 1 for rate in rates):
            raise UserError(
                f"setting dropouts={self.dropouts[:40]}: write up to three shares below 1 with "
                f"commas, such as 0.1, 0.8, 0.8"
            )
        first, second, third = [*rates, 0.0, 0.0, 0.0][:3]
        return first, second, third

    def validate(self) -> None:
        """As ClassifierRecipe's; pictures are large enough for the tower."""
        if self.head != "dense":
            raise UserError(f"setting head={self.head}: a twin's last layer is dense: leave it out")
        super().validate()
        _ = self.rates
        if not self.backbone and self.image_size < LEAST:
            raise UserError(
                f"setting image_size={self.image_size}: the twin's four convolutions need {LEAST} "
                f"pixels"
            )
