"""The recipe of an embedding of pictures, whose pairs are compared."""

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
            (``common.networks.embedding_losses``), ``arcface`` or ``cosface`` tell the classes with
            a margin (``common.networks.margins``), ``softmax`` tells them without.
        distance, miner: of the first two, by their names in ``common.networks.embedding_losses``.
        margin: of all but ``softmax``; none is the soft margin of triplets.
        scale: of the cosines, with a margin of classes.
        embedding: numbers a picture.
        pictures_per_class: K, of the classes that a batch holds; 0 takes pictures as they come.
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
        **TrainingRecipe.RANGES,
        "margin": (0, 100),
        "scale": (1e-3, 1e3),
        "embedding": (2, 4096),
        "pictures_per_class": (0, 64),
        "batches_per_epoch": (1, float("inf")),
        "patience": (0, float("inf")),
    }
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {
        **TrainingRecipe.CHOICES,
        "loss": LOSSES,
        "distance": ("euclidean", "squared", "cosine"),
        "miner": ("batch-hard", "batch-all", "semi-hard"),
    }

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

    @property
    def plateau_in_words(self) -> str:
        """What a plateau waits for, in words."""
        return "higher AUC of validation's pairs"

    def validate(self) -> None:
        """Fields that do not fit each other. Raises UserError for the first."""
        kept = self.pictures_per_class
        compared = self.loss in METRIC_LOSSES
        if (compared or kept) and (kept < 2 or self.batch_size % kept):
            otherwise = "" if compared else ", or 0 for pictures as they come"
            raise UserError(
                f"settings loss={self.loss} batch_size={self.batch_size} "
                f"pictures_per_class={kept}: a batch is of whole classes, 2 pictures or more "
                f"each{otherwise}"
            )
        if self.margin is None and self.loss not in ("triplet", "softmax"):
            raise UserError(f"setting margin=none: loss={self.loss} needs a number")
        super().validate()


@dataclass(frozen=True)
class EmbeddingRecipe(ImageRecipe, VectorRecipe):
    """How a network is trained that gives vectors of pictures."""

    RANGES: ClassVar[dict[str, Range]] = {**ImageRecipe.RANGES, **VectorRecipe.RANGES}
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {
        **ImageRecipe.CHOICES,
        **VectorRecipe.CHOICES,
    }
