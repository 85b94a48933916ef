"""What the recipes of all trainings have in common, whatever they learn from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from common.errors import UserError
from common.recipe import nearest
from common.recipes.schedules import learning_rate

Range = tuple[float, float]
ANY = (0, math.inf)
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
class TrainingRecipe:
    """How anything is trained; any field can be changed with ``--set FIELD=VALUE``.

    A recipe has the fields that do something for its kernel, and no others: a setting for a field
    that it has not is refused. A subclass adds the RANGES and CHOICES of its own fields.

    Attributes:
        batch_size: pictures that one replica takes in a step.
        epochs: times that training sees every picture.
        schedule: of the learning rate (``common.recipes.schedules``): ``ramp``, ``constant``,
            ``cosine``, ``step`` or ``plateau``.
        lr_start, lr_max, lr_min, lr_ramp_epochs, lr_sustain_epochs, lr_decay, lr_patience: what
            the schedule is made of; ``lr_max`` is multiplied by the number of replicas, but for
            ``constant``.
        optimizer: its Keras name.
        ema: momentum of the moving average of the weights that predicts; 0 is none.
    """

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
    optimizer: str = "adam"
    ema: float = 0.0

    RANGES: ClassVar[dict[str, Range]] = {
        "batch_size": (1, math.inf),
        "epochs": (1, math.inf),
        "lr_start": _RATES,
        "lr_max": _RATES,
        "lr_min": _RATES,
        "lr_patience": (1, math.inf),
        "lr_ramp_epochs": ANY,
        "lr_sustain_epochs": ANY,
        "lr_decay": (0, 1),
        "ema": (0, 0.9999),
    }
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {
        "optimizer": ("adam", "adamw", "nadam", "rmsprop", "sgd"),
        "schedule": ("ramp", "constant", "cosine", "step", "plateau"),
    }
    plateau_in_words: ClassVar[str] = "lower validation loss"  # what a plateau waits for

    def __post_init__(self) -> None:
        """Check the fields. Raises UserError for the first that is out of its range."""
        for name, (lowest, highest) in self._of_all_classes("RANGES").items():
            value = getattr(self, name)
            if not isinstance(value, int | float | None):
                raise UserError(f"setting {name}={value!r}: it must be a number")
            if value is not None and not lowest <= value <= highest:
                least = f"at least {lowest}"
                bounds = least if highest == math.inf else f"from {lowest} to {highest:.4g}"
                raise UserError(f"setting {name}={value}: it must be {bounds}")
        for name, known in self._of_all_classes("CHOICES").items():
            if getattr(self, name) not in known:
                hint = nearest(str(getattr(self, name)), known)
                raise UserError(f"setting {name}={getattr(self, name)}: {hint}")
        self.validate()

    @property
    def loss_in_words(self) -> str:
        """The loss in words."""
        return "the script's own"

    def validate(self) -> None:
        """Check which fields fit each other. Raises UserError for the first that do not."""
        if not self.lr_max:
            raise UserError("setting lr_max=0: nothing would be learned")
        if self.lr_min > self.lr_max and self.schedule != "constant":
            raise UserError(f"settings lr_min={self.lr_min:g} lr_max={self.lr_max:g}: lower lr_min")

    def learning_rate(self, epoch: int, replicas: int, val_losses: Sequence[float] = ()) -> float:
        """The learning rate of ``epoch`` (from 0); a plateau asks the losses before it."""
        return learning_rate(self, epoch, replicas, val_losses)

    def _of_all_classes(self, table: str) -> dict:
        """RANGES or CHOICES of this class and of those that it is made from."""
        found: dict = {}
        for base in reversed(type(self).__mro__):
            found |= vars(base).get(table, {})
        return found
