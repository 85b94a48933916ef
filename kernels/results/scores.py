"""Scores on validation as kernels wrote them, and the words for them: interval, number, gain."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from common.metrics.metric import find_metric

Interval = tuple[float, float]
FEW = 10  # groups, of fewer of which an interval is a guess


@dataclass(frozen=True)
class Validated:
    """What something scores on validation; what a kernel did not write is None."""

    validation_score: float | None = None  # the competition's metric
    interval: Interval | None = None  # its lower and upper end, 95 %, by bootstrap
    n: int | None = None  # pictures
    groups: int | None = None  # of them, where the interval is of whole ones

    @property
    def value(self) -> float | None:
        """The score alone."""
        return self.validation_score

    @property
    def digits(self) -> int:
        """How many decimals it carries: two significant ones of half its interval."""
        half = (self.interval[1] - self.interval[0]) / 2 if self.interval else 0.0
        if half <= 0:
            return 3 if self.interval else 4
        return min(6, max(0, 1 - math.floor(math.log10(half))))

    def rounded(self, score: float | None) -> str:
        """Another score with as many decimals, such as Kaggle's; it may not be given."""
        return "not given" if score is None else f"{score:.{self.digits}f}"

    @property
    def short(self) -> str:
        """The score alone, with the decimals that it carries: ``0.959``; empty if unknown."""
        return "" if self.value is None else self.rounded(self.value)

    @property
    def ends(self) -> str:
        """The interval alone: ``0.933 to 0.981``; empty if unknown."""
        return " to ".join(map(self.rounded, self.interval or ()))

    @property
    def same(self) -> str:
        """Of a difference whose interval has no width: no row makes one; else empty."""
        if not self.interval or self.interval[0] < self.interval[1]:
            return ""
        return "the same on all" if self.n is None else f"the same on all {self.n:,}"

    def __str__(self) -> str:
        """``0.959 (0.933 to 0.981, n 1,040)``, as far as it is known; ``n 315 in 148 groups``."""
        inside = "" if self.groups is None else f" in {self.groups:,} groups"
        number = "" if self.n is None else f"n {self.n:,}{inside}"
        around = ", ".join(filter(None, (self.ends, number)))
        return f"{self.short} ({around})" if self.short and around else self.short


def read_score(metrics: Mapping[str, Any]) -> Validated:
    """Read the score in a kernel's ``metrics.json``, of whatever version."""
    score, ends = read_number(metrics.get("validation_score")), read_interval(metrics)
    return Validated(score, ends, _whole(metrics.get("n")), _whole(metrics.get("groups")))


def read_test(metrics: Mapping[str, Any]) -> Validated:
    """Read what the blend scores on test, where it was measured."""
    score, ends = read_number(metrics.get("test_score")), read_interval(metrics, "test_interval")
    return Validated(score, ends, _whole(metrics.get("test_n")), _whole(metrics.get("test_groups")))


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def few_words(metrics: Mapping[str, Any]) -> list[str]:
    """Warn of the intervals of validation and test that are of too few groups, a line each.

    Fewer than ``FEW`` groups vary too little among themselves to say how others would.
    """
    parts = {"validation": read_score(metrics), "test": read_test(metrics)}
    return [
        f"the intervals of {part} are of {one.groups} groups: of fewer than {FEW} they are a rough "
        f"guess, and rather too narrow"
        for part, one in parts.items()
        if one.groups is not None and one.groups < FEW
    ]


def by_group(metrics: Mapping[str, Any], *names: str) -> str:
    """``, by group`` where intervals are of whole groups, such as patients; empty elsewhere.

    ``names`` are of their numbers: ``groups`` of validation, ``test_groups``.
    """
    return ", by group" if any(read_number(metrics.get(name)) for name in names) else ""


def looked(times: int) -> str:
    """How often a run has looked at the labels of test: who looks often chooses by them."""
    return "looked at once" if times <= 1 else f"looked at {times} times"


def gap_words(validation: Validated, test: Validated, greater: bool = True) -> str:
    """Say that test is further from validation than their intervals allow; empty elsewhere.

    ``greater``: whether greater is better.

    It is said where the intervals do not overlap: of independent pictures that is a difference
    of some three standard errors where both are as wide.
    """
    if None in (validation.value, test.value) or not (validation.interval and test.interval):
        return ""
    low, high = sorted((validation, test), key=lambda one: one.value or 0.0)
    if low.interval and high.interval and low.interval[1] >= high.interval[0]:
        return ""
    difference = (high.value or 0.0) - (low.value or 0.0)
    side = "below" if low is test else "above"
    easy = "easy" if (side == "below") == greater else "hard"
    return (
        f"test is {test.rounded(difference)} {side} validation, and their intervals do not "
        f"overlap: it is of another kind, or validation is too {easy}"
    )


def published_words(published: Mapping[str, Any], test: Mapping[str, Any]) -> str:
    """What others have reached, and we by the same metric: ``accuracy 0.9 (ours 0.8); source``.

    ``test`` has every metric of ours; it is empty where test is not labelled.
    """
    scores = []
    for name, score in published["scores"].items():
        own = measured(test, name)
        ours = f" (ours {own.short}{f', {own.ends}' if own.ends else ''})" if own.short else ""
        scores.append(f"{title(name)} {score:g}{ours}")
    return f"{', '.join(scores)}; {published['source']}"


