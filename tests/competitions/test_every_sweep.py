"""Every sweep of every competition can be carried out, and has the published figures."""

from collections import Counter

import pytest

from common.sweep import Cell
from competitions.chest_xray import sweeps as xrays
from kernels.plan.find import find_competition, load_module
from kernels.plan.plan import plan_kernels
from kernels.plan.request import Request, choose_models
from kernels.plan.sweeps import choose_sweep
from kernels.results.sweep_axis import find_axis
from support.every_kernel import NAMES

SWEEPS = [
    (competition, name)
    for competition in NAMES
    for name in getattr(load_module(find_competition(competition), "sweeps"), "SWEEPS", ())
]
AXES = {  # the number of those that differ in one
    "batch": ("batch_size", [8, 16, 32]),
    "dense": (
        "head_layers: average, dense …, dropout 0.2",
        [4096, 128, 256, 512, 1024, 2048, 8192],
    ),
    "dropout": ("head_layers: average, dense 4096, dropout …", [0.2, 0.3, 0.4, 0.5]),
    "epochs": ("epochs", [45, 30]),
    "size": ("image_size", [256, 224]),
}


@pytest.mark.parametrize("small", [False, True], ids=["full", "dry"])
@pytest.mark.parametrize(("competition", "name"), SWEEPS)
def test_a_sweep_can_be_carried_out(competition: str, name: str, small: bool) -> None:
    found = find_competition(competition)
    chosen = choose_sweep(found, [name], [])
    models = choose_models(found, list(dict.fromkeys(chosen.sweep.models)), False)
    kernels = plan_kernels(Request(found, models, sweep=chosen, dry_run=small))
    trainings = [kernel for kernel in kernels if kernel.cell]
    assert len(trainings) == len(chosen.sweep.cells) * chosen.sweep.seeds
    assert max(len(kernel.slug) for kernel in trainings) <= 50
    first = {kernel.cell: (kernel.script, kernel.recipe) for kernel in reversed(trainings)}
    axis = find_axis([first[cell] for cell in chosen.sweep.cells])
    assert axis == AXES.get(name)


@pytest.mark.parametrize(("name", "repeats"), [("fields", 4), ("lite", 2)])
def test_a_sweep_of_faces_can_be_cross_validated(name: str, repeats: int) -> None:
    found, folds = find_competition("celebrities"), 5
    chosen = choose_sweep(found, [name], [], folds=folds)
    request = Request(
        found, ("efficientnetlite0",), sweep=chosen, dry_run=True, folds=folds, repeats=repeats
    )
    kernels = [kernel for kernel in plan_kernels(request) if kernel.cell]
    assert {kernel.recipe.repeats for kernel in kernels} == {repeats}
    trained = Counter(kernel.cell for kernel in kernels)
    own = {kernel.cell: kernel.recipe for kernel in kernels}
    for cell, number in trained.items():
        assert number == (1 if own[cell].folds_together else folds * repeats)
    # Heads stay up in every cell.
    for recipe in own.values():
        assert recipe.vertical_flip == recipe.rot90_probability == 0
        assert recipe.rotation <= 15


@pytest.mark.parametrize(
    ("cell", "published"),
    [
        (xrays.SWEEPS["inception"].cells["plain"], (0.9647, 0.9664, 0.9860, 0.908)),
        (xrays.SWEEPS["inception"].cells["dropout"], (0.9579, 0.9521, 0.9922, 0.866)),
        (xrays.SWEEPS["inception"].cells["augmented"], (0.9158, 0.899, 0.997, 0.697)),
        (xrays.SWEEPS["inception"].cells["third convolution"], (0.9545, 0.9574, 0.9813, 0.882)),
        (xrays.SWEEPS["inception"].cells["last convolution"], (0.9716, 0.9813, 0.9797, 0.950)),
        (xrays.SWEEPS["inception"].cells["balanced by copies"], (0.9534, 0.9839, 0.9516, 0.958)),
        (xrays.SWEEPS["densenet"].cells["plain"], (0.9704, 0.9680, 0.9922, 0.912)),
        (xrays.SWEEPS["densenet"].cells["dropout"], (0.9681, 0.9623, 0.9953, 0.895)),
        (xrays.SWEEPS["densenet"].cells["augmented"], (0.9659, 0.9650, 0.9891, 0.903)),
        (xrays.SWEEPS["resnet"].cells["plain"], (0.9295, None, None, 0.908)),
    ],
)
def test_confusions_give_the_figures_that_are_printed(
    cell: Cell, published: tuple[float | None, ...]
) -> None:
    names = ("accuracy", "precision", "recall", "specificity")
    for name, value in zip(names, published, strict=True):
        assert value is None or cell.published[name] == pytest.approx(value, abs=6e-4), name
