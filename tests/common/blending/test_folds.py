"""Folds and networks of a model, each a kernel: planned, run, shown in words and in the report."""

import json
from pathlib import Path

import numpy as np
import pytest

from common.blending.ensemble import BlendRecipe
from common.errors import UserError
from common.files.predictions import load_predictions
from common.manifest import write_json
from kernels.kaggle.states import KernelState
from kernels.plan.find import find_competition
from kernels.plan.request import in_short
from kernels.results.result import read_history, read_result
from kernels.results.terminal import show_history, show_result
from kernels.run.state import open_run
from support import browser, tiny
from support.planned import planned
from support.report_run import a_run, noisy, write_kernels, written

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tiny_data: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The JSON of a calibrated dry run of three folds a model."""
    run = tmp_path_factory.mktemp("folds") / "run"
    command = ("tiny", "--dry-run", "--data", tiny_data[0], "--solution", tiny_data[1], "--json")
    asked = ("--ensemble", "--folds", "3", "--set", "sharpness=0.4", "--calibrate")
    return tiny.last_json(tiny.submit(*command, *asked, "--run-dir", run))


def test_each_fold_is_a_kernel_and_a_model_is_one_member(
    finished: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(finished["run_dir"])
    names = [f"{model}-fold{fold}" for model in ("left", "right") for fold in range(3)]
    assert [member["name"] for member in finished["members"]] == names
    blend = finished["blend"]
    assert blend["weights"] == {"left": 0.5, "right": 0.5}
    assert {model: list(scores) for model, scores in blend["folds"].items()} == {
        "left": names[:3],
        "right": names[3:],
    }
    parts = [load_predictions(run / "outputs" / name, name).validation_ids for name in names[:3]]
    assert [len(ids) for ids in parts] == [4, 4, 4]
    joined = load_predictions(run / "outputs" / "ensemble", "ensemble")
    assert sorted(np.concatenate(parts)) == sorted(joined.validation_ids)
    assert set(joined.validation_ids) == {f"r{number}" for number in range(12)}
    assert finished["public_score"] == 1.0
    # The same in words, and in the history: one line a model.
    [known] = read_history(run)[0]
    shown = show_result(known)
    assert "  left             validation 1.00 (0.76 to 1.00)" in shown
    assert "3 folds: 1.0000, 1.0000, 1.0000" in shown
    history = " ".join(tiny.submit_here(capsys, "--history", "--run-dir", run).stdout.split())
    assert "left 1.00 (0.76 to 1.00, 3 folds), right 1.00 (0.76 to 1.00, 3 folds)" in history


def test_repeats_of_folds_are_shown_and_blended(
    tiny_data: tuple[Path, Path], tmp_path: Path
) -> None:
    command = ("tiny", "--dry-run", "--data", tiny_data[0], "--solution", tiny_data[1], "--json")
    folds = ("--folds", "2", "--repeats", "2", "--set", "sharpness=0.1")
    run = tmp_path / "run"
    done = tiny.last_json(tiny.submit(*command, "--model", "left", *folds, "--run-dir", run))
    names = [f"left-fold{fold}" for fold in range(4)]
    assert [member["name"] for member in done["members"]] == names
    parts = [load_predictions(run / "outputs" / name, name).validation_ids for name in names]
    assert sorted([*parts[0], *parts[1]]) == sorted([*parts[2], *parts[3]])
    assert sorted(parts[0]) != sorted(parts[2]), "the same split twice"
    assert list(done["blend"]["repeats"]["left"]) == ["split 1", "split 2"]
    assert list(done["blend"]["folds"]["left"]) == names
    assert done["blend"]["n"] == 12
    shown = show_result(read_history(run)[0][0])
    assert "4 folds: " in shown
    assert "2 splits, each out of fold: " in shown
    page = Path(done["report"]).read_text()
    assert page.count("fold 0 of split 2") == page.count("fold 1 of split 2") == 1
    assert "left, out of fold" in page


def test_a_calibrated_run_shows_each_members_temperature(finished: dict) -> None:
    found = finished["blend"]["calibration"]
    assert list(found) == ["left", "right"]
    for facts in found.values():
        assert facts["temperature"] < 1
        assert facts["nll_after"] < facts["nll_before"]
    assert "NLL before" in Path(finished["report"]).read_text()


@pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())
def test_the_report_of_its_kernels_fits_a_phone(finished: dict, tmp_path: Path) -> None:
    page = Path(finished["report"])
    assert "The folds" in page.read_text()
    with browser.chromium(tmp_path / "profile") as driver:
        for width in (1280, 375):
            browser.resize(driver, width)
            driver.get(page.as_uri())
            wide = driver.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width
        rows = driver.find_elements("css selector", "#blend .ranges .name")
        folds = [f"fold {fold}" for fold in range(3)]
        assert [row.text for row in rows if "fold" in row.text] == [
            *("left, out of fold", *folds),
            *("right, out of fold", *folds),
        ]
        graph = driver.find_element("css selector", "#kernels svg").text
        assert all(f"{model} × 3" in graph for model in ("left", "right"))  # noqa: RUF001
        # One column a model: its folds differ in their number alone.
        said = driver.find_element("css selector", "#settings").text
        assert said.count("0 to 2") == 2


def test_a_plan_shows_the_folds_of_a_model_together(
    dry: list, capsys: pytest.CaptureFixture[str]
) -> None:
    done = tiny.submit_here(capsys, *dry, "--ensemble", "--folds", "5", "--plan", "--json")
    printed = json.loads(done.stdout.splitlines()[-1])
    folds = [kernel.get("fold") for kernel in printed["kernels"]]
    assert folds == [None, *range(5), *range(5), None]
    lines = done.stderr.splitlines()
    assert next(line for line in lines if line.startswith("2-6 ")).split()[1:4] == [
        "tiny-left-fold0",
        "to",
        "fold4",
    ]
    assert "reads  tinycommon, tiny-left-fold0 to fold4, tiny-right-fold0 to fold4" in done.stderr
    assert max(map(len, lines)) < 100


def test_names_in_short() -> None:
    names = ["shared", "a-fold0", "a-fold1", "b", "c-fold1", "c-fold2", "d-network0"]
    assert in_short(names) == "shared, a-fold0 to fold1, b, c-fold1, c-fold2, d-network0"


def test_each_network_is_a_kernel_with_a_seed_of_its_own() -> None:
    found = planned("painter", "classes", settings={"networks": "3"}, seed=2**32 - 2)
    three = [f"classes-network{n}" for n in range(3)]
    assert list(found) == ["shared", "prepare", *three, "ensemble"]
    assert [found[name].parameters.seed for name in three] == [2**32 - 2, 2**32 - 1, 0]
    assert [found[name].recipe.network for name in three] == [0, 1, 2]
    assert found["ensemble"].sources == ("shared", "prepare", *three)
    assert "classes" in planned("painter", "classes", settings={"networks": "1"})
    with pytest.raises(UserError, match="--set network: each kernel has its own"):
        planned("painter", "classes", settings={"networks": "3", "network": "1"})


def test_what_others_read_is_not_multiplied() -> None:
    found = planned("painter", settings={"networks": "2"})
    assert {name for name in found if "-network" in name} == {
        f"{model}-network{n}" for model in ("triplets", "classes", "margin") for n in range(2)
    }
    assert "supermodel" in found
    with pytest.raises(UserError, match="submodel has no networks: it would do nothing there"):
        planned("painter", "submodel", settings={"networks": "2"})


def test_terminal_and_history_show_the_joined_score_and_each_networks_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = {"classes-network0": 0.75, "classes-network1": 0.7}
    run = open_run(tmp_path / "run", "painter", True)
    for name, score in own.items():
        run.set_kernel(name, state=KernelState.COMPLETE, seconds=60.0)
        run.output(name).mkdir(parents=True)
        write_json(run.output(name) / "metrics.json", {"validation_score": score})
    assert "networks" not in read_result(run).blend  # no blend has joined them
    run.output("ensemble").mkdir()
    channels = {"classes/classes": {"all": 0.8, "seen": 0.82, "unseen": 0.6}}
    blend = {"validation_score": 0.85, "members": {"classes": 0.8}, "channels": channels}
    write_json(run.output("ensemble") / "metrics.json", blend)
    result = read_result(run)
    assert result.blend["networks"] == {"classes": own}
    lines = [" ".join(line.split()) for line in show_result(result).splitlines()]
    assert "classes validation 0.8000 seen 0.8200 unseen 0.6000 120 s on unknown" in lines
    assert "2 networks: 0.7500, 0.7000" in lines
    show_history([result])
    assert "classes 0.8000 (2 networks)" in capsys.readouterr().out


def test_folds_of_one_kernel_are_shown_as_those_of_several(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(40) % 3
    guesses = {name: noisy(random, labels, 3, 1.5) for name in ("left", "right")}
    write_kernels(tmp_path / "run", find_competition("tiny"), labels, guesses)
    run = a_run(tmp_path / "run", "tiny", "left", "right")
    run.request["members"] = [*(f"left-fold{n}" for n in range(2)), "right"]
    path = run.output("ensemble") / "metrics.json"
    folds = {f"left-fold{n}": 0.5 + n / 4 for n in range(2)}
    write_json(path, {**json.loads(path.read_text()), "folds": {"left": folds}})
    shown = show_result(read_result(run))
    [line] = [line for line in shown.splitlines() if line.startswith("  left")]
    assert " 660 s on " in line
    assert "2 folds: 0.5000, 0.7500" in shown
    page = written(run, "left", "right")
    assert "The folds" in page
    assert [f"fold {n}" in page for n in range(3)] == [True, True, False]


def test_a_script_without_such_fields_cannot_be_split(monkeypatch: pytest.MonkeyPatch) -> None:
    competition = find_competition("tiny")
    tiny.redeclare(monkeypatch, competition, "right", recipe=BlendRecipe(), best=None, dry_run={})
    with pytest.raises(UserError, match="--folds 3: right cannot be split into folds; leave it"):
        planned("tiny", folds=3)