def measured_words(metrics: Mapping[str, Any], but: str) -> list[str]:
    """Every metric of a part in words but one: ``accuracy 0.83 (0.79 to 0.87)``."""
    known = {name: measured(metrics, name) for name in metrics if name != but}
    return [
        f"{title(name)} {own.short}{f' ({own.ends})' if own.ends else ''}"
        for name, own in known.items()
        if own.short
    ]


def fold_words(metrics: Mapping[str, Any]) -> str:
    """Say the mean over a list's own folds, its standard error, and each fold; empty elsewhere.

    ``metrics`` are a kernel's, ``fold_scores`` among them.
    """
    found = as_mapping(metrics.get("fold_scores"))
    mean, error = (read_number(found.get(name)) for name in ("mean", "standard_error"))
    given = found.get("folds")
    folds = [read_number(one) for one in given] if isinstance(given, list) else []
    if mean is None or error is None or None in folds:
        return ""
    each = ", ".join(f"{one:.3f}" for one in folds)
    return f"{mean:.4f} ± {error:.4f}, mean of {len(folds)} folds and its standard error: {each}"


def measured(metrics: Mapping[str, Any], name: str) -> Validated:
    """Read one of the metrics of a part, and its interval."""
    ends = read_interval(as_mapping(metrics.get("intervals")), name)
    return Validated(read_number(metrics.get(name)), ends)


def title(metric: str) -> str:
    """The metric in words; one that this version does not know as it is."""
    try:
        return find_metric(metric).title
    except UserError:
        return metric


def model_score(metrics: Mapping[str, Any], model: str, own: Validated | None = None) -> Validated:
    """Read a model's score as the ensemble measured it, else its ``own``."""
    own = own or Validated()
    value = read_number(as_mapping(metrics.get("members")).get(model))
    if value is None:
        return own
    ends = read_interval(as_mapping(metrics.get("intervals")), model)
    whole = read_score(metrics)
    return Validated(value, ends or own.interval, whole.n or own.n, whole.groups or own.groups)


def channel_scores(metrics: Mapping[str, Any], model: str) -> dict[str, Validated]:
    """Read what each channel of a model scores, by ``model/channel``; empty where it has one."""
    found = {
        name: as_mapping(auc)
        for name, auc in as_mapping(metrics.get("channels")).items()
        if name.startswith(f"{model}/")
    }
    ends, n = as_mapping(metrics.get("intervals")), read_score(metrics).n
    return {
        name: Validated(read_number(auc.get("all")), read_interval(ends, name), n)
        for name, auc in (found if len(found) > 1 else {}).items()
    }


def as_mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is an object of JSON, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def read_interval(metrics: Mapping[str, Any], name: str = "interval") -> Interval | None:
    """Read the interval called ``name``; None if there is none."""
    ends = metrics.get(name)
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        return None
    low, high = map(read_number, ends)
    return None if low is None or high is None else (low, high)


def read_number(value: object) -> float | None:
    """Return a finite number; None for anything else."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def greater_is_better(metrics: Mapping[str, Any]) -> bool:
    """Return the direction of the metric; greater is better if the kernel did not write it."""
    return metrics.get("greater_is_better") is not False


def gain_words(metrics: Mapping[str, Any]) -> str:
    """Compare the blend and the best member in a sentence; empty if the ensemble compared none."""
    gain = as_mapping(metrics.get("gain"))
    return difference_words("The blend", gain, greater_is_better(metrics))


def difference_words(name: str, gain: Mapping[str, Any], greater: bool) -> str:
    """Compare ``name`` with another in a sentence, by what ``compare`` gives; empty if nothing.

    ``greater``: whether greater is better.
    """
    difference, ends = read_number(gain.get("difference")), read_interval(gain)
    if difference is None:
        return ""
    if ends and difference < 0:
        ends = (-ends[1], -ends[0])
    size = Validated(abs(difference), ends)
    way = "better" if (difference > 0) == greater else "worse"
    words = f"{name} is {way} than {gain.get('over')} by {size.short}"
    if not float(size.short):
        words = f"{name} is as good as {gain.get('over')}"
    if not ends or ends[0] == ends[1]:  # no picture decides otherwise
        return f"{words}."
    share = read_number(gain.get("share_better"))
    better = "" if share is None else f"; better in {100 * share:.0f} % of resamples"
    sure = verdict(gain, greater).replace("may", "that may")
    return f"{words} (95 %: {size.ends}{better}): {sure}."


def verdict(gain: Mapping[str, Any], greater: bool) -> str:
    """Return what is sure of a gain: ``surely better``, ``surely worse`` or ``may be chance``.

    It is empty without an interval, and where that has no width: all pictures are scored the same.
    ``greater``: whether greater is better.
    """
    difference, ends = read_number(gain.get("difference")), read_interval(gain)
    if difference is None or not ends or ends[0] == ends[1]:
        return ""
    better = (difference > 0) == greater
    sure = ends[0] > 0 if difference > 0 else ends[1] < 0
    return f"surely {'better' if better else 'worse'}" if sure else "may be chance"
