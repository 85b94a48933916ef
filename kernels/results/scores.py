"""Scores on validation as kernels wrote them, and the words for them: interval, number, gain."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Interval = tuple[float, float]
NOT_TOLD = "not told"


@dataclass(frozen=True)
class Score:
    """A score on validation; what a kernel did not write is None.

    Attributes:
        value: the competition's metric.
        interval: its lower and upper end, 95 %, by bootstrap.
        n: the number of pictures.
    """

    value: float | None = None
    interval: Interval | None = None
    n: int | None = None

    @property
    def around(self) -> str:
        """``0.933 to 0.981, n 1,040``, as far as it is known."""
        ends = interval_words(self.interval)
        return ", ".join(filter(None, (ends, "" if self.n is None else f"n {self.n:,}")))

    def __str__(self) -> str:
        """``0.9592 (0.933 to 0.981, n 1,040)``."""
        if self.value is None:
            return ""
        return f"{self.value:.4f} ({self.around})" if self.around else f"{self.value:.4f}"


def read_score(metrics: Mapping[str, Any]) -> Score:
    """The score in a kernel's ``metrics.json``, of whatever version."""
    n = metrics.get("n")
    score, ends = read_number(metrics.get("validation_score")), read_interval(metrics)
    return Score(score, ends, n if isinstance(n, int) else None)


def read_interval(metrics: Mapping[str, Any], name: str = "interval") -> Interval | None:
    """The interval called ``name``; None where there is none."""
    ends = metrics.get(name)
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        return None
    low, high = (read_number(end) for end in ends)
    return None if low is None or high is None else (low, high)


def read_number(value: object) -> float | None:
    """A finite number; None for anything else."""
    known = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if known else None  # type: ignore[arg-type]


def greater_is_better(metrics: Mapping[str, Any]) -> bool:
    """The direction of the metric; of kernels that did not write it greater is better."""
    return metrics.get("greater_is_better") is not False


def interval_words(interval: Interval | None, digits: int = 3) -> str:
    """``0.933 to 0.981``; empty where there is none."""
    return "" if interval is None else f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"


def gain_words(metrics: Mapping[str, Any]) -> str:
    """One sentence on the blend and the best member; empty where the ensemble compared none."""
    gain = metrics.get("gain")
    gain = gain if isinstance(gain, Mapping) else {}
    difference = read_number(gain.get("difference"))
    if difference is None:
        return ""
    sign = 1 if greater_is_better(metrics) else -1
    found = read_interval(gain)
    ends = sorted(sign * end for end in found) if found else []
    return _sentence(str(gain.get("over")), sign * difference, ends, gain.get("share_better"))


def _sentence(over: str, gain: float, ends: list[float], share: object) -> str:
    """``gain`` is above 0 where the blend is better, and so are ``ends``."""
    if round(gain, 4) == 0:
        said, turned = f"The blend is as good as {over}", 1
    else:
        turned = 1 if gain > 0 else -1
        said = f"The blend is {'better' if gain > 0 else 'worse'} than {over} by {abs(gain):.4f}"
    if not ends:
        return f"{said}."
    low, high = sorted(turned * end for end in ends)
    better = read_number(share)
    resamples = "" if better is None else f"; better in {100 * better:.0f} % of resamples"
    sure = f"surely {'better' if gain > 0 else 'worse'}" if low > 0 else "that may be chance"
    return f"{said} (95 %: {low:.3f} to {high:.3f}{resamples}): {sure}."
