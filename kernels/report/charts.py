"""Charts as inline SVG. Colours are classes, so that the page's style sheet sets them."""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from kernels.report.markup import join, tag

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """One line of a chart: its points, its colour's class, and what it is, for tooltips.

    A thin one, of many in one chart, has no dots.
    """

    points: Points
    colour: str
    label: str
    thin: bool = False


@dataclass(frozen=True)
class Axes:
    """The box that a chart draws in, and the values at its edges.

    Attributes:
        x, y: lowest and highest value.
        width, height: of the whole drawing, in its own units.
        left, right, top, bottom: margins for the numbers.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    width: float = 320
    height: float = 190
    left: float = 44
    right: float = 10
    top: float = 10
    bottom: float = 34

    def across(self, value: float) -> float:
        """Where a value of x lies."""
        low, high = self.x
        return self.left + (value - low) / (high - low) * (self.width - self.left - self.right)

    def up(self, value: float) -> float:
        """Where a value of y lies."""
        low, high = self.y
        box = self.height - self.top - self.bottom
        return self.height - self.bottom - (value - low) / (high - low) * box


def drawing(label: str, width: float, height: float, *pieces: Markup) -> Markup:
    """An SVG with its text alternative."""
    box = f"0 0 {width:g} {height:g}"
    return tag(
        "svg", *pieces, viewBox=box, role="img", aria_label=label, style=f"--width:{width:g}px"
    )


def line_chart(label: str, axes: Axes, lines: Sequence[Line], x_name: str, whole: bool) -> Markup:
    """Lines over numbered axes; ``whole`` numbers alone below, as for epochs."""
    drawn = (line for line in lines if line.points)
    frame = grid(axes, x_name, whole=whole)
    return drawing(label, axes.width, axes.height, frame, *(_line(axes, line) for line in drawn))


def grid(axes: Axes, x_name: str, y_name: str = "", whole: bool = False) -> Markup:
    """Lines of the grid, the numbers beside them and the names of both axes.

    Without a name, x has no numbers either.
    """
    left, right = axes.left, axes.width - axes.right
    low = axes.height - axes.bottom
    pieces = []
    for value in ticks(*axes.y):
        y = axes.up(value)
        pieces.append(tag("line", x1=left, x2=right, y1=_f(y), y2=_f(y), class_="grid"))
        pieces.append(_text(told(value), left - 6, y + 4, "end"))
    for value in ticks(*axes.x, whole=whole) if x_name else ():
        x = axes.across(value)
        pieces.append(tag("line", x1=_f(x), x2=_f(x), y1=low, y2=low + 4, class_="axis"))
        pieces.append(_text(told(value), x, low + 16, "middle"))
    pieces.append(tag("line", x1=left, x2=right, y1=low, y2=low, class_="axis"))
    pieces.append(_text(x_name, (left + right) / 2, axes.height - 3, "middle", "name"))
    pieces.append(_text(y_name, 0, 11, "start", "name"))
    return tag("g", *pieces, aria_hidden="true")


def steps(axes: Axes, points: Points, colour: str) -> Markup:
    """A step line that holds each value until the next."""
    corners = [points[0]]
    for (_, before), (x, y) in itertools.pairwise(points):
        corners += [(x, before), (x, y)]
    return tag("path", d=_path(axes, corners), class_=f"line {colour}")


def dot(axes: Axes, x: float, y: float, colour: str, words: str, radius: float) -> Markup:
    """A dot that says what it is when pointed at."""
    circle = {"cx": _f(axes.across(x)), "cy": _f(axes.up(y)), "r": _f(radius)}
    return tag("circle", tag("title", words), class_=f"dot {colour}", **circle)


def scatter(axes: Axes, points: Iterable[tuple[float, float]], colour: str) -> Markup:
    """Many dots as one path, which takes a few letters a dot: their caps are round."""
    drawn = "".join(f"M{axes.across(x):.1f} {axes.up(y):.1f}h0" for x, y in points)
    return tag("path", d=drawn, class_=f"points {colour}")


def bar(
    axes: Axes, x: tuple[float, float], y: tuple[float, float], colour: str, words: str
) -> Markup:
    """A bar between two values of x and two of y."""
    left, right = axes.across(x[0]), axes.across(x[1])
    top, low = axes.up(y[1]), axes.up(y[0])
    box = {"x": _f(left), "y": _f(top), "width": _f(right - left), "height": _f(low - top)}
    return tag("rect", tag("title", words), class_=f"fill {colour}", **box)


def bounds(values: Sequence[float], room: float = 0.06) -> tuple[float, float]:
    """Edges of an axis around ``values``, with some room; never of no width."""
    low, high = min(values), max(values)
    spare = (high - low) * room or max(abs(high) * 0.1, 1e-6)
    return low - spare, high + spare


def ticks(low: float, high: float, number: int = 5, whole: bool = False) -> list[float]:
    """Round values from ``low`` to ``high``, about ``number`` of them."""
    raw = (high - low) / number
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= raw * 0.999)
    step = max(1.0, step) if whole else step
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def told(value: float) -> str:
    """A tick's value in few characters: ``0.25``, ``6e-5``."""
    if value and abs(value) < 1e-3:
        return f"{value:.2g}".replace("e-0", "e-")
    return f"{value:.4g}"


def _line(axes: Axes, line: Line) -> Markup:
    if line.thin:
        words = tag("title", f"{line.label}, last {line.points[-1][1]:.4g}")
        return tag("path", words, d=_path(axes, line.points), class_=f"line thin {line.colour}")
    path = tag("path", d=_path(axes, line.points), class_=f"line {line.colour}")
    radius = 3.0 if len(line.points) <= 12 else 1.7
    dots = [
        dot(axes, x, y, line.colour, f"{line.label}, {x:g}: {y:.4g}", radius)
        for x, y in line.points
    ]
    return join([path, *dots])


def _path(axes: Axes, points: Points) -> str:
    return "M" + "L".join(f"{axes.across(x):.1f} {axes.up(y):.1f}" for x, y in points)


def _text(words: str, x: float, y: float, anchor: str, class_: str = "tick") -> Markup:
    return tag("text", words, x=_f(x), y=_f(y), text_anchor=anchor, class_=class_)


def _f(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
