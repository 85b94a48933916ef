"""Pieces of HTML. Everything goes through ``tag``, which escapes what is not markup already."""

import base64
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

UNKNOWN = "\N{EN DASH}"
_VOID = ("meta", "img", "br", "col")


def tag(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """An element. ``class_`` is the class; a ``_`` in any other name is a ``-``.

    Children that are not Markup are text and escaped, as is every attribute. Attributes that are
    None or False are left out.
    """
    told = [
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), "" if value is True else value)
        for key, value in attributes.items()
        if value is not None and value is not False
    ]
    head = Markup("<{}{}>").format(name, join(told))
    if name in _VOID:
        return head
    return head + join(children) + Markup("</{}>").format(name)


def join(pieces: Iterable[Any], between: str = "") -> Markup:
    """The pieces one after the other, those that are text escaped."""
    return escape(between).join(escape(piece) for piece in pieces)


def section(name: str, title: str, *children: Any) -> Markup:
    """A landmark with its heading; ``name`` is its anchor."""
    heading = tag("h2", title, id=f"{name}-title")
    return tag("section", heading, *children, id=name, aria_labelledby=f"{name}-title")


def figure(drawing: Markup, caption: Any, wide: bool = False) -> Markup:
    """A figure with its caption; a wide one scrolls within its own box."""
    inner = scroll(drawing, str(Markup(caption).striptags())) if wide else drawing
    return tag("figure", inner, tag("figcaption", caption))


def scroll(inner: Markup, label: str, class_: str = "scroll") -> Markup:
    """A box that scrolls by itself; it takes the focus, so that keys scroll it too."""
    return tag("div", inner, class_=class_, role="region", aria_label=label, tabindex=0)


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        shown: text or markup.
        value: what the column is sorted by; none takes the text, NaN comes last.
        bar: 0 to 1, drawn behind a number; none draws nothing.
    """

    shown: Any
    value: float | None = None
    bar: float | None = None


def number(value: float, digits: int = 4, bar: bool = False) -> Cell:
    """A number as a cell; ``bar`` draws it as a share of one."""
    known = math.isfinite(value)
    shown = f"{value:.{digits}f}" if known else UNKNOWN
    return Cell(shown, value, value if bar and known else None)


def count(value: int) -> Cell:
    """A whole number as a cell."""
    return Cell(f"{value:,}", float(value))


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]], tall: bool = False
) -> Markup:
    """A table that sorts by each of its columns, in a box that scrolls; a first column of names."""
    rows = list(rows)
    kinds = [_kind([row[place] for row in rows]) for place in range(len(heads))]
    head = tag(
        "tr",
        *(tag("th", h, scope="col", class_=k) for h, k in zip(heads, kinds, strict=True)),
    )
    body = [
        tag("tr", *(_cell(cell, place, kinds[place]) for place, cell in enumerate(row)))
        for row in rows
    ]
    whole = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    return scroll(whole, caption, "scroll tall" if tall else "scroll")


def _kind(cells: Sequence[Cell]) -> str | None:
    return "num" if cells and all(cell.value is not None for cell in cells) else None


def _cell(cell: Cell, place: int, kind: str | None) -> Markup:
    value = None if cell.value is None else f"{cell.value:.9g}"
    inner = cell.shown
    if cell.bar is not None:
        bar = tag("span", class_="bar", style=f"--share:{cell.bar:.4f}", aria_hidden="true")
        inner = join((bar, tag("span", cell.shown)))
    if place == 0:
        return tag("th", inner, scope="row", data_value=value)
    return tag("td", inner, data_value=value, class_=kind)


def details(summary: str, *children: Any) -> Markup:
    """What is there for those who open it."""
    return tag("details", tag("summary", summary), *children)


def picture(jpeg: bytes | None, alt: str) -> Markup:
    """A thumbnail within the page, or an empty frame where there is none."""
    if jpeg is None:
        return tag("div", "no picture", class_="missing")
    source = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
    return tag("img", src=source, alt=alt, width=64, height=64)


def legend(entries: Iterable[tuple[str, str]]) -> Markup:
    """What the colours mean: (class of the colour, words)."""
    items = [
        tag("li", tag("span", class_=f"swatch {colour}", aria_hidden="true"), words)
        for colour, words in entries
    ]
    return tag("ul", *items, class_="legend")


def signed(value: float, digits: int) -> str:
    """A number with its sign, as it is printed."""
    return f"{value:+,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def duration(seconds: float) -> str:
    """``46 s``, ``3 min 05 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
