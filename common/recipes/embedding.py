"""The recipes of embeddings, whose pairs are compared: of pictures, and of other vectors."""

from dataclasses import dataclass
from typing import ClassVar

from common.errors import UserError
from common.recipes.image import ImageRecipe
from common.recipes.training import Range, TrainingRecipe

METRIC_LOSSES = ("triplet", "contrastive")
MARGIN_LOSSES = ("arcface", "cosface")
LOSSES = (*METRIC_LOSSES, *MARGIN_LOSSES, "softmax")


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

    loss: str = "triplet"
    distance: str = "euclidean"
    miner: str = "batch-hard"
    margin: float | None = 0.2
    scale: float = 30.0
    embedding: int = 64
    pictures_per_class: int = 4
    batches_per_epoch: int | None = None
    patience: int = 0

    RANGES: ClassVar[dict[str, Range]] = {
        "margin": (0, 100),
        "scale": (1e-3, 1e3),
        "embedding": (2, 4096),
        "pictures_per_class": (0, 64),
        "batches_per_epoch": (1, float("inf")),
        "patience": (0, float("inf")),
    }
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {
        "loss": LOSSES,
        "distance": ("euclidean", "squared", "cosine"),
        "miner": ("batch-hard", "batch-all", "semi-hard"),
    }
    plateau_in_words: ClassVar[str] = "higher AUC of validation's pairs"

    @property
    def loss_in_words(self) -> str:
        """The loss in words."""
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
