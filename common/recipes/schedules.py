"""Learning-rate schedules: the rate of an epoch (from 0), made of a recipe's ``lr_`` fields."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common.errors import UserError

HIGHEST = 10  # a learning rate above it is a slip
RAMPED = ("ramp", "cosine")  # schedules that begin with a ramp


def learning_rate(recipe: Any, epoch: int, replicas: int, val_losses: Sequence[float]) -> float:
    """The rate that ``recipe.schedule`` draws.

    ``lr_max``, or a rate of ``lr_rates``, is multiplied by ``replicas``, as the batch is; a
    constant rate is kept as it is.
    ``val_losses`` are those of the epochs before, or whatever else is better when lower, for
    ``plateau``.
    """
    if recipe.schedule == "constant":
        return float(recipe.lr_max)
    if recipe.schedule == "piecewise":
        parts = parse_rates(recipe.lr_rates).items()
        return replicas * [rate for first, rate in parts if first <= epoch][-1]
    maximum, start, ramp_epochs = recipe.lr_max * replicas, recipe.lr_start, recipe.lr_ramp_epochs
    if recipe.schedule in RAMPED and epoch < ramp_epochs:
        return float(start + (maximum - start) * epoch / ramp_epochs)
    return float(SCHEDULES[recipe.schedule](recipe, maximum, epoch, val_losses))


def ramp(recipe: Any, maximum: float, epoch: int, val_losses: Sequence[float]) -> float:
    """Linear up to ``maximum``, kept for ``lr_sustain_epochs``, then down by ``lr_decay`` an epoch.

    This is the schedule of Kaggle's own TPU notebooks for ``tpu-getting-started``.
    """
    past = epoch - recipe.lr_ramp_epochs - recipe.lr_sustain_epochs
    low = recipe.lr_min
    return maximum if past < 0 else (maximum - low) * recipe.lr_decay**past + low


def cosine(recipe: Any, maximum: float, epoch: int, val_losses: Sequence[float]) -> float:
    """Linear up to ``maximum``, then half a cosine to ``lr_min`` at the end.

    Loshchilov and Hutter, 2016 (SGDR), without restarts.
    """
    down = max(1, recipe.epochs - recipe.lr_ramp_epochs)
    share = min(1.0, (epoch - recipe.lr_ramp_epochs) / down)
    return recipe.lr_min + (maximum - recipe.lr_min) * (1 + math.cos(math.pi * share)) / 2


def step(recipe: Any, maximum: float, epoch: int, val_losses: Sequence[float]) -> float:
    """``maximum``, times ``lr_decay`` after each ``lr_patience`` epochs, never below ``lr_min``."""
    return max(recipe.lr_min, maximum * recipe.lr_decay ** (epoch // recipe.lr_patience))


def plateau(recipe: Any, maximum: float, epoch: int, val_losses: Sequence[float]) -> float:
    """``maximum``, times ``lr_decay`` whenever ``lr_patience`` epochs brought no lower loss.

    Never below ``lr_min``. A function of the losses so far, so that a training that goes on comes
    to the same rates.
    """
    rate, best, waited = maximum, math.inf, 0
    for loss in val_losses:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited == recipe.lr_patience:
            rate, waited = max(recipe.lr_min, rate * recipe.lr_decay), 0
    return rate


def parse_rates(text: str) -> dict[int, float]:
    """``"0: 5e-4, 4: 2e-4"`` → ``{0: 5e-4, 4: 2e-4}``, the rate from an epoch (from 0) on.

    Raises UserError unless epochs rise from 0 and rates are above 0, and at most ``HIGHEST``.
    """
    rates: dict[int, float] = {}
    last = -1
    for piece in str(text).split(","):
        epoch, _, rate = (part.strip() for part in piece.partition(":"))
        try:
            number, value = int(epoch), float(rate)
        except ValueError:
            raise _wrong_rates(text, f"{piece.strip()!r} is no EPOCH: RATE") from None
        if not 0 < value <= HIGHEST:
            raise _wrong_rates(text, f"a rate is above 0, and at most {HIGHEST}")
        if (last < 0 and number) or number <= last:
            raise _wrong_rates(text, "epochs rise, and the first is 0")
        rates[number], last = value, number
    return rates


def _wrong_rates(text: str, reason: str) -> UserError:
    shown = f"{str(text)[:60]!r}"
    return UserError(f"setting lr_rates={shown}: {reason}: write for example 0: 5e-4, 4: 2e-4")


SCHEDULES: Mapping[str, Callable[[Any, float, int, Sequence[float]], float]] = {
    "ramp": ramp,
    "cosine": cosine,
    "step": step,
    "plateau": plateau,
}
