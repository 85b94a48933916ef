"""What a classifier kernel is: its recipe, and what is its own. Imports neither Keras nor data."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.accelerator import KNOWN
from common.competition import Competition
from common.errors import UserError
from common.parameters import Parameters
from common.recipe import nearest, override
from common.schedules import learning_rate
from common.tfrecords import Records

# Lowest and highest of the fields that have them.
_RANGES: tuple[tuple[tuple[str, ...], float, float], ...] = (
    (("image_size",), 8, 1024),
    (("crop_margin",), 0, 256),
    (("batch_size", "epochs", "lr_patience"), 1, math.inf),
    (("lr_start", "lr_max", "lr_min"), 0, math.inf),
    (("total_parameters", "trainable_parameters"), 0, math.inf),
    (("lr_decay", "colour_jitter"), 0, 1),
    (("lr_ramp_epochs", "lr_sustain_epochs", "refit_epochs"), 0, math.inf),
    (("batchnorm_momentum", "flip_probability", "transpose_probability"), 0, 1),
    (("rot90_probability",), 0, 1 / 3),  # each of three turns has it
    (("mixup", "cutmix", "logit_adjustment"), 0, 10),
    (("label_smoothing", "ema"), 0, 0.9999),
    (("tta",), 1, 16),
    (("folds",), 0, 20),
    (("fold",), 0, 19),
)
_CHOICES = {
    "optimizer": ("adam", "adamw", "nadam", "rmsprop", "sgd"),
    "schedule": ("ramp", "constant", "cosine", "step", "plateau"),
    "class_weight": ("none", "balanced"),
    "cache": ("auto", "memory", "disk", "none"),
}


@dataclass(frozen=True)
class ClassifierRecipe:
    """How a classifier is trained; any field can be changed with ``--set FIELD=VALUE``.

    Attributes:
        backbone: the network, by its name in ``common.backbones``.
        image_size: side of the square that the network sees, pixels.
        crop_margin: pictures are resized to ``image_size + crop_margin``, then cropped.
        batch_size: a replica.
        epochs: of training.
        schedule: of the learning rate (``common.schedules``): ``ramp``, ``constant``, ``cosine``,
            ``step`` or ``plateau``.
        lr_start, lr_max, lr_min, lr_ramp_epochs, lr_sustain_epochs, lr_decay, lr_patience: what
            it is drawn with; ``lr_max`` is multiplied by the number of replicas, but for
            ``constant``.
        rot90_probability: of each of one, two and three quarters.
        flip_probability: of each of the two flips.
        transpose_probability: of exchanging rows and columns.
        colour_jitter: strength of the changes of brightness, contrast and saturation; 0 is none.
        mixup, cutmix: alpha of the Beta distribution that mixes pairs of pictures; 0 is none.
            With both, each batch is mixed one way or the other.
        label_smoothing: share of a label that is spread over all classes.
        class_weight: ``balanced`` weighs a picture by how rare its class is.
        logit_adjustment: tau, the share of the classes' log-frequencies that is added to the
            logits while training.
        optimizer: its Keras name.
        ema: momentum of the moving average of the weights that predicts; 0 is none.
        weights: pretrained weights of the backbone, or none.
        freeze_backbone: train the head alone.
        batchnorm_momentum: of every BatchNormalization layer; none keeps the network's own.
        refit: train again on train + validation for the test predictions.
        refit_fresh: with a new model; otherwise the trained one is trained on.
        refit_epochs: of the refit; none takes ``epochs``.
        folds, fold: with folds, train + validation are split into ``folds`` stratified parts;
            part ``fold`` (from 0) is validation, the others are trained on, without a refit.
        tta: views of each picture that a prediction is averaged over.
        cache: where decoded pictures are kept after the first epoch: ``memory``, ``disk``,
            ``none``, or ``auto`` (memory when they fit).
        miniature: a small network of the same family.
        total_parameters, trainable_parameters: of the full-size network; 0 is not checked.
    """

    backbone: str = "DenseNet201"
    image_size: int = 331
    crop_margin: int = 30
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
    rot90_probability: float = 0.2
    flip_probability: float = 0.5
    transpose_probability: float = 0.25
    colour_jitter: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    label_smoothing: float = 0.0
    class_weight: str = "none"
    logit_adjustment: float = 0.0
    optimizer: str = "adam"
    ema: float = 0.0
    weights: str | None = "imagenet"
    freeze_backbone: bool = False
    batchnorm_momentum: float | None = None
    refit: bool = True
    refit_fresh: bool = True
    refit_epochs: int | None = None
    folds: int = 0
    fold: int = 0
    tta: int = 1
    cache: str = "auto"
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
        self._hold_together()

    def _hold_together(self) -> None:
        """Fields that do not fit each other. Raises UserError for the first."""
        if self.folds == 1 or self.fold >= max(1, self.folds):
            raise UserError(
                f"settings folds={self.folds} fold={self.fold}: folds are 2 or more (0 for none), "
                f"and a fold is one of 0 to folds - 1"
            )
        if not self.lr_max:
            raise UserError("setting lr_max=0: nothing would be learned")
        if self.lr_min > self.lr_max and self.schedule != "constant":
            raise UserError(f"settings lr_min={self.lr_min:g} lr_max={self.lr_max:g}: lower lr_min")
        if self.tta > 8 and not self.crop_margin:
            raise UserError(f"setting tta={self.tta}: without a crop_margin there are 8 views")

    def learning_rate(self, epoch: int, replicas: int, val_losses: Sequence[float] = ()) -> float:
        """The learning rate of ``epoch`` (from 0); a plateau asks the losses before it."""
        return learning_rate(self, epoch, replicas, val_losses)


@dataclass(frozen=True)
class ClassifierKernel:
    """What is one kernel's own: its competition and data, its network, its recipe.

    Attributes:
        competition: the facts.
        load: ``(image_size, parameters) -> (train, validation, test)`` records.
        build_model: ``(weights, recipe) -> keras.Model`` from pictures as they are decoded,
            ``(batch, image_size, image_size, 3)`` in 0..255, to probabilities
            ``(batch, classes)`` float32.
        recipe: at full size, as published.
        best: the recipe's fields that differ in ours.
        dry_run: the recipe's fields that differ in a dry run.
        accelerators: what it can run on, the best first.
        hours: what a session with the recipe as it stands takes, by accelerator (``common.hours``).
    """

    competition: Competition
    load: Callable[[int, Parameters], tuple[Records, Records, Records]]
    build_model: Callable[[str | None, ClassifierRecipe], Any]
    recipe: ClassifierRecipe
    dry_run: Mapping[str, Any]
    best: Mapping[str, Any] = field(default_factory=dict)
    accelerators: tuple[str, ...] = KNOWN
    hours: Mapping[str, float] = field(default_factory=dict)


def chosen_recipe(
    recipe: ClassifierRecipe,
    best: Mapping[str, Any],
    dry_run: Mapping[str, Any],
    parameters: Parameters,
) -> ClassifierRecipe:
    """The recipe of this run: ours or the published one, the dry run's settings, the user's."""
    if parameters.recipe == "best":
        recipe = override(recipe, best)
    if parameters.dry_run:
        recipe = override(recipe, dry_run)
    return override(recipe, parameters.settings)
