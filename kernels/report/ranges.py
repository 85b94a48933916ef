"""Scores with their intervals: a dot and a whisker each, on one axis, with the numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from kernels.report.charts import bounds, ticks, told
from kernels.report.markup import tag
from kernels.results.scores import Interval, Score, interval_words


@dataclass(frozen=True)
class Axis:
    """What lies at the left and the right end of the chart."""

    low: float
    high: float

    def share(self, value: float) -> str:
        """Where ``value`` lies, 0 at the left end and 1 at the right one."""
        return f"{(value - self.low) / (self.high - self.low):.4f}"


def ranges(scores: Sequence[tuple[str, Score]], title: str, greater_is_better: bool) -> Markup:
    """A row for each of ``scores`` that is known, the last one (the blend) in another colour.

    Made of boxes instead of a drawing, so that the words stay as large on a phone.
    """
    known = [(name, score) for name, score in scores if score.value is not None]
    if not known:
        return Markup()
    ends = [end for _, score in known for end in (score.value or 0.0, *(score.interval or ()))]
    axis = Axis(*bounds(ends))
    rows = [_row(axis, name, score, name == "blend") for name, score in known]
    better = "" if greater_is_better else ", lower is better"
    words = f"{title[0].upper()}{title[1:]}{better}. The line is the 95 % interval (bootstrap)."
    if not any(score.interval for _, score in known):
        words = f"{title[0].upper()}{title[1:]}{better}."
    listed = tag("ul", *rows, _scale(axis), class_="stacks ranges")
    return tag("figure", listed, tag("figcaption", words))


def _row(axis: Axis, name: str, score: Score, blend: bool) -> Markup:
    value = score.value or 0.0
    colour = "two" if blend else "one"
    line = _whisker(axis, score.interval, colour) if score.interval else ""
    dot = tag("span", class_=f"point {colour}", style=f"--at:{axis.share(value)}")
    lines = [tag("span", class_="tick-line", style=f"--at:{axis.share(at)}") for at in _at(axis)]
    track = tag("span", *lines, line, dot, class_="range", aria_hidden="true")
    small = tag("span", interval_words(score.interval), class_="soft") if score.interval else ""
    amount = tag("span", tag("strong", f"{value:.4f}"), " ", small, class_="amount")
    label = tag("strong", name) if blend else name
    return tag("li", tag("span", label, class_="name"), track, amount)


def _whisker(axis: Axis, ends: Interval, colour: str) -> Markup:
    low, high = (float(axis.share(end)) for end in ends)
    return tag("span", class_=f"whisker {colour}", style=f"--at:{low};--wide:{high - low:.4f}")


def _at(axis: Axis) -> list[float]:
    return ticks(axis.low, axis.high)


def _scale(axis: Axis) -> Markup:
    """The numbers below the rows."""
    marks = [tag("span", told(at), style=f"--at:{axis.share(at)}") for at in _at(axis)]
    empty = tag("span", class_="name")
    return tag("li", empty, tag("span", *marks, class_="scale"), empty, aria_hidden="true")
