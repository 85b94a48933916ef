"""Folds: a fair split, and one member of the kernels of a model."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.blending.ensemble import BlendRecipe
from common.blending.folds import fold_groups, join_folds
from common.data.splits import stratified_folds
from common.errors import UserError
from common.files.predictions import Predictions, load_predictions
from kernels.plan.find import find_competition
from kernels.plan.planned import plan_kernels
from kernels.plan.request import Request, in_short
from kernels.results.result import read_history
from kernels.results.terminal import show_result
from support import browser, tiny

pytestmark = pytest.mark.slow


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=2, max_size=80), st.data())
def test_a_split_is_fair(drawn: list[int], data: st.DataObject) -> None:
    labels = np.array(drawn)
    folds = data.draw(st.integers(2, min(len(labels), 12)))
    seed = data.draw(st.integers(0, 2**32 - 1))
    parts = stratified_folds(labels, folds, seed)
    assert parts.shape == (len(labels),)
    sizes = np.bincount(parts, minlength=folds)
    assert sizes.max() - sizes.min() <= 1  # no part is empty
    if np.bincount(labels).max() >= folds:  # else no class has a row for each fold
        for label in set(drawn):
            counts = np.bincount(parts[labels == label], minlength=folds)
            assert counts.max() - counts.min() <= 1
    assert np.array_equal(parts, stratified_folds(labels, folds, seed))


def test_a_split_depends_on_the_seed_and_stays_as_it_is() -> None:
    labels = np.arange(40) % 4
    parts = stratified_folds(labels, 5, 1)
    assert not np.array_equal(parts, stratified_folds(labels, 5, 2))
    # Every fold's kernel must make the same split, on whatever image: this one, for ever.
    assert stratified_folds(np.arange(9) % 3, 3, 0).tolist() == [2, 2, 0, 1, 0, 2, 0, 1, 1]


@pytest.mark.parametrize("folds", [0, 1, 4])
def test_what_cannot_be_split_is_refused(folds: int) -> None:
    with pytest.raises(UserError, match=f"3 labelled rows cannot be split into {folds} folds"):
        stratified_folds(np.zeros(3, int), folds, 0)


def part(ids: list[str], test_ids: list[str], seed: int, classes: int = 3) -> Predictions:
    random = np.random.default_rng(seed)
    labels = np.array([int(name[1:]) % classes for name in ids])
    values = random.dirichlet(np.ones(classes), len(ids) + len(test_ids)).astype(np.float32)
    return Predictions(
        np.array(ids), labels, values[: len(ids)], np.array(test_ids), values[len(ids) :]
    )


def test_folds_are_joined_out_of_fold_and_averaged_on_test() -> None:
    first, second = part(["v1", "v2"], ["t1", "t2"], 0), part(["v4", "v3"], ["t2", "t1"], 1)
    joined = join_folds({"a-fold0": first, "a-fold1": second})
    assert joined.validation_ids.tolist() == ["v1", "v2", "v4", "v3"]
    assert joined.validation_labels.tolist() == [1, 2, 1, 0]
    assert np.array_equal(joined.validation[2:], second.validation)
    assert joined.test_ids.tolist() == ["t1", "t2"]
    assert joined.test[0] == pytest.approx((first.test[0] + second.test[1]) / 2)
    assert join_folds({"a": first}) is first


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (part(["v3", "v2"], ["t1", "t2"], 1), "a-fold0 and a-fold1 are both validated on v2"),
        (part(["v3"], ["t1", "t3"], 1), "test ids of a-fold0 .* and a-fold1 .* differ in 2 ids"),
        (part(["v3"], ["t1", "t2"], 1, 4), "a-fold0 and a-fold1 have a different number of cla"),
    ],
)
def test_folds_that_do_not_fit_together_are_refused(other: Predictions, said: str) -> None:
    with pytest.raises(UserError, match=said):
        join_folds({"a-fold0": part(["v1", "v2"], ["t1", "t2"], 0), "a-fold1": other})


def of(folds: int, *which: int, model: str = "a") -> Mapping[str, Mapping[str, int]]:
    return {f"{model}-fold{fold}": {"folds": folds, "fold": fold} for fold in which}


def test_kernels_of_one_model_belong_together() -> None:
    recipes = {**of(2, 1, 0), "b": {"epochs": 3}, "c": {"folds": 5, "fold": 2}, "d-fold1": {}}
    groups = fold_groups(recipes)
    assert groups == {
        "a": ("a-fold0", "a-fold1"),
        "b": ("b",),
        "c": ("c",),  # one part, asked for with --set
        "d-fold1": ("d-fold1",),
    }


@pytest.mark.parametrize(
    ("recipes", "said"),
    [
        (of(3, 0, 2), "a has 3 folds, .* are a-fold0, a-fold2, a-fold1 missing: run them all"),
        (of(3, 1), "are a-fold1, a-fold0, a-fold2 missing"),
        ({**of(2, 0, 1), "a": {}}, "are a-fold0, a-fold1, a, not one of each"),
        ({**of(2, 0), **of(3, 1)}, "a has 3 folds, .* a-fold2 missing"),
    ],
)
def test_a_missing_fold_is_told(recipes: Mapping, said: str) -> None:
    with pytest.raises(UserError, match=said):
        fold_groups(recipes)


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
    [known] = read_history(run)
    shown = show_result(known)
    assert "  left             validation 1.000 (1.000 to 1.000)" in shown
    assert "3 folds: 1.0000, 1.0000, 1.0000" in shown
    history = " ".join(tiny.submit_here(capsys, "--history", "--run-dir", run).stdout.split())
    assert "left 1.000 (1.000 to 1.000, 3 folds), right 1.000 (1.000 to 1.000, 3 folds)" in history


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
    names = ["shared", "a-fold0", "a-fold1", "b", "c-fold1", "c-fold2", "d-fold0"]
    assert in_short(names) == "shared, a-fold0 to fold1, b, c-fold1, c-fold2, d-fold0"
    assert in_short([]) == ""


def test_a_script_without_such_fields_cannot_be_split(monkeypatch: pytest.MonkeyPatch) -> None:
    competition = find_competition("tiny")
    tiny.redeclare(monkeypatch, competition, "right", recipe=BlendRecipe(), best=None, dry_run={})
    with pytest.raises(UserError, match="--folds 3: right cannot be split into folds; leave it"):
        plan_kernels(Request(competition, competition.ensemble, folds=3))
