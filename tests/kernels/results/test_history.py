"""``--history``: what was run, read from the run folders alone."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from support import tiny


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, tiny_data: tuple[Path, Path]) -> Path:
    """A folder with two complete dry runs and one that failed."""
    where = tmp_path_factory.mktemp("desk")
    data, solution = tiny_data
    common = ("tiny", "--dry-run", "--data", data, "--solution", solution)
    for more in (
        ("--ensemble", "--set", "epochs=3"),
        ("--model", "left", "--seed", "7", "--no-submit"),
        ("--model", "left", "--set", "misbehave=raise"),
    ):
        tiny.submit(*common, *more, cwd=where)
    return where / "runs"


def history(runs: Path, *more: object) -> list[dict]:
    done = tiny.submit("--history", "--run-dir", runs, "--json", *more)
    return list(tiny.last_json(done)["runs"])


def test_each_run_tells_what_it_was_and_came_to(runs: Path) -> None:
    failed, single, ensemble = history(runs)
    assert [run["state"] for run in (failed, single, ensemble)] == [
        "failed",
        "complete",
        "complete",
    ]
    assert ensemble["request"]["settings"] == {"epochs": "3"}
    assert single["request"]["seed"] == 7
    assert [member["name"] for member in ensemble["members"]] == ["left", "right"]
    member = ensemble["members"][0]
    assert (member["validation_score"], member["accelerator"]) == (0.5, "cpu")
    assert member["recipe"]["epochs"] == 3
    assert ensemble["blend"]["weights"] == {"left": 0.5, "right": 0.5}
    assert ensemble["public_score"] - ensemble["validation_score"] == ensemble["gap"]
    assert ensemble["submission_ref"] == 1
    assert (single["public_score"], single["submission_ref"], single["gap"]) == (None, None, None)
    assert failed["members"][0]["validation_score"] is None
    assert len(ensemble["code"]["hash"]) == 64


def test_best_comes_first_and_a_competition_can_be_named(runs: Path) -> None:
    best = history(runs, "--sort", "best")
    assert [run["public_score"] for run in best] == [1.0, None, None]
    assert best[1]["validation_score"] == 1.0
    assert len(history(runs, "tiny")) == 3
    none = tiny.submit("--history", "petals", "--run-dir", runs)
    assert none.returncode == 1
    assert none.stderr == f"error: no runs of petals in {runs}: name their --run-dir\n"


def test_one_run_can_be_looked_at_and_a_broken_one_is_left_out(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    first, *_, last = sorted((tmp_path / "runs").glob("tiny-*"))
    assert [run["run_dir"] for run in history(last)] == [str(last)]
    (first / "state.json").write_text("{")
    assert len(history(tmp_path / "runs")) == 2


def test_the_table_has_a_line_of_numbers_a_run_and_its_words_below(runs: Path) -> None:
    done = tiny.submit("--history", "--run-dir", runs)
    head, *lines = done.stdout.splitlines()
    failed, single, ensemble = (" ".join(lines[n : n + 2]) for n in (0, 2, 4))
    for word in ("public", "valid.", "gap"):
        assert word in head
    assert "(dry run) (failed)" in failed
    assert "seed=7" in single
    for word in ("1.00000", "1.0000 ", "+0.0000", "left 0.5000, right 0.5000", "epochs=3"):
        assert word in ensemble


def test_no_line_of_the_table_is_wide_and_nothing_is_cut(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from kernels.results.history import MemberEntry, read_history
    from kernels.results.history_table import show_history

    parts = [MemberEntry(f"submodel-part{n}", 0.5 + n / 100, "gpu", 9.0, "", {}) for n in range(10)]
    [first, *_] = read_history(runs)
    show_history([dataclasses.replace(first, members=tuple(parts))])
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 100
    for part in parts:
        assert f"{part.name} {part.validation_score:.4f}" in " ".join(told.split())


def test_how_it_is_sorted_is_newest_or_best(runs: Path) -> None:
    done = tiny.submit("--history", "--run-dir", runs, "--sort", "worst")
    assert done.stderr == "error: --sort worst: newest or best\n"


def test_accelerator_hours_are_counted_without_what_was_used_again(tmp_path: Path) -> None:
    from kernels.kaggle.states import KernelState
    from kernels.results.history import read_entry
    from kernels.run.state import open_run

    run = open_run(tmp_path / "run", "tiny", False)
    for name, seconds, seen, reused in (
        ("left", 1800.0, "gpu", ""),
        ("right", 7200.0, "gpu", "earlier"),
        ("third", 3600.0, "cpu", ""),
    ):
        run.set_kernel(name, state=KernelState.COMPLETE, seconds=seconds, reused=reused)
        run.output(name).mkdir(parents=True)
        manifest = {"accelerator": {"seen": seen}}
        (run.output(name) / "manifest.json").write_text(json.dumps(manifest))
    assert read_entry(run).quota_hours == {"gpu": 0.5}
