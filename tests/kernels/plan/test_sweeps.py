"""What a sweep is: its cells and seeds as kernels, with names of their own."""

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slugify import slugify

from common.errors import UserError
from common.sweep import Cell, Sweep
from kernels.plan.find import find_competition
from kernels.plan.plan import plan_kernels
from kernels.plan.planned import PlannedKernel
from kernels.plan.request import Request
from kernels.plan.sweeps import ChosenSweep, choose_sweep
from kernels.preflight.show_plan import plan_facts, plan_text
from kernels.run.state import RunOptions
from support import tiny
from support.sweep_run import chosen

tiny.add_tiny()
TINY = find_competition("tiny")


def plan(sweep: ChosenSweep, **changes: Any) -> dict[str, PlannedKernel]:
    models = tuple(dict.fromkeys(sweep.sweep.models))
    kernels = plan_kernels(Request(TINY, models, sweep=sweep, **changes))
    return {kernel.name: kernel for kernel in kernels}


def of(cells: dict[str, Cell], monkeypatch: pytest.MonkeyPatch, seeds: int = 1) -> ChosenSweep:
    """A sweep of the tiny competition that its file has for as long as a test lasts."""
    from competitions.tiny_digits import sweeps

    monkeypatch.setattr(sweeps, "SWEEPS", {"made": Sweep("Made", "left", cells, seeds)})
    return chosen("made")


def test_values_of_fields_are_a_cell_for_each_combination() -> None:
    sweep = chosen("sharpness=1,2", "epochs=3, 4", model="right", seeds=2, first=5)
    assert list(sweep.sweep.cells.items()) == [
        (f"sharpness={sharp} epochs={epochs}", Cell({"sharpness": sharp, "epochs": epochs}))
        for sharp in "12"
        for epochs in "34"
    ]
    kernels = plan(sweep, settings={"sessions": "2"})
    assert list(kernels)[:4] == [
        *("shared", "right-sharpness-1-epochs-3-seed5", "right-sharpness-1-epochs-3-seed6"),
        "right-sharpness-1-epochs-4-seed5",
    ]
    last = kernels["right-sharpness-2-epochs-4-seed6"]
    assert (last.recipe.sharpness, last.recipe.epochs, last.recipe.sessions) == (2.0, 4, 2)
    assert (last.parameters.seed, last.parameters.kernel) == (6, last.name)
    assert (last.slug, last.script, last.cell) == (
        *(f"tiny-{last.name}", "right"),
        "sharpness=2 epochs=4",
    )
    assert last.sources == ("shared",)


def test_values_with_commas_have_bars_between_them() -> None:
    sweep = chosen("lr_rates=0: 1e-3, 4: 1e-4|0: 1e-3", model="left")
    rates = [cell.settings["lr_rates"] for cell in sweep.sweep.cells.values()]
    assert rates == ["0: 1e-3, 4: 1e-4", "0: 1e-3"]


def test_a_sweep_by_its_name_may_train_other_models_and_reads_each_source_once() -> None:
    assert list(plan(chosen("sharpness"))) == [
        "shared",
        *(f"left-sharpness-{cell}-seed{seed}" for cell in "124" for seed in (0, 1)),
    ]
    kernels = plan(chosen("sides"))
    assert list(kernels) == [
        *("shared", "prepare", "half-part0", "half-part1"),
        *("left-sides-left-seed0", "right-sides-right-seed0", "both-sides-both-seed0"),
    ]
    assert kernels["both-sides-both-seed0"].sources == ("shared", "half-part0", "half-part1")
    assert len(plan(chosen("sharpness", seeds=1), embed=True)) == 3


def test_each_fold_of_a_training_is_a_kernel() -> None:
    kernels = plan(chosen("sharpness=1,2", model="left", folds=2), folds=2, repeats=2)
    assert list(kernels)[1:6] == [
        *(f"left-sharpness-1-seed0-fold{fold}" for fold in range(4)),
        "left-sharpness-2-seed0-fold0",
    ]
    recipe = kernels["left-sharpness-2-seed0-fold3"].recipe
    assert (recipe.folds, recipe.fold, recipe.repeats) == (2, 3, 2)


