"""What the recipes of all trainings have in common, whatever they learn from."""

import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from common.errors import UserError
from common.recipe import nearest
from common.recipes.schedules import HIGHEST, learning_rate, parse_rates


class Range(NamedTuple):
    """The numbers that a field may have: ``width: Annotated[int, Range(1, 64)] = 8``."""

    lowest: float = 0
    highest: float = 1e12  # beyond it no arithmetic is certain


Count = Annotated[int, Range(1)]
Share = Annotated[float, Range(0, 1)]
CropShare = Annotated[float, Range(0.05, 1)]
Rate = Annotated[float, Range(0, HIGHEST)]


def check_batch(recipe: Any, replicas: int, pictures: int) -> None:
    """Raises UserError when a batch of all replicas is more than the pictures of train.

    A head that is fitted at once, by logistic regression, needs no batches.
    """
    batch = recipe.batch_size * replicas
    if batch > pictures and not getattr(recipe, "folds_together", False):
        raise UserError(
            f"a batch of {batch} is more than the {pictures} training examples: lower it with "
            f"--set batch_size={max(1, pictures // replicas)}"
        )


@dataclass(frozen=True)
class CheckedRecipe:
    """A recipe whose fields' types say their range (``Range``) or their choices (``Literal``)."""

    def __post_init__(self) -> None:
        """Check the fields. Raises UserError for the first that is not what its type says."""
        for name, kind in typing.get_type_hints(type(self), include_extras=True).items():
            value, known = getattr(self, name), typing.get_args(kind)
            if typing.get_origin(kind) is Literal and value not in known:
                raise UserError(f"setting {name}={value}: {nearest(str(value), known)}")
            if known and isinstance(known[-1], Range):
                _check_number(name, value, known[-1])
        self.validate()

    def validate(self) -> None:
        """Check which fields fit each other. Raises UserError for the first that do not."""


@dataclass(frozen=True)
class TrainingRecipe(CheckedRecipe):
    """How anything is trained; any field can be changed with ``--set FIELD=VALUE``.

    A recipe has the fields that do something for its kernel, and no others: a setting for a field
    that it has not is refused.

    Attributes:
        batch_size: pictures that one replica takes in a step.
        epochs: times that training sees every picture.
        schedule: of the learning rate (``common.recipes.schedules``).
        lr_rates: of ``piecewise``: from which epoch (from 0) on a rate is taken, ``0: 5e-4,
            4: 2e-4``, each multiplied by the number of replicas.
        lr_start, lr_max, lr_min, lr_ramp_epochs, lr_sustain_epochs, lr_decay, lr_patience: what
            the schedule is made of; ``lr_max`` is multiplied by the number of replicas, but for
            ``constant``.
        optimizer: its Keras name.
        ema: momentum of the moving average of the weights that predicts; 0 is none.
    """

    batch_size: Annotated[int, Range(1, 65_536)] = 16
    epochs: Annotated[int, Range(1, 9_999)] = 25
    schedule: Literal["ramp", "constant", "cosine", "step", "plateau", "piecewise"] = "ramp"
    lr_rates: str = ""
    lr_start: Rate = 1e-5
    lr_max: Rate = 5e-5
    lr_min: Rate = 1e-5
    lr_ramp_epochs: Annotated[int, Range(0, 9_999)] = 0
    lr_sustain_epochs: Annotated[int, Range(0, 9_999)] = 0
    lr_decay: Share = 0.8
    lr_patience: Count = 3
    optimizer: Literal["adam", "adamw", "nadam", "rmsprop", "sgd"] = "adam"
    ema: Annotated[float, Range(0, 0.9999)] = 0.0

    plateau_in_words: ClassVar[str] = "lower validation loss"  # what a plateau waits for

    def loss_in_words(self, loss: str) -> str:
        """What is minimised, where the task's own is ``loss``."""
        return loss

    def validate(self) -> None:
        """As CheckedRecipe's."""
        if self.schedule == "piecewise" or self.lr_rates:
            parse_rates(self.lr_rates)
        if self.schedule == "piecewise":
            return
        if not self.lr_max:
            raise UserError("setting lr_max=0: nothing would be learned")
        if self.lr_min > self.lr_max and self.schedule != "constant":
            raise UserError(f"settings lr_min={self.lr_min:g} lr_max={self.lr_max:g}: lower lr_min")

    def learning_rate(self, epoch: int, replicas: int, val_losses: Sequence[float] = ()) -> float:
        """The learning rate of ``epoch`` (from 0); a plateau asks the losses before it."""
        return learning_rate(self, epoch, replicas, val_losses)


def _check_number(name: str, value: object, allowed: Range) -> None:
    if not isinstance(value, int | float | None):
        raise UserError(f"setting {name}={value!r}: it must be a number")
    if value is not None and not allowed.lowest <= value <= allowed.highest:
        highest = format(allowed.highest, "," if isinstance(allowed.highest, int) else ".4g")
        bounds = f"from {allowed.lowest} to {highest}"
        if allowed.highest == Range().highest and value < allowed.lowest:
            bounds = f"at least {allowed.lowest}"
        raise UserError(f"setting {name}={str(value)[:40]}: it must be {bounds}")
