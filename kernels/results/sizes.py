"""The files of trained networks, compared: how large, how fast and how good each is.

Kernels with ``export=yes`` have measured them (``common.training.exporting``); of a cell of a sweep
with several seeds the means are given. An interval is then the mean of theirs, which is no narrower
than that of the mean.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from common.data.tables import write_table
from common.networks.export import KERAS, KINDS
from kernels.results.output import KernelOutput
from kernels.results.scores import Interval, Validated, as_mapping, read_interval, read_number
from kernels.results.sweep import SweepResult

TABLE = "sizes.csv"
WITH_ADAM = "with Adam's state"
WORDS = {KERAS: "Keras' weights", WITH_ADAM: WITH_ADAM}  # LiteRT's are called by their kind
_COUNTS = ("total_parameters", "trainable_parameters")


@dataclass(frozen=True, kw_only=True)
class SizedFile(Validated):
    """One file of a network; what its kernels did not write is None or empty.

    The score is of one view of each picture of validation.

    Attributes:
        model: the kernel, or the cell of a sweep.
        kind: ``keras``, its weights; the same ``with Adam's state``; or one of LiteRT's ``KINDS``.
        bytes: of the file.
        difference: of the score, less that of Keras' weights; ``change`` is its interval.
        milliseconds: of a picture, the median; ``quartiles`` around it.
        threads, machine: that it was run on.
        seeds: how many trainings the figures are the means of.
        miniature: whether it is a small network that stands for the recipe's.
    """

    model: str
    kind: str
    bytes: float
    total_parameters: int | None = None
    trainable_parameters: int | None = None
    difference: float | None = None
    change: Interval | None = None
    milliseconds: float | None = None
    quartiles: Interval | None = None
    threads: int | None = None
    machine: str = ""
    seeds: int = 1
    miniature: bool = False

    @property
    def megabytes(self) -> float:
        """Its size in 10^6 bytes."""
        return self.bytes / 1e6

    @property
    def words(self) -> str:
        """What file it is."""
        return WORDS.get(self.kind, self.kind)

    @property
    def gain(self) -> Validated:
        """Its difference to Keras' weights, with an interval."""
        return Validated(self.difference, self.change, self.n)


def gather_sizes(outputs: Sequence[KernelOutput], sweep: SweepResult | None) -> list[SizedFile]:
    """Return the files of each kernel, or of each cell of a sweep; none where none has any."""
    known = {output.name: output for output in outputs if output.trained}
    groups = {name: [output] for name, output in known.items()}
    if sweep:
        groups = {
            cell.name: [known[name] for name in cell.kernels if name in known]
            for cell in sweep.cells
        }
    return [file for name, own in groups.items() for file in _files(name, own)]


def _files(model: str, outputs: Iterable[KernelOutput]) -> list[SizedFile]:
    """The files of one model, Keras' first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    recipe: Mapping[str, Any] = {}
    for output in outputs:
        recipe, exports = output.facts("recipe"), output.metrics.get("exports")
        for one in map(as_mapping, exports if isinstance(exports, list) else ()):
            kind, adam = str(one.get("kind")), read_number(one.get("bytes_with_optimizer"))
            if read_number(one.get("bytes")) is not None:
                found.setdefault(kind, []).append(one)
            if kind == KERAS and adam is not None:
                found.setdefault(WITH_ADAM, []).append({**one, "bytes": adam})
    total, trainable = (_whole(found.get(KERAS, ()), name) for name in _COUNTS)
    # The network of some recipes is small enough for a dry run as it is.
    small = bool(recipe.get("miniature")) and recipe.get("total_parameters") != total
    counts = {"total_parameters": total, "trainable_parameters": trainable}
    kinds = [kind for kind in (KERAS, WITH_ADAM, *KINDS) if kind in found]
    return [_file(found[k], model=model, kind=k, miniature=small, **counts) for k in kinds]


def _file(several: Sequence[Mapping[str, Any]], **known: Any) -> SizedFile:
    """The means of what the seeds' trainings say of their files."""
    changes = [as_mapping(one.get("change")) for one in several]
    return SizedFile(
        **known,
        bytes=_mean(several, "bytes") or 0.0,
        validation_score=_mean(several, "score"),
        interval=_ends(several),
        difference=_mean(changes, "difference"),
        change=_ends(changes),
        milliseconds=_mean(several, "milliseconds"),
        quartiles=_ends(several, "quartiles"),
        machine=" and ".join(
            dict.fromkeys(str(one["machine"]) for one in several if "machine" in one)
        ),
        seeds=len(several),
        n=_whole(several, "n"),
        threads=_whole(several, "threads"),
    )


def _mean(several: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """The mean of a number; None where one does not have it."""
    values = [read_number(one.get(name)) for one in several]
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


def _ends(several: Sequence[Mapping[str, Any]], name: str = "interval") -> Interval | None:
    """The means of the lower and the upper ends."""
    ends = [found for one in several if (found := read_interval(one, name))]
    if not ends or len(ends) < len(several):
        return None
    low, high = map(fmean, zip(*ends, strict=True))
    return low, high


def _whole(several: Sequence[Mapping[str, Any]], name: str) -> int | None:
    """The mean of a number that all seeds should have in common."""
    mean = _mean(several, name)
    return None if mean is None else round(mean)


def front(files: Sequence[SizedFile], greater_is_better: bool) -> list[SizedFile]:
    """Return the files that no other one beats in both size and score, by size."""
    sign, found = (1 if greater_is_better else -1), list[SizedFile]()
    known = [file for file in files if file.value is not None]
    for file in sorted(known, key=lambda one: (one.bytes, -sign * (one.value or 0.0))):
        if not found or sign * (file.value or 0.0) > sign * (found[-1].value or 0.0):
            found.append(file)
    return found


def write_sizes(folder: Path, files: Sequence[SizedFile]) -> None:
    """Write ``sizes.csv``, a row a file; nothing where there is none."""
    if not files:
        return
    header = [
        *("model", "miniature", *_COUNTS, "file", "bytes", "score", "low", "high", "n", "seeds"),
        *("difference", "difference_low", "difference_high"),
        *("milliseconds", "quartile_low", "quartile_high", "threads", "machine"),
    ]
    none = (None, None)
    rows = [
        [
            *(one.model, one.miniature, one.total_parameters, one.trainable_parameters),
            *(one.kind, round(one.bytes), one.value, *(one.interval or none), one.n, one.seeds),
            *(one.difference, *(one.change or none)),
            *(one.milliseconds, *(one.quartiles or none), one.threads, one.machine),
        ]
        for one in files
    ]
    write_table(folder / TABLE, header, rows)
