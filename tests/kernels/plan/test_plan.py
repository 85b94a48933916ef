"""What is planned: which recipe, and on what accelerator."""

import json
from pathlib import Path

import pytest

from common.errors import UserError
from competitions import find_competition
from kernels.local import HostedCompetition, LocalKaggle
from kernels.plan.planned import PlannedKernel, plan_kernels
from kernels.plan.request import Member, Request, request_facts
from kernels.run.state import open_run, pick_run
from support import tiny

tiny.add_tiny()
TINY = find_competition("tiny")
LEFT, RIGHT = Member("left"), Member("right")


def accelerators(*members: Member, **changes: object) -> list[str]:
    kernels = plan_kernels(Request(TINY, members, **changes))  # type: ignore[arg-type]
    assert {k.accelerator for k in (kernels[0], kernels[-1])} == {"cpu"}
    for kernel in kernels[1:-1]:
        assert kernel.parameters.accelerator == kernel.accelerator
    return [kernel.accelerator for kernel in kernels[1:-1]]


def test_each_script_runs_on_the_first_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.redeclare(monkeypatch, TINY, "right", accelerators=("gpu", "cpu"))
    assert accelerators(LEFT, RIGHT) == ["tpu", "gpu"]
    assert accelerators(LEFT, RIGHT, accelerator="gpu") == ["gpu", "gpu"]
    assert accelerators(LEFT, RIGHT, dry_run=True) == ["cpu", "cpu"]
    assert accelerators(LEFT, RIGHT, rehearse=True) == ["cpu", "cpu"]
    with pytest.raises(UserError, match="right cannot run on tpu: it takes gpu, cpu"):
        accelerators(LEFT, RIGHT, accelerator="tpu")


def test_without_a_word_a_run_is_planned_on_tpu_and_its_quota_looked_at(
    tiny_data: tuple[Path, Path], tmp_path: Path
) -> None:
    hosted = HostedCompetition(TINY, *tiny_data)
    with LocalKaggle(tmp_path / "kaggle", [hosted]) as server:
        env = tiny.real_environment(server.url, tmp_path / "home")
        done = tiny.submit("tiny", "--ensemble", "--plan", env=env)
        assert "ok   TPU quota: 20.0 of 20.0 h left, refreshes 20" in done.stdout
        assert "the plan needs about 30 min (unknown: right)" in done.stdout
        assert "machine shapes: CPU, TpuV5E8" in done.stdout
        # Two at once are more than Kaggle's one TPU session: the second waits for the first.
        run = tmp_path / "run"
        more = ("--model", "left", "--folds", "2", "--run-dir", run, "--json", "--no-submit")
        told = tiny.last_json(tiny.submit("tiny", *more, env=env))
    assert [member["name"] for member in told["members"]] == ["left-fold0", "left-fold1"]
    metadata = json.loads((run / "kernels" / "left-fold1" / "kernel-metadata.json").read_text())
    assert (metadata["machine_shape"], metadata["enable_tpu"]) == ("TpuV5E8", True)
    assert "docker_image" not in metadata


def test_the_best_recipe_is_the_published_one_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    best = {"sharpness": 2.0, "epochs": 7, "sessions": 3}
    tiny.redeclare(monkeypatch, TINY, "left", best=best, dry_run={"epochs": 1})

    def recipe(**changes: object) -> tuple[float, int, int]:
        found = plan_kernels(Request(TINY, (LEFT,), **changes))[1].recipe  # type: ignore[arg-type]
        return found.sharpness, found.epochs, found.sessions

    assert recipe() == (1.0, 2, 1)
    assert recipe(recipe="best") == (2.0, 7, 3)
    assert recipe(recipe="best", dry_run=True) == (2.0, 1, 3)
    asked = {"epochs": "4", "sharpness": "5"}
    assert recipe(recipe="best", dry_run=True, settings=asked) == (5.0, 4, 3)


def test_a_run_of_the_best_recipe_trains_and_tells_it(dry: list, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = (*dry, "--model", "left", "--recipe", "best")
    told = tiny.last_json(tiny.submit(*command, "--json", "--no-submit"))
    manifest = json.loads((run / "outputs" / "left" / "manifest.json").read_text())
    text = next((run / "kernels" / "left").glob("*.py")).read_text()
    assert "    sharpness=2.0,  # instead of 1.0\n" in text
    assert manifest["recipe"]["sharpness"] == 2.0
    assert "Settings (best recipe" in Path(told["report"]).read_text()
    assert "recipe=best" in tiny.submit("--history", "--run-dir", run).stdout
    planned = tiny.submit(*command, "--plan").stdout
    assert "\nthe best recipes\n" in planned
    # The published one is another kernel, and pushed as before there was another.
    tiny.last_json(tiny.submit(*dry, "--model", "left", "--json", "--no-submit"))
    text = next((run / "kernels" / "left").glob("*.py")).read_text()
    assert "    sharpness=1.0,\n" in text


def painter(model: str, dry_run: bool = False, **settings: str) -> dict[str, PlannedKernel]:
    competition = find_competition("painter")
    kernels = plan_kernels(
        Request(competition, (Member(model),), settings=settings, dry_run=dry_run)
    )
    return {kernel.name: kernel for kernel in kernels}


def test_the_scale_of_cosines_is_not_that_of_the_blend() -> None:
    planned = painter("margin", scale="20", blend_scale="rank")
    assert planned["margin"].recipe.scale == 20.0
    assert planned["ensemble"].recipe.blend_scale == "rank"


@pytest.mark.parametrize(
    ("model", "settings", "said"),
    [
        ("margin", {"blend_scale": "ranks"}, "setting blend_scale=ranks: did you mean rank"),
        ("margin", {"method": "best"}, "setting method=best: "),
        ("triplets", {"pictures_per_class": "7"}, "batch_size=48 pictures_per_class=7"),
    ],
)
def test_what_a_kernel_would_refuse_is_refused_before_it_is_pushed(
    model: str, settings: dict[str, str], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        painter(model, dry_run=True, **settings)


def test_settings_are_held_against_the_recipe_that_runs() -> None:
    small = painter("triplets", dry_run=True, pictures_per_class="6")
    assert small["triplets"].recipe.pictures_per_class == 6
    with pytest.raises(UserError, match="batch_size=80 pictures_per_class=6"):
        painter("triplets", pictures_per_class="6")
    with pytest.raises(UserError, match="batch_size=20 parts=2 artists=8"):
        painter("submodel", dry_run=True, parts="2", artists="8")
    parts = painter("submodel", dry_run=True, parts="2", artists="12")
    assert [name for name in parts if "part" in name] == ["submodel-part0", "submodel-part1"]


def test_a_script_without_a_best_recipe_says_so() -> None:
    with pytest.raises(UserError, match="right has no best recipe: leave out --recipe best"):
        plan_kernels(Request(TINY, (LEFT, RIGHT), recipe="best"))


def test_a_run_from_before_these_options_is_gone_on_with(tmp_path: Path) -> None:
    facts = request_facts(Request(TINY, (LEFT,)))
    run = open_run(tmp_path / "runs" / "tiny-old", "tiny", False)
    run.request = {k: v for k, v in facts.items() if k not in ("recipe", "calibrate")}
    run.save()
    assert pick_run(tmp_path / "runs", "tiny", False, facts, False).folder == run.folder
    other = {**facts, "recipe": "best"}
    assert pick_run(tmp_path / "runs", "tiny", False, other, False).folder != run.folder
