"""What a classifier kernel is: its recipe, and what is its own. Imports neither Keras nor data."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.accelerator import KNOWN
from common.competition import Competition
from common.errors import UserError
from common.parameters import Parameters
from common.recipe import nearest, override
from common.schedules import ramp_sustain_decay
from common.tfrecords import Records

# Lowest and highest of the fields that have them.
_RANGES: tuple[tuple[tuple[str, ...], float, float], ...] = (
    (("image_size",), 8, 1024),
    (("crop_margin",), 0, 256),
    (("batch_size", "epochs", "shuffle_buffer"), 1, math.inf),
    (("lr_start", "lr_max", "lr_min", "lr_decay", "lr_constant"), 0, math.inf),
    (("lr_ramp_epochs", "lr_sustain_epochs", "refit_epochs"), 0, math.inf),
    (("batchnorm_momentum", "flip_probability", "transpose_probability"), 0, 1),
    (("rot90_probability",), 0, 1 / 3),  # each of three turns has it
)
_CHOICES = {
    "optimizer": ("adam", "adamw", "nadam", "rmsprop", "sgd"),
    "preprocessing": ("torch", "tf"),
}


@dataclass(frozen=True)
class ClassifierRecipe:
    """How a classifier is trained; any field can be changed with ``--set FIELD=VALUE``.

    Attributes:
        image_size: side of the square that the network sees, pixels.
        crop_margin: pictures are resized to ``image_size + crop_margin``, then cropped.
        batch_size: a replica.
        epochs: of training.
        lr_start, lr_max, lr_min, lr_ramp_epochs, lr_sustain_epochs, lr_decay: the schedule
            (``common.schedules``); ``lr_max`` is multiplied by the number of replicas.
        lr_constant: a fixed learning rate in place of the schedule.
        rot90_probability: of each of one, two and three quarters.
        flip_probability: of each of the two flips.
        transpose_probability: of exchanging rows and columns.
        optimizer: its Keras name.
        weights: pretrained weights of the backbone, or none.
        freeze_backbone: train the head alone.
        preprocessing: what the pretrained weights expect (``common.augment.preprocess``).
        batchnorm_momentum: of every BatchNormalization layer; none keeps the network's own.
        refit: train again on train + validation for the test predictions.
        refit_fresh: with a new model; otherwise the trained one is trained on.
        refit_epochs: of the refit; none takes ``epochs``.
        cache: decode all pictures once and keep them in memory.
        shuffle_buffer: pictures to draw the next one from.
        miniature: a small network of the same family.
        total_parameters, trainable_parameters: of the full-size network; 0 is not checked.
    """

    image_size: int = 331
    crop_margin: int = 30
    batch_size: int = 16
    epochs: int = 25
    lr_start: float = 1e-5
    lr_max: float = 5e-5
    lr_min: float = 1e-5
    lr_ramp_epochs: int = 5
    lr_sustain_epochs: int = 0
    lr_decay: float = 0.8
    lr_constant: float | None = None
    rot90_probability: float = 0.2
    flip_probability: float = 0.5
    transpose_probability: float = 0.25
    optimizer: str = "adam"
    weights: str | None = "imagenet"
    freeze_backbone: bool = False
    preprocessing: str = "torch"
    batchnorm_momentum: float | None = None
    refit: bool = True
    refit_fresh: bool = True
    refit_epochs: int | None = None
    cache: bool = False
    shuffle_buffer: int = 2048
    miniature: bool = False
    total_parameters: int = 0
    trainable_parameters: int = 0

    def __post_init__(self) -> None:
        """Hold the fields in their ranges. Raises UserError for the first that is not."""
        for names, lowest, highest in _RANGES:
            for name in names:
                value = getattr(self, name)
                if value is not None and not lowest <= value <= highest:
                    bounds = (
                        f"at least {lowest}"
                        if highest == math.inf
                        else (f"from {lowest} to {highest:.4g}")
                    )
                    raise UserError(f"setting {name}={value}: it must be {bounds}")
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                hint = nearest(str(getattr(self, name)), known)
                raise UserError(f"setting {name}={getattr(self, name)}: {hint}")

    def learning_rate(self, epoch: int, replicas: int) -> float:
        """The learning rate of ``epoch`` (from 0)."""
        if self.lr_constant is not None:
            return self.lr_constant
        return ramp_sustain_decay(
            epoch,
            self.lr_start,
            self.lr_max * replicas,
            self.lr_min,
            self.lr_ramp_epochs,
            self.lr_sustain_epochs,
            self.lr_decay,
        )


@dataclass(frozen=True)
class ClassifierKernel:
    """What is one kernel's own: its competition and data, its network, its recipe.

    Attributes:
        competition: the facts.
        load: ``(image_size, parameters) -> (train, validation, test)`` records.
        build_model: ``(weights, recipe) -> keras.Model`` from preprocessed float32 pictures
            ``(batch, image_size, image_size, 3)`` to probabilities ``(batch, classes)``.
        recipe: at full size.
        dry_run: the recipe's fields that differ in a dry run.
        weights_files: the standard file name of each kind of weights.
        accelerators: what it can run on, the best first.
        packages: what it needs beside Kaggle's image, name → version.
    """

    competition: Competition
    load: Callable[[int, Parameters], tuple[Records, Records, Records]]
    build_model: Callable[[str | None, ClassifierRecipe], Any]
    recipe: ClassifierRecipe
    dry_run: Mapping[str, Any]
    weights_files: Mapping[str, str]
    accelerators: tuple[str, ...] = KNOWN
    packages: Mapping[str, str] = field(default_factory=dict)


def chosen_recipe(
    recipe: ClassifierRecipe, dry_run: Mapping[str, Any], parameters: Parameters
) -> ClassifierRecipe:
    """The recipe of this run: the dry run's settings first, then the user's."""
    small = override(recipe, dry_run) if parameters.dry_run else recipe
    return override(small, parameters.settings)
