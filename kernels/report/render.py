"""The page from its sections: one file with its style and its script inside."""

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from common.text import printable_lines

HERE = Path(__file__).parent
UNKNOWN = "\N{EN DASH}"
Section = dict[str, Any]  # what its template shows, as ``d``, and its ``title``


@dataclass(frozen=True)
class Key:
    """What a colour means: the class of the colour, words, and a style for colours of ``hue``."""

    look: str
    words: str
    style: str = ""


@dataclass(frozen=True)
class Table:
    """A table that sorts by each of its columns.

    Attributes:
        caption: for those who do not see it.
        rows: by heading: words, a number (a float has three decimals), or a number and its words;
            None and what is missing are unknown.
    """

    caption: str
    rows: Sequence[Mapping[str, Any]]

    @property
    def columns(self) -> dict[str, bool]:
        """The headings, and whether numbers are below them."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return {n: not all(isinstance(row.get(n, ""), str) for row in self.rows) for n in names}


def render(facts: Any, head: dict[str, Any], sections: Mapping[str, Section]) -> str:
    """Return the whole document; its templates read ``facts``, and each its section's data.

    Its policy allows no request at all, and no script but the page's own, known by its hash.
    Everything from a run is escaped, and without control characters.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {f.__name__: f for f in (number, signed, duration, data, cell)}
    environment.globals["facts"] = facts
    script, style = ((HERE / name).read_text("utf-8") for name in ("page.js", "page.css"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    own = {"style": style, "script": script, "digest": digest}
    page = environment.get_template("page.html").render(head=head, sections=sections, **own)
    return printable_lines(page)


def cell(value: Any, numeric: bool, heads: bool) -> Markup:
    """Return a cell of a ``Table``; ``heads`` if it is its row's first."""
    words = value or UNKNOWN
    if isinstance(value, tuple):
        value, words = value
    elif numeric:
        words = number(value, 0 if isinstance(value, Integral) else 3)
    tag, more = ("th", ' scope="row"') if heads else ("td", ' class="num"' if numeric else "")
    if numeric:
        more += f' data-value="{math.nan if value is None else value:.9g}"'
    return Markup("<{0}{1}>{2}</{0}>").format(tag, Markup(more), words)


def known(value: float | None, digits: int) -> tuple[float | None, str]:
    """Return the cell of a number with so many decimals."""
    return value, number(value, digits)


def bar(share: float | None) -> Any:
    """Return the cell of a share of one: a bar and its number."""
    if share is None:
        return None
    drawn = Markup('<span class="bar" style="--share:{:.4f}" aria-hidden="true"></span>{:.3f}')
    return share, drawn.format(share, share)


def number(value: float | None, digits: int = 4) -> str:
    """A number with so many decimals; a dash if it is unknown."""
    known = value is not None and math.isfinite(value)
    return f"{value:,.{digits}f}" if known else UNKNOWN


def signed(value: float, digits: int = 0) -> str:
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


def data(content: bytes, kind: str = "image/jpeg") -> str:
    """A file as an address that needs no request."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def colour(label: int) -> tuple[int, int, int]:
    """Return hue, lightness above the page's ``--ink`` and saturation of class ``label``.

    Neighbouring numbers lie far apart on the wheel (the golden angle); those that come close on
    it, which differ by a Fibonacci number, differ in tone or in purity.
    """
    return round(label * 137.508 % 360), label * 3 % 4 * 8 - 13, (80, 58, 38)[label // 4 % 3]


def hue(label: int) -> str:
    """Return the CSS of that colour."""
    turn, tone, pure = colour(label)
    return f"--hue:{turn};--tone:{tone}%;--pure:{pure}%"
