"""The comparison that ``--sweep`` asks for: one of the competition's own, or of typed values."""

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slugify import slugify

from common.competition import Competition
from common.errors import UserError
from common.metrics.metric import find_metric
from common.recipe import nearest
from common.sweep import LOSS, Cell, Sweep
from kernels.plan.find import load_module

MOST = 60  # trainings of one sweep
_LONGEST, _SHORTEST = 50, 8  # characters of a slug, and of a model in it
_TYPED = "--sweep FIELD=VALUE,VALUE with --model"


@dataclass(frozen=True)
class ChosenSweep:
    """A sweep as it was asked for."""

    name: str  # of the competition's, or the values as they were typed
    sweep: Sweep
    seeds: tuple[int, ...]
    kernels: Mapping[str, str]  # by cell, the beginning of its kernels' names

    @property
    def members(self) -> tuple[str, ...]:
        """Return the names of its trainings."""
        kernels = self.kernels.values()
        return tuple(f"{kernel}-seed{seed}" for kernel in kernels for seed in self.seeds)


def choose_sweep(
    competition: Competition,
    asked: Sequence[str],
    models: Sequence[str],
    seeds: int | None = None,
    first: int = 0,
    folds: int | None = None,
) -> ChosenSweep:
    """Return the sweep that ``--sweep`` and ``--model`` name.

    ``seeds`` are how many from ``first`` on, by default the sweep's own. With ``folds`` a kernel's
    name may end in the number of one. Raises UserError for one that is unknown, or compares
    nothing.
    """
    typed = [one for one in asked if "=" in one]
    if len(typed) < len(asked) and len(asked) > 1:
        raise UserError(f"--sweep {' and '.join(asked)}: give one sweep by its name, or {_TYPED}")
    sweep = _typed(typed, models) if typed else _named(competition, asked[0], models)
    name = " ".join(asked)
    if len(sweep.cells) < 2:
        raise UserError(f"--sweep {name}: a comparison has two cells or more, this has one")
    number = sweep.seeds if seeds is None else seeds
    if number < 1:
        raise UserError(f"--seeds {number}: give 1 or more")
    if not 0 <= first <= 2**32 - number:
        raise UserError(f"--seed {first}: its seeds must be from 0 to {2**32 - 1}")
    room = _LONGEST - len(f"{competition.name}--seed{first + number - 1}{'-fold19' * bool(folds)}")
    kernels = _kernels("" if typed else name, sweep, room)
    chosen = ChosenSweep(name, sweep, tuple(range(first, first + min(number, MOST + 1))), kernels)
    check_number(chosen, len(sweep.cells))
    return chosen


def check_number(chosen: ChosenSweep, kernels: int) -> None:
    """Raise UserError for more kernels than a sweep may have; ``kernels`` are those of a seed."""
    number, cells = kernels * len(chosen.seeds), len(chosen.sweep.cells)
    if number > MOST:
        raise UserError(
            f"--sweep of {cells} cells has {number} kernels or more, and {MOST} are the most: give "
            f"fewer values, --seeds or --folds"
        )


def _typed(asked: Sequence[str], models: Sequence[str]) -> Sweep:
    """A cell for each value of a field, or each combination of several fields' values."""
    fields: dict[str, list[str]] = {}
    for text in asked:
        field, _, values = text.partition("=")
        found = [value.strip() for value in values.split("|" if "|" in values else ",")]
        if not field.strip() or not all(found):
            raise UserError(
                f"--sweep {text}: write FIELD=VALUE,VALUE, for example --sweep lr_max=1e-4,3e-4 "
                f"(values with commas have | between them)"
            )
        if field.strip() in fields:
            raise UserError(f"--sweep {field} is given twice: give its values once")
        fields[field.strip()] = found
    if len(models) != 1:
        raise UserError(f"--sweep {' '.join(asked)}: name the one --model that it is of")
    cells = {}
    for values_of in itertools.product(*fields.values()):
        settings = dict(zip(fields, values_of, strict=True))
        name = " ".join(f"{field}={value}" for field, value in settings.items())
        if name in cells:
            raise UserError(f"--sweep: {name} is given twice: give it once")
        cells[name] = Cell(settings)
    return Sweep(f"{' and '.join(fields)} of {models[0]}", models[0], cells)


def _named(competition: Competition, name: str, models: Sequence[str]) -> Sweep:
    """The competition's sweep of this name. Raises UserError for what is wrong in its file."""
    where, what = f"competitions/{competition.folder}/sweeps.py", f"unknown sweep {name!r}"
    module = load_module(competition, "sweeps")
    if module is None:
        raise UserError(f"{what}: there is no {where}: write it, or type {_TYPED}")
    known = getattr(module, "SWEEPS", None)
    if not isinstance(known, Mapping) or not known:
        raise UserError(f"{where} has no SWEEPS: write it, as docs/competitions.md shows")
    if name not in known:
        what = what if name else "which sweep"
        raise UserError(f"{what}: {nearest(name, known)} (or type {_TYPED})")
    sweep = known[name]
    cells = [*sweep.cells.values()] if isinstance(sweep, Sweep) else []
    if not cells or not all(isinstance(cell, Cell) for cell in cells):
        raise UserError(f"{where}: {name} is no Sweep of common.sweep whose cells are Cells")
    for metric in dict.fromkeys(one for c in cells for one in (*c.published, *c.published_test)):
        known = find_metric("log_loss" if metric == LOSS else metric)
        if competition.task.name not in known.tasks:
            raise UserError(f"{where}: {name} has published {metric}, which is of another task")
    if not sweep.test and any(cell.published_test for cell in cells):
        raise UserError(f"{where}: {name} has published_test and measures no test: write test=True")
    if models:
        raise UserError(f"--model {models[0]}: sweep {name} names its models; leave it out")
    return sweep


def _kernels(name: str, sweep: Sweep, room: int) -> dict[str, str]:
    """The beginning of each cell's kernels' names, all different, of ``room`` characters at most.

    It has model, sweep and cell. A long name of a model is cut; what is too long all the same ends
    in a hash of the whole.
    """
    found: dict[str, str] = {}
    for cell, model in zip(sweep.cells, sweep.models, strict=True):
        label = slugify(f"{name} {cell}")
        short = model[: max(_SHORTEST, room - len(label) - 1)]
        kernel = "-".join(filter(None, (short, label)))
        if len(kernel) > room or kernel in found.values():
            digest = hashlib.sha256(f"{model} {name} {cell}".encode()).hexdigest()[:5]
            kernel = f"{kernel[: room - 6].rstrip('-')}-{digest}"
        found[cell] = kernel
    return found
