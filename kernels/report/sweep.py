"""A sweep: its figure, over the one number that differs or with a row a cell, and its table."""

from typing import Any

from markupsafe import Markup

from kernels.report.charts import Chart, bounds, short, ticks
from kernels.report.facts import Facts
from kernels.report.render import UNKNOWN, Key, Section, Table, duration, known
from kernels.report.sweep_test import parts_of
from kernels.results.scores import title
from kernels.results.sweep import CellResult, SweepResult
from kernels.results.sweep_axis import as_shown
from kernels.results.sweep_text import change

LOOKS = {
    "rest": Key("rest", "the base"),
    "good": Key("good", "surely better than the base"),
    "bad": Key("bad", "surely worse"),
    "one": Key("one", "may be chance"),
}
APART = 34  # units of the drawing between two numbers of the x axis, at least


def sweep(facts: Facts) -> Section | None:
    """The comparison; None where no cell has a score."""
    found = facts.sweep
    if found is None or not found.known:
        return None
    low, high = bounds(_values(found))
    looks = {look(found, cell): None for cell in found.known}
    return {
        "title": found.title,
        "source": found.source,
        "digits": found.digits,
        "chart": _chart(found, low, high) if found.axis else None,
        "rows": [] if found.axis else [_row(found, cell) for cell in found.known],
        "share": lambda value: round((value - low) / (high - low), 4),
        "ticks": [(value, short(value)) for value in ticks(low, high)],
        "base": found.base.value,
        "legend": [key for name, key in LOOKS.items() if name in looks],
        "caption": _caption(found),
        "table": _table(found),
        "words": found.words,
        "parts": parts_of(found),
        "failed": {  # the page says nothing of this machine's folders
            name: why.replace(f"{facts.run.folder}/", "") for name, why in found.failed.items()
        },
    }


def look(found: SweepResult, cell: CellResult) -> str:
    """Return the colour of a cell."""
    words = found.sure(cell)
    if words.startswith("surely"):
        return "good" if "better" in words else "bad"
    return "rest" if cell is found.base else "one"


def _values(found: SweepResult) -> list[float]:
    """All that the figure shows."""
    scores = [
        *(cell.value for cell in found.known),
        *(score for cell in found.known for score in cell.seeds.values()),
        *(end for cell in found.known for end in found.reach(cell) or ()),
        *(cell.published.get(found.metric) for cell in found.cells),
    ]
    return [score for score in scores if score is not None]


def _chart(found: SweepResult, low: float, high: float) -> Chart:
    """Scores over the number in which the cells differ."""
    cells = [cell for cell in found.known if cell.x is not None]
    xs = as_shown([cell.x or 0.0 for cell in cells])
    words = [f"{short(cell.x or 0.0)}: {_said(found, cell)}." for cell in cells]
    chart = Chart(
        f"{found.metric_in_words} by {found.axis}. {' '.join(words)}",
        bounds(xs),
        (low, high),
        found.axis,
        found.metric_in_words,
        width=360,
        height=240,
    )
    for x, cell in sorted(zip(xs, cells, strict=True), key=lambda one: one[0]):
        if not chart.x_marks or chart.across(x) >= chart.across(chart.x_marks[-1][0]) + APART:
            chart.x_marks.append((x, short(cell.x or 0.0)))
    if found.base.value is not None:
        chart.line([(end, found.base.value) for end in chart.x])
    points = sorted(zip(xs, (cell.value or 0.0 for cell in cells), strict=True))
    chart.line(points, "line thin one")
    for x, cell in zip(xs, cells, strict=True):
        ends, colour = found.reach(cell), look(found, cell)
        if ends:
            chart.line([(x, end) for end in ends], f"line reach {colour}")
        chart.dot(x, cell.value or 0.0, colour, f"{cell.name}: {_said(found, cell)}", 5)
        for seed, score in _seeds(found, cell).items():
            chart.dot(x, score, "seed", f"{cell.name}, seed {seed}: {cell.rounded(score)}", 2.6)
        if (value := cell.published.get(found.metric)) is not None:
            chart.dot(x, value, "two", f"{cell.name}, published: {value:g}", 4)
    return chart


