"""What the recipes of all networks that see pictures have in common."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from common.errors import UserError
from common.recipe import nearest
from common.recipes.schedules import learning_rate

Range = tuple[float, float]
_ANY = (0, math.inf)
_RATES = (0, 10)  # a rate above it is a slip


def check_batch(batch_size: int, replicas: int, pictures: int) -> None:
    """Raises UserError when a batch of all replicas is more than the pictures of train."""
    batch = batch_size * replicas
    if batch > pictures:
        raise UserError(
            f"a batch of {batch} is more than the {pictures} training pictures: lower it with "
            f"--set batch_size={max(1, pictures // replicas)}"
        )


@dataclass(frozen=True)
class ImageRecipe:
    """How a network is trained on pictures; any field can be changed with ``--set FIELD=VALUE``.

    Attributes:
        backbone: the network, by its name in ``common.networks.backbones``; empty for the script's
            own.
        image_size: side of the square that the network sees, pixels.
        crop_margin: pictures are resized to ``image_size + crop_margin``, then cropped.
        batch_size: a replica.
        epochs: of training.
        schedule: of the learning rate (``common.recipes.schedules``): ``ramp``, ``constant``,
            ``cosine``, ``step`` or ``plateau``.
        lr_start, lr_max, lr_min, lr_ramp_epochs, lr_sustain_epochs, lr_decay, lr_patience: what
            it is drawn with; ``lr_max`` is multiplied by the number of replicas, but for
            ``constant``.
        rot90_probability: of each of one, two and three quarters.
        horizontal_flip: the probability of mirroring left to right.
        vertical_flip: likewise, top to bottom.
        transpose_probability: of exchanging rows and columns.
        rotation: to either side at most, degrees.
        zoom: in or out at most, a share of the picture; ``shift`` likewise, ``shear`` radians.
        colour_jitter: strength of the changes of brightness, contrast and saturation; 0 is none.
        optimizer: its Keras name.
        ema: momentum of the moving average of the weights that predicts; 0 is none.
        weights: pretrained weights of the backbone, or none.
        freeze_backbone: train the head alone.
        batchnorm_momentum: of every BatchNormalization layer; none keeps the network's own.
        tta: views of each picture that a prediction is averaged over.
        cache: where decoded pictures are kept after the first epoch: ``memory``, ``disk``,
            ``none``, or ``auto`` (memory when they fit).
        miniature: a small network of the same family.
        total_parameters, trainable_parameters: of the full-size network; 0 is not checked.
    """

    backbone: str = ""
    image_size: int = 256
    crop_margin: int = 0
    batch_size: int = 16
    epochs: int = 25
    schedule: str = "ramp"
    lr_start: float = 1e-5
    lr_max: float = 5e-5
    lr_min: float = 1e-5
    lr_ramp_epochs: int = 5
    lr_sustain_epochs: int = 0
    lr_decay: float = 0.8
    lr_patience: int = 3
    rot90_probability: float = 0.0
    horizontal_flip: float = 0.0
    vertical_flip: float = 0.0
    transpose_probability: float = 0.0
    rotation: float = 0.0
    zoom: float = 0.0
    shift: float = 0.0
    shear: float = 0.0
    colour_jitter: float = 0.0
    optimizer: str = "adam"
    ema: float = 0.0
    weights: str | None = None
    freeze_backbone: bool = False
    batchnorm_momentum: float | None = None
    tta: int = 1
    cache: str = "auto"
    miniature: bool = False
    total_parameters: int = 0
    trainable_parameters: int = 0

    RANGES: ClassVar[dict[str, Range]] = {
        "image_size": (8, 1024),
        "crop_margin": (0, 256),
        "batch_size": (1, math.inf),
        "epochs": (1, math.inf),
        "lr_start": _RATES,
        "lr_max": _RATES,
        "lr_min": _RATES,
        "lr_patience": (1, math.inf),
        "lr_ramp_epochs": _ANY,
        "lr_sustain_epochs": _ANY,
        "lr_decay": (0, 1),
        "colour_jitter": (0, 1),
        "batchnorm_momentum": (0, 1),
        "horizontal_flip": (0, 1),
        "vertical_flip": (0, 1),
        "transpose_probability": (0, 1),
        "rot90_probability": (0, 1 / 3),  # each of three turns has it
        "rotation": (0, 180),
        "zoom": (0, 0.9),
        "shift": (0, 0.9),
        "shear": (0, 1),
        "ema": (0, 0.9999),
        "tta": (1, 16),
        "total_parameters": _ANY,
        "trainable_parameters": _ANY,
    }
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {
        "optimizer": ("adam", "adamw", "nadam", "rmsprop", "sgd"),
        "schedule": ("ramp", "constant", "cosine", "step", "plateau"),
        "cache": ("auto", "memory", "disk", "none"),
    }

    def __post_init__(self) -> None:
        """Hold the fields in their ranges. Raises UserError for the first that is not."""
        for name, (lowest, highest) in self.RANGES.items():
            value = getattr(self, name)
            if value is not None and not lowest <= value <= highest:
                least = f"at least {lowest}"
                bounds = least if highest == math.inf else f"from {lowest} to {highest:.4g}"
                raise UserError(f"setting {name}={value}: it must be {bounds}")
        for name, known in self.CHOICES.items():
            if getattr(self, name) not in known:
                hint = nearest(str(getattr(self, name)), known)
                raise UserError(f"setting {name}={getattr(self, name)}: {hint}")
        self.hold_together()

    @property
    def told_loss(self) -> str:
        """The loss in words."""
        return "the script's own"

    @property
    def told_judged(self) -> str:
        """What a plateau waits for, in words."""
        return "lower validation loss"

    def hold_together(self) -> None:
        """Fields that do not fit each other. Raises UserError for the first."""
        if not self.lr_max:
            raise UserError("setting lr_max=0: nothing would be learned")
        if self.lr_min > self.lr_max and self.schedule != "constant":
            raise UserError(f"settings lr_min={self.lr_min:g} lr_max={self.lr_max:g}: lower lr_min")
        if self.tta > 8 and not self.crop_margin:
            raise UserError(f"setting tta={self.tta}: without a crop_margin there are 8 views")

    def learning_rate(self, epoch: int, replicas: int, val_losses: Sequence[float] = ()) -> float:
        """The learning rate of ``epoch`` (from 0); a plateau asks the losses before it."""
        return learning_rate(self, epoch, replicas, val_losses)
