"""Files of trained networks: how large each is, how long a picture takes, and what it is worth."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup

from common.networks.export import KERAS
from kernels.report.charts import Chart, bounds, short, ticks
from kernels.report.facts import Facts
from kernels.report.render import Section, Table, hue, known, signed
from kernels.results.sizes import WITH_ADAM, WORDS, SizedFile, front, gather_sizes

COLOURS = ("one", "two", "three", "four", "five")  # of the first models
# Each kind's mark as a path around its middle, 10 units wide.
MARKS = {
    "int8": "m-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
    "float16": "m0 -6l5.5 10h-11z",
    "float32": "m-4.5 -4.5h9v9h-9z",
    KERAS: "m-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
    WITH_ADAM: "m0 -6l6 6l-6 6l-6 -6z",
}
HOLLOW = (KERAS, WITH_ADAM)  # what is no file for a phone
Box = tuple[float, float, float, float]  # left, top, right and bottom
LETTER, LINE = 6.2, 13.0  # of the words in the drawing, about


def exports(facts: Facts) -> Section | None:
    """A chart of size against the metric, and a table; None where no kernel wrote such files."""
    files = gather_sizes(facts.kernels, facts.sweep)
    measured = [file for file in files if file.value is not None]
    if not measured:
        return None
    seeds, counts = max(file.seeds for file in files), {file.n for file in measured if file.n}
    return {
        "title": "Size and " + facts.metric,
        "n": " to ".join(f"{n:,}" for n in sorted({min(counts), max(counts)})) if counts else "",
        "machines": sorted({file.machine for file in files if file.machine}),
        "threads": sorted({file.threads for file in files if file.threads}),
        "seeds": seeds,
        "miniatures": sorted({file.model for file in files if file.miniature}),
        "chart": _chart(facts, measured),
        "marks": [(path, kind in HOLLOW, WORDS.get(kind, kind)) for kind, path in MARKS.items()],
        "tables": _tables(facts, files),
    }


def _models(files: Sequence[SizedFile]) -> list[tuple[str, str, str]]:
    """Each model's style, class of its colour, and name."""
    names = dict.fromkeys(file.model for file in files)
    return [
        ("", COLOURS[place], name) if place < len(COLOURS) else (hue(place), "hued", name)
        for place, name in enumerate(names)
    ]


def _chart(facts: Facts, files: Sequence[SizedFile]) -> Chart:
    """The files by size (its logarithm) and score; a line joins those of one model."""
    greater = facts.competition.scoring.greater_is_better
    sizes = [math.log10(file.megabytes) for file in files]
    low, high = bounds(sizes, 0.08)
    said = ". ".join(_said(file) for file in files)
    label = f"{facts.metric} on validation over the size of the file. {said}"
    ends = bounds([file.value or 0.0 for file in files], 0.14)
    chart = Chart(label, (low, high), ends, "MB", facts.metric, width=360, height=300)
    chart.x_marks = _megabytes(chart)
    best = front(files, greater)
    _draw_front(chart, best)
    labels = _Labels(chart, [_point(chart, file) for file in files])
    for style, look, name in _models(files):
        own = sorted((f for f in files if f.model == name), key=lambda file: file.bytes)
        points = [(math.log10(file.megabytes), file.value or 0.0) for file in own]
        chart.add("path", f"line thin {look}", d=_joined(chart, points), style=style)
        for file in own:
            hollow = " hollow" if file.kind in HOLLOW else ""
            x, y = _point(chart, file)
            at = f"M{x} {y}{MARKS[file.kind]}"
            chart.add("path", f"dot {look}{hollow}", _said(file), d=at, style=style)
        labels.place(name, look, style, [_point(chart, file) for file in own])
    return chart


def _point(chart: Chart, file: SizedFile) -> tuple[float, float]:
    return chart.across(math.log10(file.megabytes)), chart.up(file.value or 0.0)


def _joined(chart: Chart, points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{chart.across(x)} {chart.up(y)}" for x, y in points)


def _draw_front(chart: Chart, best: Sequence[SizedFile]) -> None:
    """Steps along the files that no other one beats in both size and score."""
    steps: list[tuple[float, float]] = []
    for file in best:
        x, y = math.log10(file.megabytes), file.value or 0.0
        steps += [(x, steps[-1][1])] if steps else []
        steps.append((x, y))
    chart.line([*steps, (chart.x[1], steps[-1][1])], "line dashed rest")


def _megabytes(chart: Chart) -> list[tuple[float, str]]:
    """Round sizes on the axis: 1, 2, 5, 10, …; in a narrow range evenly spaced ones."""
    low, high = chart.x
    powers = range(math.floor(low), math.ceil(high) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5)):
        values = [step * 10.0**power for power in powers for step in steps]
        found = [value for value in values if low <= math.log10(value) <= high]
        if len(found) >= 4:
            break
    else:
        found = [value for value in ticks(10**low, 10**high) if value > 0]
    return [(math.log10(value), short(value)) for value in found]


