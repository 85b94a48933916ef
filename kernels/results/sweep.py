"""A sweep's result as plain data, which ``sweep.json`` has: cells, scores, what is sure."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from common.sweep import LOSS
from kernels.results.scores import Interval, Validated, read_interval, read_number, title, verdict

NAME, TABLE = "sweep.json", "sweep.csv"


@dataclass(frozen=True, kw_only=True)
class Measured(Validated):
    """What a cell scores by one metric on one part: the mean over its seeds.

    Attributes:
        seeds: the score of each seed, by its number as text; the mean over its splits.
        splits: the score of each split into folds, of each seed; empty where there is one.
        change: what it gains over the base (``common.metrics.bootstrap.compare``).
        paired: whether it was measured on the base's pictures.
    """

    seeds: Mapping[str, float] = field(default_factory=dict)
    splits: Sequence[float] = ()
    change: Mapping[str, Any] = field(default_factory=dict)
    paired: bool = True

    @property
    def difference(self) -> Validated:
        """Its score less the base's, with the interval of that."""
        return Validated(read_number(self.change.get("difference")), self.change_ends, self.n)

    @property
    def change_ends(self) -> Interval | None:
        """The interval of its score less the base's, 95 %."""
        return read_interval(self.change)


@dataclass(frozen=True, kw_only=True)
class CellResult(Measured):
    """One cell, by the competition's metric on validation; what it did not reach is None or empty.

    Attributes:
        name, model, settings, published, published_test: as its sweep has them.
        kernels: the names of its trainings, or of their folds.
        alike: its scores by the metrics that others have published figures of.
        parts: what it scores on ``validation`` and on ``test``, by metric; empty unless the sweep
            measures test.
        total_parameters, trainable_parameters: of its network.
        epochs: that it was trained for, the mean over its kernels.
        seconds: of one training with all its folds, the mean over its seeds.
        x: its number, where the cells differ in one.
    """

    name: str
    model: str
    settings: Mapping[str, Any]
    published: Mapping[str, float]
    kernels: Sequence[str]
    published_test: Mapping[str, float] = field(default_factory=dict)
    alike: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, Measured]] = field(default_factory=dict)
    total_parameters: int | None = None
    trainable_parameters: int | None = None
    epochs: float | None = None
    seconds: float | None = None
    x: float | None = None

    def of_part(self, part: str, metric: str) -> Measured:
        """Return what it scores on a part by a metric; without a score where that is unknown."""
        return self.parts.get(part, {}).get(metric, Measured())

    def published_of(self, part: str, metric: str) -> float | None:
        """Return what others report of it, on ``validation`` or ``test``."""
        return (self.published_test if part == "test" else self.published).get(metric)


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """A sweep with its cells in their order; the first one is the base.

    Attributes:
        name, title, source: as it was asked for.
        metric: the competition's.
        seeds: their numbers.
        folds: of each training, of all splits; 0 without.
        splits: how often the pictures are split into folds.
        counts: of the pictures that each training was validated on.
        grouped: whether intervals are of whole groups of pictures, such as patients.
        small: whether miniatures of some networks were trained.
        axis: what the cells' ``x`` is; empty where they differ in more than one number.
        failed: the kernels without a result, and why.
        test: whether test was measured, too.
        row_word: what a score is of, as its task says.
    """

    name: str
    title: str
    source: str
    metric: str
    greater_is_better: bool
    seeds: Sequence[int]
    folds: int
    counts: Sequence[int]
    grouped: bool
    small: bool
    axis: str
    cells: Sequence[CellResult]
    failed: Mapping[str, str]
    splits: int = 1
    test: bool = False
    row_word: str = "picture"

    @property
    def base(self) -> CellResult:
        """What the others are compared with."""
        return self.cells[0]

    @property
    def known(self) -> list[CellResult]:
        """The cells with a score."""
        return [cell for cell in self.cells if cell.value is not None]

    @property
    def best(self) -> CellResult | None:
        """The cell with the best score."""
        sign = 1 if self.greater_is_better else -1
        return max(self.known, key=lambda cell: sign * (cell.value or 0.0), default=None)

    @property
    def pictures(self) -> str:
        """How many pictures the cells were validated on: ``70``, or ``870 to 879``."""
        ends = [f(self.counts) for f in (min, max)] if self.counts else []
        return " to ".join(f"{number:,}" for number in dict.fromkeys(ends))

    @property
    def digits(self) -> int:
        """How many decimals all its scores are shown with: those that the least sure carries."""
        return min((cell.digits for cell in self.known), default=4)

    @property
    def published(self) -> list[str]:
        """The metrics of which others have published figures."""
        return list(dict.fromkeys(name for cell in self.cells for name in cell.published))

    @property
    def measured(self) -> list[str]:
        """The metrics by which test was measured; empty where it was not."""
        found = [cell.parts["test"] for cell in self.cells if cell.parts.get("test")]
        return list(found[0]) if found else []

    @property
    def metric_in_words(self) -> str:
        """The metric's title."""
        return title(self.metric)

    def reach(self, cell: CellResult) -> Interval | None:
        """Return the interval of a cell's difference to the base, from the base's score on.

        Where it does not meet that score, the cell is surely better or worse.
        """
        ends, base = cell.change_ends, self.base.value
        return (base + ends[0], base + ends[1]) if ends and base is not None else None

    def sure(self, cell: CellResult) -> str:
        """Return whether a cell is surely better or worse than the base, in words."""
        return "the base" if cell is self.base else verdict(cell.change, self.greater_is_better)

    def remarks(self, cell: CellResult) -> list[str]:
        """Return what a cell lacks to be compared in full."""
        missing = len(cell.seeds) < len(self.seeds)
        return [
            *([f"other {self.row_word}s"] if not cell.paired else []),
            *([f"{len(cell.seeds)} of {len(self.seeds)} seeds"] if missing else []),
        ]

    def verdict(self, cell: CellResult) -> str:
        """Return both."""
        return ", ".join(filter(None, (self.sure(cell), *self.remarks(cell))))

    @property
    def fault(self) -> str:
        """What has no result, in one line; empty if all have one."""
        if not self.failed:
            return ""
        name, why = next(iter(self.failed.items()))
        number = sum(len(cell.kernels) for cell in self.cells)
        first = why if name in why else f"{name}: {why}"
        return (
            f"{len(self.failed)} of {number} kernels of the sweep failed: {first}; the same "
            f"command goes on with what is missing"
        )

    @property
    def _test_in_words(self) -> str:
        if not self.measured:
            return "test was not looked at"
        sizes = {cell.of_part("test", self.metric).n for cell in self.known} - {None}
        n = f" (n = {sizes.pop():,})" if len(sizes) == 1 else ""
        return f"test{n} was measured, too, and nothing was chosen by it"

    @property
    def words(self) -> list[str]:
        """What its figures are of, a sentence each."""
        pictures = f", n = {self.pictures}" if self.pictures else ""
        several = f" of {self.splits} splits" if self.splits > 1 else ""
        folds = f", out of {self.folds} folds{several}" if self.folds else ""
        over = ["seeds"] * (len(self.seeds) > 1) + ["splits"] * (self.splits > 1)
        of = f"of the mean over {' and '.join(over)}, " if over else ""
        several = f"{self.row_word}s"
        drawn = f"whole groups of {several}" if self.grouped else several
        said = [
            f"Chosen on validation{pictures}{folds}: the best of {len(self.cells)} cells scores a "
            f"little too well there; {self._test_in_words}.",
            f"Intervals are {of}by bootstrap over {drawn}; a difference is of the same draws.",
        ]
        if len(self.seeds) > 1 and all(len({*cell.seeds.values()}) == 1 for cell in self.known):
            said.append("Seeds agree: nothing in these trainings is random.")
        if len(self.cells) > 2:
            said.append("Of 20 cells without any effect, one would look sure by chance.")
        if LOSS in self.measured:
            said.append("The loss has the penalties on weights in it, as it is published.")
        if self.small:
            said.append("Miniatures of the networks were trained: scores say that the path works.")
        if not all(cell.paired for cell in self.known):
            said.append(f"Cells with other validation {several} are compared unpaired.")
        return said


def sweep_of(values: Mapping[str, Any]) -> SweepResult | None:
    """Return the sweep that ``sweep.json`` has; None where it has none, or a damaged one."""
    with suppress(TypeError, KeyError):
        cells = [CellResult(**{**_read(one), "parts": _parts(one)}) for one in values["cells"]]
        return SweepResult(**{**values, "cells": cells}) if cells else None
    return None


def _read(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**values, "interval": read_interval(values)}


def _parts(cell: Mapping[str, Any]) -> dict[str, dict[str, Measured]]:
    return {
        part: {name: Measured(**_read(values)) for name, values in found.items()}
        for part, found in cell.get("parts", {}).items()
    }
