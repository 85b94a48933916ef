"""What is planned: which kernels, which of them read which, with which recipe, on what."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from common.errors import UserError
from common.recipe import override
from common.recipes.classifier import ClassifierRecipe
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Grades, Number
from kernels.plan.find import find_competition
from kernels.plan.planned import _check_splits
from kernels.plan.request import check_recipe, choose_models
from support import tiny, warm
from support.planned import planned

pytestmark = pytest.mark.slow


def test_a_model_brings_what_it_reads_with_it() -> None:
    both = {name: kernel.sources for name, kernel in planned("tiny", "both").items()}
    assert list(both.items()) == [
        ("shared", ()),
        ("prepare", ("shared",)),
        ("half-part0", ("shared", "prepare")),
        ("half-part1", ("shared", "prepare")),
        ("both", ("shared", "half-part0", "half-part1")),
        ("ensemble", ("shared", "both")),
    ]
    together = planned("tiny", "both", "half", embed=True)
    assert list(together) == ["prepare", "half-part0", "half-part1", "both", "ensemble"]
    assert together["ensemble"].sources == ("both", "half-part0", "half-part1")


@pytest.mark.parametrize(
    ("competition", "models", "changes", "said"),
    [
        ("tiny", ["both"], {"settings": {"part": 1}}, "--set part: each kernel has its own"),
        ("tiny", ["left", "right"], {"recipe": "best"}, "right has no best recipe: leave out --re"),
        ("petals", ["densenet201"], {"settings": {"split": "random"}}, "is scored on its own"),
        ("pneumonia", ["efficientnetlite0"], {"settings": {"split": "random"}, "folds": 3},
         "split=random: folds are of train and validation"),
        # What a kernel would refuse is refused before it is pushed, in the recipe that runs.
        ("painter", ["margin"], {"settings": {"blend_scale": "ranks"}}, "did you mean rank"),
        ("painter", ["margin"], {"settings": {"method": "best"}}, "setting method=best: "),
        ("painter", ["triplets"], {"settings": {"pictures_per_class": "7"}, "dry_run": True},
         "batch_size=48 pictures_per_class=7"),
        ("painter", ["triplets"], {"settings": {"pictures_per_class": "6"}},
         "batch_size=80 pictures_per_class=6"),
        ("painter", ["submodel"], {"settings": {"parts": "2", "artists": "8"}, "dry_run": True},
         "batch_size=20 parts=2 artists=8"),
    ],
)  # fmt: skip
def test_what_cannot_be(competition: str, models: list, changes: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        planned(competition, *models, **changes)


@pytest.mark.parametrize(
    ("script", "source", "said"),
    [("half", "both", "reads it in turn"), ("prepare", "nothing", "is not there")],
)
def test_sources_that_cannot_be(
    script: str, source: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.redeclare(monkeypatch, find_competition("tiny"), script, sources=(source,))
    with pytest.raises(UserError, match=f"{script}.py has '{source}' in its sources, which {said}"):
        planned("tiny", "both")


def test_what_only_others_read_is_no_model() -> None:
    with pytest.raises(UserError, match="prepare.py predicts nothing; known are both, h"):
        choose_models(find_competition("tiny"), ["prepare"], False)


def test_settings_reach_the_recipes_that_have_them() -> None:
    three = planned("tiny", "both", settings={"parts": 3})
    assert three["both"].sources == ("shared", *(f"half-part{n}" for n in range(3)))
    # The scale of cosines is not that of the blend.
    found = planned("painter", "margin", settings={"scale": "20", "blend_scale": "rank"})
    assert found["margin"].recipe.scale == 20.0
    assert found["ensemble"].recipe.blend_scale == "rank"
    small = planned("painter", "triplets", settings={"pictures_per_class": "6"}, dry_run=True)
    assert small["triplets"].recipe.pictures_per_class == 6
    folds = planned("tiny", "left", folds=2, settings={"epochs": "4"})
    recipes = [folds[f"left-fold{n}"].recipe for n in (0, 1)]
    assert [(r.folds, r.fold, r.epochs) for r in recipes] == [(2, 0, 4), (2, 1, 4)]


def test_each_script_runs_on_the_first_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.redeclare(monkeypatch, find_competition("tiny"), "right", accelerators=("gpu", "cpu"))

    def accelerators(**changes: object) -> list[str]:
        kernels = planned("tiny", "left", "right", **changes)
        assert {kernels[name].accelerator for name in ("shared", "ensemble")} == {"cpu"}
        return [kernels[name].parameters.accelerator for name in ("left", "right")]

    assert accelerators() == ["tpu", "gpu"]
    assert accelerators(accelerator="gpu") == ["gpu", "gpu"]
    assert accelerators(dry_run=True) == accelerators(rehearse=True) == ["cpu", "cpu"]
    with pytest.raises(UserError, match="right cannot run on tpu: it takes gpu, cpu"):
        accelerators(accelerator="tpu")
    # What models only read runs on what it can.
    on_gpu = planned("tiny", "both", accelerator="gpu")
    assert [on_gpu[name].accelerator for name in ("prepare", "half-part0")] == ["cpu", "gpu"]


def test_the_best_recipe_is_the_published_one_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    best = {"sharpness": 2.0, "epochs": 7, "sessions": 3}
    tiny.redeclare(monkeypatch, find_competition("tiny"), "left", best=best, dry_run={"epochs": 1})

    def recipe(**changes: object) -> tuple[float, int, int]:
        found = planned("tiny", "left", **changes)["left"].recipe
        return found.sharpness, found.epochs, found.sessions

    assert recipe() == (1.0, 2, 1)
    assert recipe(recipe="best") == (2.0, 7, 3)
    assert recipe(recipe="best", dry_run=True) == (2.0, 1, 3)
    asked = {"epochs": "4", "sharpness": "5"}
    assert recipe(recipe="best", dry_run=True, settings=asked) == (5.0, 4, 3)


def test_hours_scale_with_the_recipe() -> None:
    def hours(**changes: object) -> float | None:
        return planned("petals", "densenet201", **changes)["densenet201"].hours

    full = hours()
    assert full
    assert hours(settings={"epochs": "5"}) == pytest.approx(full / 5)
    assert hours(settings={"refit": "no"}) == pytest.approx(full / 2)
    assert hours(settings={"refit_epochs": "0"}) == pytest.approx(full / 2)
    # Nobody knows those of an accelerator that the script does not name, nor of a small kernel.
    assert hours(accelerator="cpu") is None
    assert hours(dry_run=True) is None
    assert planned("painter", "triplets")["prepare"].hours == 1.0
    for small in ("dry_run", "rehearse"):
        assert planned("painter", "triplets", **{small: True})["prepare"].hours is None
    assert planned("petals", models=(), audit=True, dry_run=True)["audit"].hours is None


def test_a_run_goes_through_all_that_it_was_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folds of the best recipe on TPU: Kaggle has one such session, the second waits for it."""
    warm.fork_kernels(monkeypatch)
    run = tmp_path / "run"
    with tiny.local_kaggle(tmp_path) as (_, env):
        asked = ("--model", "left", "--folds", "2", "--recipe", "best", "--run-dir", run)
        result = tiny.last_json(tiny.submit("tiny", *asked, "--json", "--no-submit", env=env))
    assert [member["name"] for member in result["members"]] == ["left-fold0", "left-fold1"]
    metadata = json.loads((run / "kernels" / "left-fold1" / "kernel-metadata.json").read_text())
    assert (metadata["machine_shape"], metadata["enable_tpu"]) == ("TpuV5E8", True)
    manifest = json.loads((run / "outputs" / "left-fold1" / "manifest.json").read_text())
    assert (manifest["recipe"]["sharpness"], manifest["recipe"]["fold"]) == (2.0, 1)
    assert "best recipe" in Path(result["report"]).read_text()
    assert "recipe=best" in tiny.submit_here(capsys, "--history", "--run-dir", run).stdout


