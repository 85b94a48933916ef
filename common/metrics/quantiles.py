"""Scores as ranks, so that members whose scores are scaled differently can be blended."""

from dataclasses import dataclass

import numpy as np

from common.errors import UserError


@dataclass(frozen=True)
class Quantiles:
    """The distribution of a sample, as straight lines between ``values``.

    Attributes:
        values: ``(knots,)`` float64, rising.
        shares: ``(knots,)`` float64, the share of the sample below each, half of it if equal.
    """

    values: np.ndarray
    shares: np.ndarray

    def of(self, scores: np.ndarray) -> np.ndarray:
        """Where ``scores`` stand in the sample, float64 of their shape, from 0 to 1.

        It keeps their order; beyond the sample's ends all are alike.
        """
        return np.interp(scores, self.values, self.shares)


def quantiles_of(sample: np.ndarray, knots: int = 10_000) -> Quantiles:
    """The distribution of ``sample`` ``(n,)``, with at most ``knots`` (from 2) of its values.

    Made once, for example of validation's scores, it turns scores that stream by in parts into
    ranks, the same way in each part. Raises UserError for an empty sample or one with NaN.
    """
    sample = np.asarray(sample, np.float64).ravel()
    if not len(sample) or np.isnan(sample).any():
        raise UserError(f"{len(sample)} scores have no quantiles when there are none, or NaN")
    values, counts = np.unique(sample, return_counts=True)
    shares = (np.cumsum(counts) - counts / 2) / len(sample)
    if len(values) > knots:
        # Even in shares, not in distinct values, of which a few may hold most of the sample.
        kept = np.searchsorted(shares, np.linspace(shares[0], shares[-1], knots))
        kept = np.unique(kept.clip(max=len(values) - 1))
        values, shares = values[kept], shares[kept]
    return Quantiles(values, shares)
