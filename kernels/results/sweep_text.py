"""A sweep in words, for the terminal and the history."""

from collections.abc import Iterator

from common.files.predictions import PARTS
from common.metrics.metric import find_metric
from common.sweep import LOSS
from kernels.results.layout import WIDE, aligned, laid_out, wrapped
from kernels.results.scores import Validated, title, verdict
from kernels.results.sweep import CellResult, Measured, SweepResult


def sweep_lines(sweep: SweepResult) -> list[str]:
    """Return what is compared, two lines a cell, and what the figures are of, for the terminal."""
    lines = [line for words in _heads(sweep) for line in wrapped(words, "  ")]
    below = [[_details(sweep, cell), *_parts(sweep, cell)] for cell in sweep.cells]
    rows = _rows(sweep)
    if max(map(len, aligned(rows))) > WIDE - 2:  # long names have lines of their own
        below = [
            [" ".join(filter(None, row[1:])), *more] for row, more in zip(rows, below, strict=True)
        ]
        rows = [row[:1] for row in rows]
    lines += laid_out(rows, below)
    return [*lines, "", *wrapped(" ".join(sweep.words), "  ")]


def _heads(sweep: SweepResult) -> list[str]:
    """Return what is compared, and how it is measured, a line each."""
    models = list(dict.fromkeys(cell.model for cell in sweep.cells))
    of = "" if models[0] in sweep.title and len(models) == 1 else f" of {', '.join(models)}"
    better = "higher" if sweep.greater_is_better else "lower"
    source = f"; {sweep.source}" if sweep.source else ""
    splits = f"{sweep.splits} splits x " if sweep.splits > 1 else ""
    folds = f" x {splits}{sweep.folds // sweep.splits} folds" if sweep.folds else ""
    seeds = f"{len(sweep.seeds)} seed{'s' * (len(sweep.seeds) > 1)}"
    return [
        f"{sweep.title}: {len(sweep.cells)} cells x {seeds}{folds}{of}{source}",
        f"{sweep.metric_in_words} on validation, {better} is better; 95 % intervals in parentheses",
    ]


def _rows(sweep: SweepResult) -> list[tuple[str, ...]]:
    """Return each cell's name, score, difference to the base, and what is sure of it."""
    found: list[tuple[str, ...]] = []
    for cell in sweep.cells:
        score = "no result" if cell.value is None else cell.short
        around = f" ({cell.ends})" if cell.ends else ""
        found.append((cell.name, f"{score}{around}", change(cell), sweep.sure(cell)))
    return found


def change(cell: CellResult) -> str:
    """Return a cell's difference to the base with its interval; empty where none is known."""
    return signed_words(cell.difference)


def signed_words(one: Validated) -> str:
    """Return a difference with its interval: ``+0.012 (-0.003 to +0.027)``; empty if unknown.

    Where no picture makes a difference it is ``the same on all 25``.
    """
    if one.value is None:
        return ""
    if one.same:
        return one.same
    value, *ends = [
        f"{round(number, one.digits) + 0.0:+.{one.digits}f}"  # there is no -0.000
        for number in (one.value, *(one.interval or ()))
    ]
    around = " to ".join(ends)
    return f"{value} ({around})" if ends else value


def _details(sweep: SweepResult, cell: CellResult) -> str:
    """Return what else is known: what it lacks, seeds, parameters, epochs, time, published."""
    return "; ".join(filter(None, _facts(sweep, cell)))


def _facts(sweep: SweepResult, cell: CellResult) -> Iterator[str]:
    yield ", ".join(sweep.remarks(cell))
    if len(sweep.seeds) > 1 and cell.seeds:
        yield f"seeds {', '.join(map(cell.rounded, cell.seeds.values()))}"
    if cell.splits:
        yield f"splits {cell.rounded(min(cell.splits))} to {cell.rounded(max(cell.splits))}"
    if cell.total_parameters is not None:
        yield f"{cell.total_parameters:,} parameters, {cell.trainable_parameters or 0:,} trainable"
    if cell.epochs:
        yield "1 epoch" if cell.epochs == 1 else f"{cell.epochs:g} epochs"
    if cell.seconds is not None:
        yield f"{cell.seconds:.0f} s"
    for name, value in cell.published.items():
        if name in sweep.measured and name != sweep.metric:
            continue  # it stands with the score on validation
        ours = cell.alike.get(name)
        same = f" (ours {cell.rounded(ours)})" if ours is not None and name != sweep.metric else ""
        yield f"published {title(name)} {value:g}{same}"


def _parts(sweep: SweepResult, cell: CellResult) -> Iterator[str]:
    """Return what a cell scores on validation by other metrics, and all that it does on test."""
    for part in PARTS:
        names = [n for n in sweep.measured if part == "test" or n != sweep.metric]
        words = [words for name in names if (words := _of_part(cell, part, name))]
        if words:
            yield f"{part}: {'; '.join(words)}"


def _of_part(cell: CellResult, part: str, name: str) -> str:
    """Return one score, its change and what is sure of that, and the published one."""
    one, published = cell.of_part(part, name), cell.published_of(part, name)
    if one.value is None:
        return ""
    around = f" ({one.ends})" if one.ends else ""
    more = (signed_words(one.difference), part_verdict(one, name))
    said = f"{title(name)} {one.short}{around}{''.join(f', {words}' for words in more if words)}"
    return said if published is None else f"{said}, published {published:g}"


def part_verdict(one: Measured, metric: str) -> str:
    """Return whether a score by a metric, or ``loss``, is surely better than the base's."""
    return verdict(one.change, metric != LOSS and find_metric(metric).greater_is_better)


def in_short(sweep: SweepResult) -> str:
    """Return a sweep in one line, for the history."""
    best = sweep.best
    words = f"sweep {sweep.name}: {len(sweep.known)} of {len(sweep.cells)} cells"
    if best is None:
        return words
    return f"{words}, best {best.name} {best.short} ({sweep.verdict(best)})"