def test_a_dry_run_of_kernels_that_read_others(dry: list, tmp_path: Path) -> None:
    result = tiny.last_json(tiny.submit(*dry, "--model", "both", "--json"))
    assert (result["public_score"], result["blend"]["members"]) == (1.0, {"both": 1.0})
    output = tmp_path / "run" / "outputs" / "prepare"
    assert (output / "counts.json").is_file()
    assert not (output / "parts").exists()  # it stays at Kaggle


@pytest.mark.parametrize(
    ("task", "refused"),
    [
        (Classification(("a", "b")), ()),
        (Grades(classes=("a", "b")), ("label_smoothing", "logit_adjustment", "loss")),
        (MultiLabel(("a", "b")), ("balance", "logit_adjustment", "loss")),
        (Number(0, 1), ("balance", "label_smoothing", "logit_adjustment", "loss")),
    ],
)
def test_a_setting_that_a_task_has_no_use_for_is_refused(task: Any, refused: tuple) -> None:
    competition = SimpleNamespace(task=task, pictures={})
    request: Any = SimpleNamespace(competition=competition, settings={}, small=True)
    settings = {
        "balance": "copies",
        "label_smoothing": 0.1,
        "logit_adjustment": 1.0,
        "loss": "focal",
    }
    for name, value in settings.items():
        recipe = override(ClassifierRecipe(backbone=""), {name: value})
        if name in refused:
            with pytest.raises(UserError, match=f"{name}={value} changes nothing, the task is"):
                check_recipe(request, "script", recipe, "cpu")
        else:
            check_recipe(request, "script", recipe, "cpu")


def test_models_of_one_run_have_one_split() -> None:
    given, random = ClassifierRecipe(), ClassifierRecipe(split="random")
    _check_splits({"a": {"a": random}, "b": {"b": random}})
    _check_splits({"a": {"a": given}, "b": {"b": SimpleNamespace()}})
    for other in (given, SimpleNamespace()):  # of a kernel that knows no other
        said = (
            "^a has split=random, b has split=given: models are blended on the same .* one split$"
        )
        with pytest.raises(UserError, match=said):
            _check_splits({"a": {"a": random}, "b": {"b": other}})
