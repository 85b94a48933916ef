"""Scores on validation as kernels wrote them, and the words for them: interval, number, gain."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Interval = tuple[float, float]
NOT_GIVEN = "not given"
DIGITS = 4  # of a number that has no interval


@dataclass(frozen=True)
class Validated:
    """What something scores on validation; what a kernel did not write is None.

    Attributes:
        validation_score: the competition's metric.
        interval: its lower and upper end, 95 %, by bootstrap.
        n: the number of pictures.
    """

    validation_score: float | None = None
    interval: Interval | None = None
    n: int | None = None

    @property
    def value(self) -> float | None:
        """The score alone."""
        return self.validation_score

    @property
    def digits(self) -> int:
        """How many decimals it carries: two significant ones of half its interval."""
        half = (self.interval[1] - self.interval[0]) / 2 if self.interval else 0.0
        if half <= 0:
            return 3 if self.interval else DIGITS
        return min(6, max(0, 1 - math.floor(math.log10(half))))

    @property
    def short(self) -> str:
        """The value alone, with the decimals that it carries: ``0.959``; empty if unknown."""
        return "" if self.value is None else f"{self.value:.{self.digits}f}"

    @property
    def ends(self) -> str:
        """The interval alone: ``0.933 to 0.981``; empty if unknown."""
        return interval_words(self.interval, self.digits)

    def __str__(self) -> str:
        """``0.959 (0.933 to 0.981, n 1,040)``, as far as it is known."""
        around = ", ".join(filter(None, (self.ends, "" if self.n is None else f"n {self.n:,}")))
        return f"{self.short} ({around})" if self.short and around else self.short


def read_score(metrics: Mapping[str, Any]) -> Validated:
    """Read the score in a kernel's ``metrics.json``, of whatever version."""
    n = metrics.get("n")
    score, ends = read_number(metrics.get("validation_score")), read_interval(metrics)
    return Validated(score, ends, n if isinstance(n, int) else None)


def model_score(metrics: Mapping[str, Any], model: str, own: Validated | None = None) -> Validated:
    """Read a model's score as the ensemble measured it, else its ``own``."""
    own = own or Validated()
    value = read_number(as_mapping(metrics.get("members")).get(model))
    if value is None:
        return own
    ends = read_interval(as_mapping(metrics.get("intervals")), model)
    return Validated(value, ends or own.interval, read_score(metrics).n or own.n)


def as_mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is an object of JSON, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def read_interval(metrics: Mapping[str, Any], name: str = "interval") -> Interval | None:
    """Read the interval called ``name``; None if there is none."""
    ends = metrics.get(name)
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        return None
    low, high = (read_number(end) for end in ends)
    return None if low is None or high is None else (low, high)


def read_number(value: object) -> float | None:
    """Return a finite number; None for anything else."""
    known = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if known else None  # type: ignore[arg-type]


def greater_is_better(metrics: Mapping[str, Any]) -> bool:
    """Return the direction of the metric; greater is better if the kernel did not write it."""
    return metrics.get("greater_is_better") is not False


def interval_words(interval: Interval | None, digits: int = 3) -> str:
    """``0.933 to 0.981``; empty if there is none."""
    return "" if interval is None else f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"


def gain_words(metrics: Mapping[str, Any]) -> str:
    """Compare the blend and the best member in a sentence; empty if the ensemble compared none."""
    gain = as_mapping(metrics.get("gain"))
    difference = read_number(gain.get("difference"))
    if difference is None:
        return ""
    sign = 1 if greater_is_better(metrics) else -1
    ends = read_interval(gain)
    known = sorted(sign * end for end in ends) if ends else []
    return _sentence(str(gain.get("over")), sign * difference, known, gain.get("share_better"))


def _sentence(over: str, gain: float, ends: list[float], share: object) -> str:
    """``gain`` and ``ends`` are above 0 if the blend is better."""
    half = (min(ends), max(ends)) if ends else None
    digits = Validated(gain, half).digits
    equal = round(gain, digits) == 0
    sign = 1 if gain > 0 or equal else -1
    way = "better" if gain > 0 else "worse"
    words = f"The blend is {way} than {over} by {abs(gain):.{digits}f}"
    if equal:
        words = f"The blend is as good as {over}"
    if not ends:
        return f"{words}."
    low, high = sorted(sign * end for end in ends)
    better = read_number(share)
    resamples = "" if better is None else f"; better in {100 * better:.0f} % of resamples"
    sure = f"surely {way}" if low > 0 else "that may be chance"
    return f"{words} (95 %: {interval_words((low, high), digits)}{resamples}): {sure}."
