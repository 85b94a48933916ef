"""Charts of the page as SVG; ``macros.html`` draws their axes. Colours are classes of the CSS."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from markupsafe import Markup

Points = Sequence[tuple[float, float]]
Ends = tuple[float, float]


def mark(tag: str, look: str, title: str = "", text: str = "", **at: Any) -> Markup:
    """Return an SVG element: its classes, what it says when pointed at, its text and attributes."""
    more = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in at.items())
    said = Markup("<title>{}</title>").format(title) if title else ""
    return Markup('<{0} class="{1}"{2}>{3}{4}</{0}>').format(tag, look, Markup(more), said, text)


@dataclass
class Chart:
    """A box with axes, and the marks in it.

    Attributes:
        label: what it shows, for those who do not see it.
        x, y: lowest and highest value.
        x_name, y_name: of the axes; without a name x has no numbers either.
        whole: whether x has whole numbers alone, as epochs have.
        x_marks: where x has numbers, and their words, instead of round ones.
        width, height, bottom: of the drawing and its lower margin, in its own units.
    """

    label: str
    x: Ends
    y: Ends
    x_name: str = ""
    y_name: str = ""
    whole: bool = False
    width: float = 320
    height: float = 190
    bottom: float = 34
    x_marks: list[tuple[float, str]] = field(default_factory=list)
    left: ClassVar[float] = 50
    right: ClassVar[float] = 10
    marks: list[Markup] = field(default_factory=list)

    @property
    def top(self) -> float:
        """The upper margin: below the name of y."""
        return 24 if self.y_name else 10

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
        marks = self.x_marks or [(value, short(value)) for value in values]
        return [(self.across(value), words) for value, words in marks]

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Where the numbers of y lie, and the numbers."""
        return [(self.up(value), short(value)) for value in ticks(*self.y)]

    def add(self, *drawn: Any, **at: Any) -> None:
        """Draw a ``mark``."""
        self.marks.append(mark(*drawn, **at))

    def line(self, points: Points, look: str = "diagonal", title: str = "") -> None:
        """Draw a line through the points."""
        corners = "L".join(f"{self.across(x)} {self.up(y)}" for x, y in points)
        self.add("path", look, title, d=f"M{corners}")

    def dot(self, x: float, y: float, look: str, title: str, radius: float) -> None:
        """Draw a dot."""
        at = {"cx": self.across(x), "cy": self.up(y), "r": round(radius, 1)}
        self.add("circle", f"dot {look}", title, **at)

    def bar(self, x: Ends, y: Ends, look: str, title: str) -> None:
        """Draw a bar between two values of x and two of y."""
        left, top = self.across(x[0]), self.up(y[1])
        width, height = self.across(x[1]) - left, self.up(y[0]) - top
        at = {"x": left, "y": top, "width": round(width, 1), "height": round(height, 1)}
        self.add("rect", f"fill {look}", title, **at)

    def scatter(self, points: Points, look: str) -> None:
        """Draw many dots as one path, which takes a few letters a dot: their caps are round."""
        drawn = "".join(f"M{self.across(x)} {self.up(y)}h0" for x, y in points)
        self.add("path", f"points {look}", d=drawn)


def histogram(
    label: str,
    names: tuple[str, str],
    edges: np.ndarray,
    heights: Mapping[str, np.ndarray],
    words: str,
    height: float = 190,
) -> Chart:
    """Draw bars between ``edges`` of each of ``heights``, by the class of their colour.

    ``names`` are those of the axes; ``words`` are what a bar says of its ``height`` from ``low``
    to ``high``.
    """
    most = max(values.max() for values in heights.values()) or 1.0
    ends = (float(edges[0]), float(edges[-1]))
    chart = Chart(label, ends, (0.0, most * 1.05), *names, height=height)
    for look, values in heights.items():
        for size, low, high in zip(values.tolist(), edges[:-1], edges[1:], strict=True):
            title = words.format(height=size, low=low, high=high)
            if size:
                chart.bar((low, high), (0.0, size), f"{look} pale", title)
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
