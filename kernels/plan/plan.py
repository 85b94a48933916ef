"""The kernels of what was asked for: of a run's models, or of a sweep's cells.

A cell is planned as if it were asked for by itself; it is a training for each seed, and each is
one kernel, ``SCRIPT-CELL-seed1``, or one for each fold, ``SCRIPT-CELL-seed1-fold3``.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from common.errors import UserError
from common.recipes.unused import check_used
from common.sweep import Cell
from kernels.plan.planned import PlannedKernel, plan_models
from kernels.plan.request import Request, check_request, split_name
from kernels.plan.sweeps import ChosenSweep, check_number


def plan_kernels(request: Request) -> tuple[PlannedKernel, ...]:
    """The kernels of a run, as ``plan_models`` has them, or of a sweep, which has no ensemble.

    Raises UserError for what cannot work.
    """
    check_request(request)
    planned = _plan_sweep(request, request.sweep) if request.sweep else plan_models(request)
    _check_used(request.settings, planned)
    return planned


def _check_used(
    settings: Mapping[str, Any], planned: Iterable[PlannedKernel], given: str = "--set "
) -> None:
    recipes = ((one.script, one.recipe) for one in planned if one.recipe is not None)
    check_used(settings, recipes, given)


def _plan_sweep(request: Request, chosen: ChosenSweep) -> tuple[PlannedKernel, ...]:
    """What the cells read, once, and their trainings. Raises UserError for cells that do not fit.

    The cells are planned as if each were asked for by itself.
    """
    others: dict[str, PlannedKernel] = {}
    cells: dict[str, list[PlannedKernel]] = {}
    for (name, cell), model in zip(chosen.sweep.cells.items(), chosen.sweep.models, strict=True):
        try:
            planned = _plan_cell(request, cell, model)
            for kernel in planned:
                known = kernel if kernel.script == model else others.setdefault(kernel.name, kernel)
                if known != kernel:
                    raise UserError(f"it changes {kernel.name}, which all cells read")
        except UserError as error:
            raise UserError(f"--sweep {chosen.name}, cell {name}: {error}") from None
        cells[name] = [kernel for kernel in planned if kernel.script == model]
    recipes = {name: [(one.script, one.recipe) for one in own] for name, own in cells.items()}
    for one, other in itertools.combinations(recipes, 2):
        if recipes[one] == recipes[other]:
            raise UserError(f"--sweep {chosen.name}: {one} and {other} are the same: drop one")
    check_number(chosen, sum(map(len, cells.values())))
    trainings = [
        _of_cell(request, name, f"{chosen.kernels[name]}-seed{seed}", seed, kernel)
        for name, own in cells.items()
        for seed in chosen.seeds
        for kernel in own
    ]
    return (*others.values(), *trainings)


def _plan_cell(request: Request, cell: Cell, model: str) -> tuple[PlannedKernel, ...]:
    """The kernels of one cell, as if its model alone were asked for with its settings."""
    both = sorted({*request.settings} & {*cell.settings})
    if both:
        raise UserError(f"it sets {both[0]}, and so does --set: leave out --set {both[0]}")
    settings = {**request.settings, **cell.settings}
    planned = plan_models(replace(request, models=(model,), settings=settings))
    _check_used(cell.settings, planned, "")
    kinds = {split_name(kernel.name)[1] for kernel in planned if kernel.script == model}
    if kinds - {"", "fold"}:
        raise UserError(f"{model} is several kernels, and a cell is one: compare another model")
    return planned


def _of_cell(
    request: Request, cell: str, name: str, seed: int, kernel: PlannedKernel
) -> PlannedKernel:
    """A kernel of a model as one training of a cell, or as one fold of that."""
    name = f"{name}{kernel.name.removeprefix(kernel.script)}"
    parameters = replace(kernel.parameters, kernel=name, seed=seed)
    slug = f"{request.prefix}-{name}"
    return replace(kernel, name=name, slug=slug, parameters=parameters, cell=cell)
