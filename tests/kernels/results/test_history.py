"""``--history``: what was run, read from the run folders alone."""

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from kernels.kaggle.states import KernelState
from kernels.results.output import read_output
from kernels.results.result import (
    Result,
    best_first,
    keep_blend,
    read_history,
    read_result,
    tried_blends,
)
from kernels.results.terminal import show_history, show_result
from kernels.run.state import Run, Submission, open_run
from support import tiny

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, tiny_data: tuple[Path, Path]) -> Path:
    """A folder with two complete dry runs and a run that failed."""
    where = tmp_path_factory.mktemp("desk")
    data, solution = tiny_data
    dry = ("tiny", "--dry-run", "--data", data, "--solution", solution)
    for more in (("--ensemble", "--set", "epochs=3"), ("--model", "left", "--no-submit")):
        done = tiny.submit(*dry, *more, "--seed", "7", cwd=where)
        assert done.returncode == 0, done.stderr
    broken = open_run(where / "runs" / "tiny-failed", "tiny", False)
    broken.request = {"members": ["left"]}
    broken.set_kernel("left", version=1, state=KernelState.ERROR)
    broken.update(state="failed")
    return where / "runs"


@pytest.fixture
def history(runs: Path, capsys: pytest.CaptureFixture[str]) -> Callable:
    """``history(*arguments)``: what the command says of them."""
    return partial(tiny.submit_here, capsys, "--history", "--run-dir", runs)


def test_each_run_shows_what_it_was_and_came_to(history: Callable) -> None:
    failed, single, ensemble = tiny.last_json(history("--json"))["runs"]
    states = [run["state"] for run in (failed, single, ensemble)]
    assert states == ["failed", "complete", "complete"]
    assert ensemble["request"]["settings"] == {"epochs": "3"}
    assert single["request"]["seed"] == 7
    assert [member["name"] for member in ensemble["members"]] == ["left", "right"]
    member = ensemble["members"][0]
    assert (member["validation_score"], member["accelerator"]) == (0.5, "cpu")
    assert member["recipe"]["epochs"] == 3
    assert ensemble["blend"]["weights"] == {"left": 0.5, "right": 0.5}
    assert ensemble["public_score"] - ensemble["validation_score"] == ensemble["gap"]
    assert ensemble["submission_ref"] == 1
    assert [blend["method"] for blend in ensemble["blends"]] == ["mean"]
    assert Path(ensemble["report"]).name == "report.html"
    assert (single["public_score"], single["submission_ref"], single["gap"]) == (None, None, None)
    assert failed["members"][0]["validation_score"] is None
    assert (failed["submission"], failed["report"]) == (None, None)
    assert len(ensemble["code"]["hash"]) == 64


def test_the_table_has_a_line_of_numbers_a_run_and_its_words_below(history: Callable) -> None:
    done = history("tiny", "--sort", "best")
    head, *found = re.split(r"\n(?=\d{4}-)", done.stdout)
    ensemble, single, failed = (" ".join(lines.split()) for lines in found)
    places = [head.index(word) for word in ("public", "valid.", "gap")]
    assert places == sorted(places)
    assert "(failed)" in failed
    assert "seed=7" in single
    for word in ("(dry run)", "1.000", "+0.000", "right 1.000 (1.000 to 1.000)", "epochs=3"):
        assert word in ensemble


def test_what_cannot_be_shown_is_one_line(history: Callable, runs: Path) -> None:
    for more, said in (
        (("petals",), f"error: no runs of petals in {runs}: name their --run-dir\n"),
        (("--sort", "worst"), "error: --sort worst: newest or best\n"),
    ):
        done = history(*more)
        assert (done.returncode, done.stderr) == (1, said)


