"""The recipe of a twin network that is chosen by one-shot trials."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from common.errors import UserError
from common.recipes.training import Count, Range, Share
from common.recipes.twin import TwinRecipe

_MOST = 1000.0  # times the rate


@dataclass(frozen=True)
class OneShotRecipe(TwinRecipe):
    """A TwinRecipe as Koch et al. (2015) train theirs; epochs are compared by one-shot trials.

    Attributes:
        momentum: of ``sgd``, at the end of its rise; 0 is none.
        momentum_start: in the first epoch.
        momentum_epochs: until ``momentum`` is reached, as far from epoch to epoch.
        lr_factors: of ``sgd``, times which the layers with weights learn, in their order, with
            commas; later layers have the last one.
        initialisation: of the weights: Keras's own, or ``koch``: normal with a deviation of 0.01,
            of dense layers 0.2, and biases about 0.5.
    """

    momentum: Share = 0.0
    momentum_start: Share = 0.5
    momentum_epochs: Count = 1
    lr_factors: str = "1"
    initialisation: Literal["keras", "koch"] = "keras"
    patience: Annotated[int, Range()] = 20

    plateau_in_words: ClassVar[str] = "higher one-shot accuracy of validation"

    @property
    def factors(self) -> tuple[float, ...]:
        """The layers' factors. Raises UserError for what is none."""
        try:
            found = tuple(float(piece) for piece in self.lr_factors.split(","))
        except ValueError:
            found = (-1.0,)
        if any(not 0 <= factor <= _MOST for factor in found):
            raise UserError(
                f"setting lr_factors={self.lr_factors[:40]}: write numbers from 0 to {_MOST:g} "
                f"with commas, such as 1, 1, 1, 1, 0.1"
            )
        return found

    @property
    def is_layerwise(self) -> bool:
        """Whether the optimizer is ``common.networks.layerwise_sgd``."""
        return bool(self.momentum) or self.factors != (1.0,)

    def momentum_at(self, epoch: int) -> float:
        """Return the momentum of ``epoch`` (from 0)."""
        start = min(self.momentum_start, self.momentum)
        return start + (self.momentum - start) * min(1.0, epoch / self.momentum_epochs)

    def validate(self) -> None:
        """As TwinRecipe's; momentum and factors are of ``sgd``, and validation is never learnt."""
        super().validate()
        for name, only in (("folds", 0), ("split", "given"), ("refit", False)):
            if getattr(self, name) != only:
                raise UserError(
                    f"setting {name}={getattr(self, name)}: one-shot trials are of validation's "
                    f"characters, which nothing may learn: leave it out"
                )
        if self.is_layerwise and self.optimizer != "sgd":
            raise UserError(
                f"setting optimizer={self.optimizer}: momentum and lr_factors are of sgd: write "
                f"momentum=0 and lr_factors=1, too"
            )
