"""The recipes of embeddings, whose pairs are compared: of pictures, and of other vectors."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from common.errors import UserError
from common.recipes.image import ImageRecipe
from common.recipes.training import Range, TrainingRecipe

METRIC_LOSSES = ("triplet", "contrastive")
MARGIN_LOSSES = ("arcface", "cosface")
Loss = Literal["triplet", "contrastive", "arcface", "cosface", "softmax"]
LOSSES: tuple[str, ...] = get_args(Loss)


@dataclass(frozen=True)
class VectorRecipe(TrainingRecipe):
    """A TrainingRecipe of what gives vectors, whether it sees pictures or other vectors.

    Attributes:
        loss: ``triplet`` or ``contrastive`` compare the pictures of a batch
            (``common.networks.losses``), ``arcface`` or ``cosface`` predict the classes
            with a margin, ``softmax`` without one.
        distance, miner: of the first two, by their names in ``common.networks.losses``.
        margin: of all but ``softmax``; none is the soft margin of triplets.
        scale: of the cosines, with a margin of classes.
        embedding: numbers a picture.
        pictures_per_class: K, of each class in a batch; 0 takes pictures as they come.
        batches_per_epoch: none takes as many as show every picture about once. Without
            ``pictures_per_class`` an epoch shows each once at most.
        patience: epochs without a better AUC on validation after which training ends, with the
            weights of the best one; 0 trains to the end.
    """

    loss: Loss = "triplet"
    distance: Literal["euclidean", "squared", "cosine"] = "euclidean"
    miner: Literal["batch-hard", "batch-all", "semi-hard"] = "batch-hard"
    margin: Annotated[float | None, Range(0, 100)] = 0.2
    scale: Annotated[float, Range(1e-3, 1e3)] = 30.0
    embedding: Annotated[int, Range(2, 4096)] = 64
    pictures_per_class: Annotated[int, Range(0, 64)] = 4
    batches_per_epoch: Annotated[int | None, Range(1)] = None
    patience: Annotated[int, Range()] = 0

    plateau_in_words: ClassVar[str] = "higher AUC of validation's pairs"

    def loss_in_words(self, loss: str = "") -> str:
        """As TrainingRecipe's; it is the recipe's own."""
        margin = "soft margin" if self.margin is None else f"margin {self.margin:g}"
        if self.loss == "softmax":
            return "cross-entropy"
        if self.loss in MARGIN_LOSSES:
            return f"{self.loss}, {margin}, scale {self.scale:g}"
        mined = f", {self.miner}" if self.loss == "triplet" else ""
        groups = self.batch_size // self.pictures_per_class
        of = f"batches of {groups} classes x {self.pictures_per_class}"
        return f"{self.loss}, {self.distance} distance{mined}, {margin}, {of}"

    def validate(self) -> None:
        """As TrainingRecipe's; a batch that is compared is of whole classes."""
        each, compared = self.pictures_per_class, self.loss in METRIC_LOSSES
        if (compared or each) and (each < 2 or self.batch_size % each):
            otherwise = "" if compared else ", or 0 for pictures as they come"
            raise UserError(
                f"settings loss={self.loss} batch_size={self.batch_size} "
                f"pictures_per_class={each}: a batch is of whole classes, 2 pictures or more "
                f"each{otherwise}"
            )
        if self.margin is None and self.loss not in ("triplet", "softmax"):
            raise UserError(f"setting margin=none: loss={self.loss} needs a number")
        if self.loss in MARGIN_LOSSES and (self.margin or 0) >= 1.5:
            raise UserError(f"setting margin={self.margin:g}: {self.loss} takes less than 1.5")
        super().validate()


@dataclass(frozen=True)
class EmbeddingRecipe(ImageRecipe, VectorRecipe):
    """How a network is trained that gives vectors of pictures."""


@dataclass(frozen=True)
class NetworksRecipe(EmbeddingRecipe):
    """An EmbeddingRecipe for one of several networks, alike but for their seed.

    The ensemble makes one member of them (``common.blending.members``).

    Attributes:
        networks: each a kernel; 0 and 1 are one network.
        network: which of them this is, from 0; its seed is the run's and this number.
    """

    networks: Annotated[int, Range(0, 100)] = 0
    network: Annotated[int, Range(0, 99)] = 0

    def validate(self) -> None:
        """As TrainingRecipe's; a network is one of several."""
        if self.network >= max(1, self.networks):
            raise UserError(
                f"settings networks={self.networks} network={self.network}: they count from 0"
            )
        super().validate()


@dataclass(frozen=True)
class HeadRecipe(VectorRecipe):
    """A VectorRecipe of a head on other kernels' vectors; it has no field for pictures.

    Attributes:
        hidden: units of the dense layer before the last; 0 is none.
        dropout: before each dense layer.
    """

    hidden: Annotated[int, Range(0, 65536)] = 256
    dropout: Annotated[float, Range(0, 0.99)] = 0.5
