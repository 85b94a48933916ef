"""Learning-rate schedules: plain functions of the epoch (from 0)."""

import math
from collections.abc import Sequence
from typing import Any


def learning_rate(recipe: Any, epoch: int, replicas: int, val_losses: Sequence[float]) -> float:
    """The rate that ``recipe.schedule`` draws with the recipe's ``lr_`` fields.

    ``lr_max`` is multiplied by ``replicas``, as the batch is; a constant rate is kept as it is.
    ``val_losses`` are those of the epochs before, or whatever else is better when
    lower, for ``plateau``.
    """
    maximum = recipe.lr_max * replicas
    if recipe.schedule == "constant":
        return float(recipe.lr_max)
    if recipe.schedule == "plateau":
        return plateau(val_losses, maximum, recipe.lr_min, recipe.lr_patience, recipe.lr_decay)
    if recipe.schedule == "step":
        return step(epoch, maximum, recipe.lr_min, recipe.lr_patience, recipe.lr_decay)
    start, ramp = recipe.lr_start, recipe.lr_ramp_epochs
    if recipe.schedule == "cosine":
        return cosine(epoch, start, maximum, recipe.lr_min, ramp, recipe.epochs)
    sustain, decay = recipe.lr_sustain_epochs, recipe.lr_decay
    return ramp_sustain_decay(epoch, start, maximum, recipe.lr_min, ramp, sustain, decay)


def ramp_sustain_decay(
    epoch: int,
    start: float,
    maximum: float,
    minimum: float,
    ramp_epochs: int,
    sustain_epochs: int,
    decay: float,
) -> float:
    """Linear from ``start`` to ``maximum`` over ``ramp_epochs``, kept for ``sustain_epochs``.

    Then ``(maximum - minimum) * decay ** (epoch - ramp_epochs - sustain_epochs) + minimum``. This
    is the schedule of Kaggle's own TPU notebooks for ``tpu-getting-started``.
    """
    if epoch < ramp_epochs:
        return start + (maximum - start) * epoch / ramp_epochs
    if epoch < ramp_epochs + sustain_epochs:
        return maximum
    past = epoch - ramp_epochs - sustain_epochs
    return (maximum - minimum) * decay**past + minimum


def cosine(
    epoch: int, start: float, maximum: float, minimum: float, ramp_epochs: int, epochs: int
) -> float:
    """Linear to ``maximum`` over ``ramp_epochs``, then half a cosine to ``minimum`` at ``epochs``.

    Loshchilov and Hutter, 2016 (SGDR), without restarts.
    """
    if epoch < ramp_epochs:
        return start + (maximum - start) * epoch / ramp_epochs
    share = min(1.0, (epoch - ramp_epochs) / max(1, epochs - ramp_epochs))
    return minimum + (maximum - minimum) * (1 + math.cos(math.pi * share)) / 2


def step(epoch: int, maximum: float, minimum: float, every: int, decay: float) -> float:
    """``maximum``, multiplied by ``decay`` after each ``every`` epochs, never below ``minimum``."""
    return max(minimum, maximum * decay ** (epoch // every))


def plateau(
    val_losses: Sequence[float], maximum: float, minimum: float, patience: int, decay: float
) -> float:
    """``maximum``, multiplied by ``decay`` whenever ``patience`` epochs brought no lower loss.

    Never below ``minimum``. A function of the losses so far, so that a training that goes on
    comes to the same rates.
    """
    rate, best, waited = maximum, math.inf, 0
    for loss in val_losses:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited == patience:
            rate, waited = max(minimum, rate * decay), 0
    return rate