def test_a_request_with_repeats_says_of_how_many_folds() -> None:
    facts = Request(TINY, ("left",), folds=3, repeats=2).facts
    assert (facts["folds"], facts["repeats"]) == (3, 2)
    # As runs have it that knew of no repeats: they are gone on with.
    assert not {"folds", "repeats"} & set(Request(TINY, ("left",), folds=3).facts)


def test_a_request_is_known_by_its_sweep_seeds_and_folds() -> None:
    def facts(*asked: str, **options: Any) -> dict[str, Any]:
        folds = options.pop("folds", None)
        sweep = chosen(*asked, model="" if asked == ("sharpness",) else "left", **options)
        return Request(TINY, ("left",), folds=folds, sweep=sweep).facts

    some = [
        facts("sharpness"),
        facts("sharpness", seeds=3),
        facts("sharpness", folds=2),
        facts("sharpness=1,2"),
        facts("sharpness=1,4"),
    ]
    assert [json.loads(json.dumps(one)) for one in some] == some
    assert all(one != other for one in some for other in some if one is not other)
    assert not Request(TINY, ("left",), sweep=chosen("sharpness")).submits


NAMES = st.lists(st.text(min_size=1, max_size=60), min_size=2, max_size=6, unique=True)


@given(NAMES, st.sampled_from(["a", "celebrities"]), st.sampled_from([None, 5]), st.integers(0, 99))
def test_kernels_have_names_of_their_own_that_kaggle_takes(
    names: list[str], competition: str, folds: int | None, seed: int
) -> None:
    asked = f"backbone={'|'.join(names)}|"[:-1].replace("\n", " ")
    found = SimpleNamespace(name=competition)
    try:
        sweep = choose_sweep(found, [asked], ["efficientnetlite0"], 2, seed, folds)  # type: ignore
    except UserError:  # values that are empty, or the same without spaces around them
        return
    kernels = list(sweep.kernels.values())
    assert len({*kernels}) == len(kernels)
    for kernel in kernels:
        slug = f"{competition}-{kernel}-seed{seed + 1}{'-fold19' if folds else ''}"
        assert 5 <= len(slug) <= 50
        assert slugify(slug.replace("-", " ")) == slug


def test_a_plan_shows_each_cell_once_and_what_it_changes() -> None:
    request = Request(TINY, ("left",), sweep=chosen("sharpness"), accelerator="gpu")
    kernels = plan_kernels(request)
    facts = plan_facts(request, kernels, None, tiny.ROOT / "nowhere", RunOptions(submit=False))
    text = plan_text(request, kernels, None, facts)
    assert re.findall(r"^(\S+ +tiny-left.*)$", text, re.MULTILINE) == [
        "2-3  tiny-left-sharpness-1-seed0 to seed1  gpu  about 2.0 h each",
        "4-5  tiny-left-sharpness-2-seed0 to seed1  gpu  about 2.0 h each",
        "6-7  tiny-left-sharpness-4-seed0 to seed1  gpu  about 2.0 h each",
    ]
    assert re.findall(r"cell +(.*)", text) == [
        "1: the recipe",
        "2: sharpness=2.0",
        "4: sharpness=4.0",
    ]
    assert "then it compares the cells on validation: one table and one figure\n" in text
    assert "estimated: CPU about 1 min; GPU about 12.0 h" in text
    assert [kernel.get("cell") for kernel in facts["kernels"]] == [None, *"112244"]


