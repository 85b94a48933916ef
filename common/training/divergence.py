"""A training that diverged, told in one line: its loss, or the vectors that it gives."""

import math

import numpy as np

from common.errors import UserError


def check_loss(loss: float, stage: str, epoch: int, rate: float) -> None:
    """Raises UserError when the loss of ``epoch`` (from 1) of ``stage`` is not finite."""
    if not math.isfinite(loss):
        raise UserError(f"the loss became {loss} {_at(stage, epoch, rate)}")


def check_told(rows: np.ndarray, stage: str, epoch: int, rate: float) -> None:
    """Raises UserError when rows ``(pictures, d)`` of a network are not finite, or zero.

    The loss can be finite all the same: of vectors that are all zero it is the margin.
    """
    largest = np.maximum(rows.max(axis=1), -rows.min(axis=1))  # NaN where there is any
    bad = int(np.count_nonzero(~(np.isfinite(largest) & (largest > 0))))
    if bad:
        raise UserError(
            f"the training diverged: {bad} of {len(rows)} pictures' vectors became zero, infinite "
            f"or NaN {_at(stage, epoch, rate)}"
        )


def _at(stage: str, epoch: int, rate: float) -> str:
    return (
        f"in epoch {epoch} of {stage}, at learning rate {rate:g}: lower it, for example "
        f"--set lr_max=1e-5"
    )