class _Labels:
    """Puts each model's name where it covers no mark and no other name, if it can."""

    def __init__(self, chart: Chart, points: Sequence[tuple[float, float]]):
        self._chart = chart
        self._taken = [(x - 6.0, y - 6.0, x + 6.0, y + 6.0) for x, y in points]

    def place(
        self, name: str, look: str, style: str, points: Sequence[tuple[float, float]]
    ) -> None:
        """Draw a name near one of its model's points."""
        wide = len(name) * LETTER
        boxes = [box for point in points for box in self._near(point, wide)]
        free = min(boxes, key=self._overlap)
        self._taken.append(free)
        x, y = round(free[0], 1), round(free[3] - 3, 1)
        self._chart.add("text", f"name-of {look}", text=name, x=x, y=y, style=style)

    def _near(self, point: tuple[float, float], wide: float) -> list[Box]:
        """Boxes above, below, to the right and to the left of a point, within the drawing."""
        x, y = point
        corners = [(x - wide / 2, y - 8 - LINE), (x - wide / 2, y + 8)]
        corners += [(x + 9, y - LINE / 2), (x - 9 - wide, y - LINE / 2)]
        corners += [(x - 4, y - 8 - LINE), (x + 4 - wide, y + 8), (x - 4, y + 8)]
        low, high = self._chart.left + 2, self._chart.width - self._chart.right - wide
        top, bottom = self._chart.top, self._chart.height - self._chart.bottom - LINE
        inside = [(max(low, min(high, left)), max(top, min(bottom, up))) for left, up in corners]
        return [(left, up, left + wide, up + LINE) for left, up in inside]

    def _overlap(self, box: Box) -> float:
        """How much of a box is taken."""
        total = 0.0
        for one in self._taken:
            across = min(box[2], one[2]) - max(box[0], one[0])
            down = min(box[3], one[3]) - max(box[1], one[1])
            total += max(0.0, across) * max(0.0, down)
        return total


def _said(file: SizedFile) -> str:
    """A file's size, score and time in words."""
    took = f", {file.milliseconds:.1f} ms" if file.milliseconds is not None else ""
    return f"{file.model}, {file.words}: {file.megabytes:.1f} MB, {file}{took}"


def _tables(facts: Facts, files: Sequence[SizedFile]) -> list[Table]:
    """A row for each model, a column for each kind of file: size, score, difference and time."""
    shown: dict[str, Callable[[SizedFile], Any]] = {
        "MB": lambda file: known(file.megabytes, 1),
        facts.metric: _with_ends,
        f"{facts.metric}, less that of Keras' weights": _change,
        "Milliseconds of a picture": _took,
    }
    return [_table(title, cell, files) for title, cell in shown.items()]


def _table(title: str, cell: Callable[[SizedFile], Any], files: Sequence[SizedFile]) -> Table:
    """One of them, without the kinds of which nothing is known."""
    kinds = [k for k in MARKS if any(file.kind == k and cell(file) for file in files)]
    if title != "MB" and WITH_ADAM in kinds:
        kinds.remove(WITH_ADAM)  # it is the same network
    rows: dict[str, dict[str, Any]] = {}
    for file in files:
        name = f"{file.model} (miniature)" if file.miniature else file.model
        row = rows.setdefault(name, {"model": name})
        if title == "MB":
            row |= {"parameters": file.total_parameters, "trainable": file.trainable_parameters}
        if file.kind in kinds:
            row[file.words] = cell(file)
    names = ["model", "parameters", "trainable", *(WORDS.get(kind, kind) for kind in kinds)]
    return Table(title, [{n: row[n] for n in names if n in row} for row in rows.values()])


def _with_ends(file: SizedFile) -> Any:
    if file.value is None:
        return None
    around = Markup(' <span class="soft">{}</span>').format(file.ends) if file.ends else ""
    return file.value, Markup("<strong>{}</strong>{}").format(file.short, around)


def _change(file: SizedFile) -> Any:
    gain = file.gain
    if gain.value is None:
        return None
    if gain.same:
        return gain.value, gain.same
    ends = " to ".join(signed(end, gain.digits) for end in gain.interval or ())
    around = Markup(' <span class="soft">{}</span>').format(ends) if ends else ""
    return gain.value, Markup("{}{}").format(signed(gain.value, gain.digits), around)


def _took(file: SizedFile) -> Any:
    if file.milliseconds is None:
        return None
    low, high = file.quartiles or (file.milliseconds, file.milliseconds)
    around = Markup(' <span class="soft">{:.1f} to {:.1f}</span>').format(low, high)
    return file.milliseconds, Markup("{:.1f}{}").format(file.milliseconds, around)