@pytest.mark.parametrize(
    ("cells", "changes", "said"),
    [
        ({"a": Cell(), "b": Cell({"epochs": 2})}, {}, "a and b are the same: drop one"),
        ({"a": Cell(), "b": Cell({"epoch": 2})}, {}, "cell b: unknown setting 'epoch': did you"),
        ({"a": Cell(), "b": Cell({"epochs": "x"})}, {}, "cell b: setting epochs=x: give a whole"),
        ({"a": Cell(), "b": Cell(model="half")}, {}, "cell b: half is several kernels, and a cell"),
        ({"a": Cell(model="both"), "b": Cell({"parts": 3}, "both")}, {}, "b: it changes half-pa"),
        ({"a": Cell(), "b": Cell({"epochs": 3})}, {"settings": {"epochs": "4"}},
         "cell b: it sets epochs, and so does --set: leave out --set epochs"),
        ({"a": Cell(), "b": Cell({"epochs": 3})}, {"settings": {"resamples": "4"}},
         "cell a: left has no resamples: it would do"),
        ({"a": Cell(), "b": Cell({"epochs": 3})}, {"calibrate": True}, "--calibrate does not go"),
        ({"a": Cell(), "b": Cell({"epochs": 3})}, {"audit": True}, "--audit does not go with"),
        ({f"{n}": Cell({"epochs": n}) for n in range(1, 11)}, {"folds": 7},
         "--sweep of 10 cells has 70 kernels or more, and 60 are the most"),
    ],
)  # fmt: skip
def test_cells_that_do_not_fit(
    cells: dict[str, Cell], changes: dict, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = of(cells, monkeypatch)
    with pytest.raises(UserError, match=said):
        plan(sweep, **changes)


@pytest.mark.parametrize(
    ("sweeps", "said"),
    [
        (None, "sweeps.py has no SWEEPS: write it, as docs/competitions.md shows"),
        ({}, "sweeps.py has no SWEEPS"),
        ({"made": {"a": {}}}, "made is no Sweep of common.sweep whose cells are Cells"),
        ({"made": Sweep("", "left", {"a": Cell(), "b": {}})}, "made is no Sweep"),  # type: ignore
        ({"made": Sweep("", "left", {"a": Cell()})}, "two cells or more, this has one"),
        ({"made": Sweep("", "left", {"a": Cell(published={"rmse": 1.0})})},
         "made has published rmse, which is of another task"),
        ({"made": Sweep("", "left", {"a": Cell(published={"acuracy": 1.0})})},
         "unknown metric 'acuracy': did you mean accuracy"),
        ({"made": Sweep("", "left", {"a": Cell(published_test={"rmse": 1.0})}, test=True)},
         "made has published rmse, which is of another task"),
        ({"made": Sweep("", "left", {"a": Cell(published_test={"loss": 1.0})})},
         "made has published_test and measures no test: write test=True"),
    ],
)  # fmt: skip
def test_a_file_of_sweeps_that_is_wrong(
    sweeps: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from competitions.tiny_digits import sweeps as module

    monkeypatch.setattr(module, "SWEEPS", sweeps)
    with pytest.raises(UserError, match=said):
        chosen("made")


def test_a_setting_is_refused_where_no_cell_uses_it() -> None:
    """Without effect in one cell it may have one in another."""
    celebrities = find_competition("celebrities")
    model = "efficientnetlite0"
    sweep = choose_sweep(celebrities, ["head=logistic,dense"], [model])
    request = Request(celebrities, (model,), sweep=sweep, settings={"epochs": "3"})
    assert [kernel.recipe.epochs for kernel in plan_kernels(request)[1:]] == [3, 3]
    sweep = choose_sweep(celebrities, ["image_size=64,96"], [model])
    with pytest.raises(UserError, match=r"^--set epochs=3 changes nothing: efficientnetlite0 has"):
        plan_kernels(Request(celebrities, (model,), sweep=sweep, settings={"epochs": "3"}))
    sweep = choose_sweep(celebrities, ["epochs=3,4"], [model])
    with pytest.raises(UserError, match="cell epochs=3: epochs=3 changes nothing: efficientnetlit"):
        plan_kernels(Request(celebrities, (model,), sweep=sweep))
