"""The figures of a sweep as files: PNG, and SVG for a page or a paper."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.metrics.figures import BLUE, GREY, ORANGE, pyplot, tidy
from kernels.results.scores import title
from kernels.results.sweep import CellResult, SweepResult
from kernels.results.sweep_axis import is_wide

GREEN, RED = "#1d7a48", "#b3261e"
_PARTS = {"validation": BLUE, "test": GREEN}
_MANY = 8  # cells; of more the axis has round numbers
_INCHES = 0.45  # of a row


def draw_sweep(folder: Path, sweep: SweepResult) -> None:
    """Write ``sweep.png`` and ``sweep.svg``; nothing where no cell has a score.

    Where the cells differ in one number it is on the x axis; else each cell is a row. Where test
    was measured ``sweep_test.png`` and ``.svg`` have validation and test next to each other.
    """
    if not sweep.known:
        return
    size = (6.8, 4.4) if sweep.axis else (7.6, 1.7 + _INCHES * len(sweep.cells))
    figure, axes = pyplot().subplots(figsize=size)
    for place, cell in enumerate(sweep.cells):
        if cell.value is not None:
            _draw_cell(axes, sweep, cell, place)
    _draw_base(axes, sweep)
    _name_axes(axes, sweep)
    tidy(axes)
    _name_marks(figure, axes)
    _save(figure, folder, "sweep")
    if sweep.measured:
        _draw_parts(folder, sweep)


def _save(figure: Any, folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=150)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    pyplot().close(figure)


def _draw_parts(folder: Path, sweep: SweepResult) -> None:
    """Each metric by which test was measured, on validation and test: a panel with a row a cell."""
    number, names = len(sweep.measured), [cell.name for cell in sweep.cells]
    size = (3.2 + 3.4 * number, 1.7 + 1.3 * _INCHES * len(names))
    figure, panels = pyplot().subplots(1, number, figsize=size, sharey=True, squeeze=False)
    for axes, metric in zip(panels[0], sweep.measured, strict=True):
        for shift, (part, colour) in zip((-0.15, 0.15), _PARTS.items(), strict=True):
            for place, cell in enumerate(sweep.cells):
                _draw_part(axes, cell, place + shift, (part, metric), colour)
        axes.set(xlabel=title(metric), yticks=range(len(names)), yticklabels=names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        tidy(axes)
    figure.suptitle(f"{sweep.title}: validation and test", x=0.01, ha="left", fontsize=10)
    _name_marks(figure, panels[0][0])
    _save(figure, folder, "sweep_test")


def _draw_part(axes: Any, cell: CellResult, y: float, which: tuple[str, str], colour: str) -> None:
    """A cell's mean on a part, its interval, and what others report of it."""
    one, published = cell.of_part(*which), cell.published_of(*which)
    if one.value is not None:
        axes.plot([one.value], [y], "o", color=colour, markersize=7, label=which[0])
    if one.interval:
        axes.plot(one.interval, [y, y], "-", color=colour, linewidth=3, alpha=0.45)
    if published is not None:
        look: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": colour}
        axes.plot([published], [y], "D", **look, markersize=6, label=f"published, {which[0]}")


def _draw_cell(axes: Any, sweep: SweepResult, cell: CellResult, place: int) -> None:
    """A cell's mean, its seeds, the interval of its difference, and what others report of it."""
    colour, ends = _colour(sweep, cell), sweep.reach(cell)
    at = cell.x if sweep.axis and cell.x is not None else float(place)
    if ends:
        look: dict[str, Any] = {"color": colour, "linewidth": 3, "alpha": 0.45}
        words = "95 % interval of the difference to the base"
        _plot(axes, sweep, [at, at], ends, "-", label=words, **look)
    if len(cell.seeds) > 1:
        dots: dict[str, Any] = {
            "color": "white",
            "markeredgecolor": "black",
            "markersize": 4,
            "zorder": 3,
        }
        _plot(
            axes, sweep, [at] * len(cell.seeds), [*cell.seeds.values()], "o", label="a seed", **dots
        )
    _plot(axes, sweep, [at], [cell.value or 0.0], "o", color=colour, markersize=8, label="the mean")
    if sweep.metric in cell.published:
        one = [cell.published[sweep.metric]]
        _plot(axes, sweep, [at], one, "D", color=ORANGE, markersize=6, label="published")


def _draw_base(axes: Any, sweep: SweepResult) -> None:
    """The base's score through all cells, and the means joined where there is an x axis."""
    if sweep.axis:
        points = sorted((cell.x or 0.0, cell.value or 0.0) for cell in sweep.known)
        axes.plot(*zip(*points, strict=True), color=BLUE, linewidth=1, alpha=0.6, zorder=0)
    if sweep.base.value is not None:
        draw = axes.axhline if sweep.axis else axes.axvline
        draw(sweep.base.value, color=GREY, linestyle="--", linewidth=1, zorder=0)


def _name_axes(axes: Any, sweep: SweepResult) -> None:
    lower = "" if sweep.greater_is_better else " (lower is better)"
    score = f"{sweep.metric_in_words} on validation{lower}"
    pictures = f", n = {sweep.pictures}" if sweep.pictures else ""
    axes.set_title(f"{sweep.title}\nchosen on validation{pictures}", loc="left", fontsize=10)
    if not sweep.axis:
        axes.set_xlabel(score)
        axes.set_yticks(range(len(sweep.cells)), [cell.name for cell in sweep.cells])
        axes.set_ylim(len(sweep.cells) - 0.5, -0.5)
        return
    axes.set(xlabel=sweep.axis, ylabel=score)
    values = [cell.x for cell in sweep.cells if cell.x is not None]
    if is_wide(values):
        axes.set_xscale("log")
    if len(values) <= _MANY:
        axes.set_xticks(values, [f"{value:g}".replace("e-0", "e-") for value in values])
        axes.minorticks_off()


def _name_marks(figure: Any, axes: Any) -> None:
    """A legend below, each word once."""
    handles = dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    look: dict[str, Any] = {"frameon": False, "fontsize": 8, "loc": "outside lower center"}
    figure.set_layout_engine("constrained")
    figure.legend(handles.values(), handles.keys(), ncols=len(handles), **look)


def _plot(
    axes: Any,
    sweep: SweepResult,
    at: Sequence[float],
    values: Sequence[float],
    *how: str,
    **look: Any,
) -> None:
    """Values of a cell: upwards over a number, across in a row."""
    axes.plot(*((at, values) if sweep.axis else (values, at)), *how, **look)


def _colour(sweep: SweepResult, cell: CellResult) -> str:
    words = sweep.sure(cell)
    if words.startswith("surely"):
        return GREEN if "better" in words else RED
    return GREY if cell is sweep.base else BLUE
