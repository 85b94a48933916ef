"""Charts of the page as plain marks; ``macros.html`` draws them. Colours are classes of the CSS."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Points = Sequence[tuple[float, float]]
Ends = tuple[float, float]
NAMED = 22  # classes at most that have their names in a chart


@dataclass(frozen=True)
class Mark:
    """One shape: an SVG element, its class, its attributes, and what it says when pointed at."""

    tag: str
    look: str
    at: Mapping[str, Any]
    title: str = ""
    text: str = ""


@dataclass
class Chart:
    """A box with axes, and the marks in it.

    Attributes:
        label: what it shows, for those who do not see it.
        x, y: lowest and highest value.
        x_name, y_name: of the axes; without a name x has no numbers either.
        whole: whether x has whole numbers alone, as epochs have.
        width, height, left, right, top, bottom: of the drawing and its margins, in its own units.
    """

    label: str
    x: Ends
    y: Ends
    x_name: str = ""
    y_name: str = ""
    whole: bool = False
    width: float = 320
    height: float = 190
    left: float = 44
    right: float = 10
    top: float = 10
    bottom: float = 34
    marks: list[Mark] = field(default_factory=list)

    def across(self, value: float) -> float:
        """Return where a value of x lies."""
        low, high = self.x
        share = (value - low) / (high - low)
        return round(self.left + share * (self.width - self.left - self.right), 1)

    def up(self, value: float) -> float:
        """Return where a value of y lies."""
        low, high = self.y
        share = (value - low) / (high - low)
        return round(self.height - self.bottom - share * (self.height - self.top - self.bottom), 1)

    @property
    def x_ticks(self) -> list[tuple[float, str]]:
        """Where the numbers of x lie, and the numbers."""
        values = ticks(*self.x, whole=self.whole) if self.x_name else ()
        return [(self.across(value), short(value)) for value in values]

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Where the numbers of y lie, and the numbers."""
        return [(self.up(value), short(value)) for value in ticks(*self.y)]

    def line(self, points: Points, look: str, title: str = "") -> None:
        """Draw a line through the points."""
        corners = "L".join(f"{self.across(x):.1f} {self.up(y):.1f}" for x, y in points)
        self.marks.append(Mark("path", f"line {look}", {"d": f"M{corners}"}, title))

    def dot(self, x: float, y: float, look: str, title: str, radius: float) -> None:
        """Draw a dot."""
        at = {"cx": self.across(x), "cy": self.up(y), "r": round(radius, 1)}
        self.marks.append(Mark("circle", f"dot {look}", at, title))

    def bar(self, x: Ends, y: Ends, look: str, title: str) -> None:
        """Draw a bar between two values of x and two of y."""
        left, top = self.across(x[0]), self.up(y[1])
        width, height = self.across(x[1]) - left, self.up(y[0]) - top
        at = {"x": left, "y": top, "width": round(width, 1), "height": round(height, 1)}
        self.marks.append(Mark("rect", f"fill {look}", at, title))

    def rule(self, start: tuple[float, float], end: tuple[float, float], look: str) -> None:
        """Draw a straight line between two points."""
        at = {"x1": self.across(start[0]), "y1": self.up(start[1])}
        at |= {"x2": self.across(end[0]), "y2": self.up(end[1])}
        self.marks.append(Mark("line", look, at))

    def scatter(self, points: Points, look: str) -> None:
        """Draw many dots as one path, which takes a few letters a dot: their caps are round."""
        drawn = "".join(f"M{self.across(x):.1f} {self.up(y):.1f}h0" for x, y in points)
        self.marks.append(Mark("path", f"points {look}", {"d": drawn}))


def line_chart(chart: Chart, lines: Sequence[tuple[str, str, Points]], dots: bool = True) -> Chart:
    """Draw lines, each its class, words and points; with a dot at each point, or thin ones."""
    for look, words, points in lines:
        if not dots:
            chart.line(points, f"thin {look}", f"{words}, last {points[-1][1]:.4g}")
            continue
        chart.line(points, look)
        for x, y in points:
            chart.dot(x, y, look, f"{words}, {x:g}: {y:.4g}", 3.0 if len(points) <= 12 else 1.7)
    return chart


def roc_chart(label: str, x_name: str, x: Ends, curves: Mapping[str, Points]) -> Chart:
    """Draw ROC curves, by the class of their colour."""
    chart = Chart(label, x, (0.0, 1.0), x_name, "true accept rate", height=300, top=24)
    chart.whole = x != (0.0, 1.0)
    if not chart.whole:
        chart.rule((0, 0), (1, 1), "diagonal")
    for look, points in curves.items():
        if len(points) > 1:
            chart.line(points, look)
    return chart


def histogram(
    chart: Chart, edges: np.ndarray, heights: Mapping[str, Sequence[float]], words: str
) -> Chart:
    """Draw bars between ``edges`` of each of ``heights``, by the class of their colour.

    ``words`` are what a bar says of its ``height`` from ``low`` to ``high``, and its ``look``.
    """
    most = max((max(values) for values in heights.values()), default=1.0) or 1.0
    chart.x, chart.y = (float(edges[0]), float(edges[-1])), (0.0, most * 1.05)
    for look, values in heights.items():
        for height, low, high in zip(values, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if height:
                title = words.format(height=height, low=low, high=high, look=look)
                chart.bar((low, high), (0.0, height), f"{look} pale", title)
    return chart


def class_chart(
    label: str,
    names: Sequence[str],
    dots: Mapping[str, tuple[str, Sequence[float]]],
    bars: Sequence[tuple[float, str]] = (),
) -> Chart:
    """Draw a bar for each class, with its title, and dots; names are below where they are few.

    ``dots`` are by what they are: the class of their colour, and a value a class or NaN.
    """
    named = len(names) <= NAMED
    width = min(1060.0, 80 + (46 if named else 20) * len(names))
    height, bottom = (290.0, 90.0) if named else (220.0, 12.0)
    ends = (-0.5, max(len(names), 1) - 0.5)
    chart = Chart(label, ends, (0.0, 1.0), width=width, height=height, bottom=bottom)
    for place, name in enumerate(names if named else ()):
        text = name if len(name) <= 20 else f"{name[:19]}…"
        turn = f"translate({chart.across(place) + 4:.1f} {height - bottom + 14:.1f}) rotate(-40)"
        at = {"transform": turn, "text-anchor": "end"}
        chart.marks.append(Mark("text", "tick", at, text=text))
    for place, (value, title) in enumerate(bars):
        look = "one pale" if dots else "one"
        chart.bar((place - 0.38, place + 0.38), (0.0, value), look, title)
    for what, (look, values) in dots.items():
        for place, value in enumerate(values):
            if math.isfinite(value):
                chart.dot(place, value, look, f"{names[place]}, {what}: {value:.4f}", 3.2)
    return chart


def bounds(values: Sequence[float], room: float = 0.06) -> Ends:
    """Return the edges of an axis around ``values``, with some room; never of no width."""
    low, high = min(values), max(values)
    spare = (high - low) * room or max(abs(high) * 0.1, 1e-6)
    return low - spare, high + spare


def ticks(low: float, high: float, number: int = 5, whole: bool = False) -> list[float]:
    """Return round values from ``low`` to ``high``, about ``number`` of them."""
    raw = (high - low) / number
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= raw * 0.999)
    step = max(1.0, step) if whole else step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def short(value: float) -> str:
    """A number in few characters: ``0.25``, ``6e-5``."""
    if value and abs(value) < 1e-3:
        return f"{value:.2g}".replace("e-0", "e-")
    return f"{value:.4g}"