def _row(found: SweepResult, cell: CellResult) -> dict[str, Any]:
    """What the figure shows of a cell in a row of its own."""
    return {
        "name": cell.name,
        "look": look(found, cell),
        "value": cell.value,
        "words": cell.rounded(cell.value),
        "change": _signed(cell),
        "reach": found.reach(cell),
        "seeds": _seeds(found, cell),
        "published": cell.published.get(found.metric),
    }


def _seeds(found: SweepResult, cell: CellResult) -> dict[str, float]:
    """The score of each seed, where there are several."""
    return dict(cell.seeds) if len(found.seeds) > 1 else {}


def _said(found: SweepResult, cell: CellResult) -> str:
    """A cell's score, its change and what is sure of that."""
    return ", ".join(filter(None, (str(cell), change(cell), found.verdict(cell))))


def _caption(found: SweepResult) -> str:
    """What the marks mean."""
    lower = "" if found.greater_is_better else ", lower is better"
    metric = found.metric_in_words
    mean = f"the mean of {len(found.seeds)} seeds, which are rings" if found.seeds[1:] else "a cell"
    words = [
        f"{metric[:1].upper()}{metric[1:]} on validation{lower}. A dot is {mean}; the line is the "
        f"95 % interval of its difference to the base, which is dashed: where they do not meet, "
        f"the cell is surely better or worse."
    ]
    if any(found.metric in cell.published for cell in found.known):
        words.append("Orange is published.")
    return " ".join(words)


def _table(found: SweepResult) -> Table:
    """Every cell with all that is known of it."""
    models = len({cell.model for cell in found.cells}) > 1
    rows = []
    for cell in found.cells:
        row: dict[str, Any] = {"cell": cell.name, **({"model": cell.model} if models else {})}
        row[found.metric_in_words] = _with_ends(cell)
        if found.seeds[1:]:
            row["seeds"] = _spread(cell)
        row |= {"to the base": _change(cell), "verdict": found.verdict(cell) or UNKNOWN}
        for name in found.published:
            if name in found.measured and name != found.metric:
                continue  # it stands with test
            row[f"published {title(name)}"] = _plain(cell.published.get(name))
            if name != found.metric:
                row[f"our {title(name)}"] = known(cell.alike.get(name), found.digits)
        row |= {"parameters": cell.total_parameters, "trainable": cell.trainable_parameters}
        row |= {"epochs": _plain(cell.epochs), "time": _took(cell)}
        rows.append(row)
    shown = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    return Table("Every cell of the sweep", [{name: row[name] for name in shown} for row in rows])


def _spread(cell: CellResult) -> Any:
    """The lowest and the highest score of a seed."""
    scores = sorted(cell.seeds.values())
    ends = (cell.rounded(scores[0]), cell.rounded(scores[-1])) if scores else ()
    return (scores[-1] - scores[0], " to ".join(dict.fromkeys(ends))) if scores else None


def _with_ends(cell: CellResult) -> Any:
    """A score and its interval."""
    if cell.value is None:
        return None
    around = Markup(' <span class="soft">{}</span>').format(cell.ends) if cell.ends else ""
    return cell.value, Markup("<strong>{}</strong>{}").format(cell.short, around)


def _change(cell: CellResult) -> Any:
    return (cell.difference.value, _signed(cell)) if change(cell) else None


def _signed(cell: CellResult) -> str:
    """Its change as it is printed."""
    return change(cell).replace("-", "\N{MINUS SIGN}")


def _plain(value: float | None) -> Any:
    return None if value is None else (value, f"{value:g}")


def _took(cell: CellResult) -> Any:
    return None if cell.seconds is None else (cell.seconds, duration(cell.seconds))
