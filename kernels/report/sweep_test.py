"""Test next to validation, where a sweep measures it: two rows a cell, and a table."""

from typing import Any

from markupsafe import Markup

from common.files.predictions import PARTS
from kernels.report.charts import bounds, short, ticks
from kernels.report.render import UNKNOWN, Key, Section, Table
from kernels.results.scores import title
from kernels.results.sweep import CellResult, Measured, SweepResult
from kernels.results.sweep_text import part_verdict, signed_words

LOOKS = dict(zip(PARTS, ("one", "good"), strict=True))


def parts_of(found: SweepResult) -> Section | None:
    """Return panels and a table of validation and test; None where test was not measured."""
    if not found.measured:
        return None
    return {
        "legend": [Key(LOOKS[part], part) for part in PARTS],
        "panels": [_panel(found, name) for name in found.measured],
        "table": _table(found),
    }


def _panel(found: SweepResult, name: str) -> Section:
    """One metric: two rows a cell."""
    rows = [_row(cell, part, name) for cell in found.known for part in PARTS]
    rows = [row for row in rows if row["value"] is not None]
    shown = [value for row in rows for value in _values(row)]
    low, high = bounds(shown)
    published = any(row["published"] is not None for row in rows)
    words = f"{title(name)[:1].upper()}{title(name)[1:]}"
    return {
        "rows": rows,
        "digits": min(row["digits"] for row in rows),
        "base": None,
        "share": lambda value: round((value - low) / (high - low), 4),
        "ticks": [(value, short(value)) for value in ticks(low, high)],
        "caption": f"{words}: a dot is the mean over the seeds, with its 95 % interval"
        f"{'; orange is published' if published else ''}.",
    }


def _row(cell: CellResult, part: str, name: str) -> dict[str, Any]:
    """What the figure shows of a part."""
    one = cell.of_part(part, name)
    return {
        "name": f"{cell.name}, {part}",
        "look": LOOKS[part],
        "value": one.value,
        "words": one.short,
        "change": f"({one.ends})" if one.ends else "",
        "reach": one.interval,
        "seeds": {},
        "published": cell.published_of(part, name),
        "digits": one.digits,
    }


def _values(row: dict[str, Any]) -> list[float]:
    return [v for v in (row["value"], row["published"], *(row["reach"] or ())) if v is not None]


def _table(found: SweepResult) -> Table:
    """Every score of validation and test, the difference from the base, and what is published."""
    rows = []
    for cell in found.cells:
        row: dict[str, Any] = {"cell": cell.name}
        for name in found.measured:
            for part in PARTS:
                one, published = cell.of_part(part, name), cell.published_of(part, name)
                row[f"{part} {title(name)}"] = _score(one)
                row[f"published {part} {title(name)}"] = _plain(published)
            row[f"test {title(name)} to the base"] = _change(one, name)
        rows.append(row)
    shown = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    return Table("Validation and test", [{name: row[name] for name in shown} for row in rows])


def _score(one: Measured) -> Any:
    if one.value is None:
        return None
    around = Markup(' <span class="soft">{}</span>').format(one.ends) if one.ends else ""
    return one.value, Markup("<strong>{}</strong>{}").format(one.short, around)


def _change(one: Measured, name: str) -> Any:
    """A difference from the base and what is sure of it; none of the base itself."""
    if not one.change:
        return None
    words = signed_words(one.difference).replace("-", "\N{MINUS SIGN}")
    return one.difference.value, f"{words} {part_verdict(one, name) or UNKNOWN}"


def _plain(value: float | None) -> Any:
    return None if value is None else (value, f"{value:g}")