def test_one_run_can_be_looked_at_and_a_broken_one_is_left_out(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    first, *_, last = sorted((tmp_path / "runs").glob("tiny-*"))
    assert [result.run_dir for result in read_history(last)] == [str(last)]
    (first / "state.json").write_text("{")
    assert len(read_history(tmp_path / "runs", "tiny")) == 2
    assert read_history(tmp_path / "runs", "petals") == []


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of a model, of what that model reads, and of a blend."""
    run = open_run(tmp_path / "run", "painter", False)
    run.request = {"members": ["classes"]}
    for name, seconds, seen, reused in (
        ("prepare", 1800.0, "gpu", ""),
        ("classes", 7200.0, "gpu", "earlier"),
        ("ensemble", 3600.0, "cpu", ""),
    ):
        run.set_kernel(name, version=1, state=KernelState.COMPLETE, seconds=seconds, reused=reused)
        write(run, name, "manifest.json", {"accelerator": {"seen": seen}})
    blend(run, 1, "mean", 0.8512)
    return run


@pytest.mark.parametrize(
    ("name", "blended"),
    [("classes", True), ("classes-network1", True), ("classes-part0", False), ("prepare", False)],
)
def test_a_kernel_is_blended_that_was_asked_for_and_no_part(
    run: Run, name: str, blended: bool
) -> None:
    assert read_output(run, name).blended is blended


def write(run: Run, kernel: str, name: str, facts: object) -> None:
    run.output(kernel).mkdir(parents=True, exist_ok=True)
    (run.output(kernel) / name).write_text(facts if isinstance(facts, str) else json.dumps(facts))


def blend(run: Run, version: int, method: str, score: float) -> None:
    """Let the ensemble of a run blend, and the run keep it."""
    half = {"interval": [score - 0.02, score + 0.02], "n": 312}
    own = {"method": method, "metric": "roc_auc", "validation_score": score, **half}
    write(run, "ensemble", "metrics.json", {**own, "weights": {"classes": 1.0}})
    write(run, "ensemble", "submission.csv", f"id,label\n{method},1\n")
    run.set_kernel("ensemble", version=version)
    keep_blend(run)


def test_hours_are_counted_without_what_was_used_again_and_sources_are_no_members(run: Run) -> None:
    result = read_result(run)
    assert result.quota_hours == {"gpu": 0.5}
    assert [member.name for member in result.members] == ["classes"]
    assert [member.name for member in result.others] == ["prepare"]


def test_every_blend_that_was_tried_is_kept_with_its_scores(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "tried" not in show_result(read_result(run))  # one alone is the blend itself
    from common.manifest import file_sha256

    sent = Submission(
        file_sha256(run.output("ensemble") / "submission.csv"), ref=3, public_score=0.84567
    )
    run.submissions.append(sent)
    keep_blend(run)  # the same command again: nothing new
    blend(run, 2, "weighted", 0.9012)
    tried = tried_blends(run)
    assert [(one.name, one.validation_score, one.public_score) for one in tried] == [
        ("mean", 0.8512, 0.84567),
        ("weighted", 0.9012, None),
    ]
    result = read_result(run)
    assert result.gap is None  # the score is of the blend before
    lines = show_result(result).splitlines()
    assert (
        "  tried            mean: validation 0.851 (0.831 to 0.871, n 312), public 0.846" in lines
    )
    assert "  tried            weighted: validation 0.901 (0.881 to 0.921, n 312)" in lines
    show_history([result])
    assert "tried mean: validation 0.851" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("name", ["metrics.json", "manifest.json"])
@pytest.mark.parametrize("text", ["{", "[1]", '{"validation_score": "much", "accelerator": 3}'])
def test_a_file_that_is_broken_is_empty(run: Run, name: str, text: str) -> None:
    write(run, "classes", name, text)
    [member] = read_result(run).members
    expected = "gpu" if name == "metrics.json" else ""
    assert (member.validation_score, member.accelerator) == (None, expected)


def test_the_best_of_errors_is_the_lowest_and_competitions_stay_together(run: Run) -> None:
    result = dataclasses.replace(read_result(run), greater_is_better=False, validation_score=17.5)
    worse = dataclasses.replace(result, validation_score=99.0)
    public = dataclasses.replace(result, validation_score=98.0, public_score=17.0)
    lower = dataclasses.replace(public, public_score=16.0)

    def other(score: float) -> Result:
        changes = {"competition": "petals", "greater_is_better": True, "validation_score": score}
        return dataclasses.replace(result, **changes)

    none = dataclasses.replace(result, validation_score=None)
    low, high = other(0.5), other(0.9)
    found = best_first([none, low, worse, public, high, result, lower])
    assert found == [lower, public, result, worse, none, high, low]


def test_no_line_is_wide_and_nothing_is_cut(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    [member], known = read_result(run).members, read_result(run)
    parts = tuple(
        dataclasses.replace(member, name=f"submodel-part{n}", validation_score=0.5 + n / 100)
        for n in range(10)
    )
    weights = {f"a-model-{n}/embedding": 1 / 9 for n in range(9)}
    result = dataclasses.replace(known, others=parts, blend={**known.blend, "weights": weights})
    show_history([result])
    said = capsys.readouterr().out
    shown = show_result(dataclasses.replace(result, submission=None))
    assert max(map(len, [*said.splitlines(), *shown.splitlines()])) <= 100
    for part in parts:
        assert f"{part.name} {part.validation_score:.4f}" in " ".join(said.split())
    assert all(f"{name} 0.111" in shown for name in weights)
