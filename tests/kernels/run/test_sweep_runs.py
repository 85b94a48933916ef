"""A sweep from one line to one table, through the real client and the local Kaggle."""

import json
from pathlib import Path

import pytest

from support import tiny, warm

pytestmark = pytest.mark.slow


def versions(run: Path) -> dict[str, int]:
    kernels = json.loads((run / "state.json").read_text())["kernels"]
    return {name: known["version"] for name, known in kernels.items()}


def test_a_failed_cell_loses_no_other_and_the_same_command_runs_it_again(
    dry: list, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, command = tmp_path / "run", [*dry, "--model", "left", "--sweep", "misbehave=none,raise,no"]
    done = tiny.submit(*command, "--json")
    assert done.returncode == 1
    result = json.loads(done.stdout.splitlines()[-1])
    why = "left-misbehave-raise-seed0 ended as ERROR: ValueError: the loss went to the moon"
    assert result["error"].startswith(f"1 of 3 kernels of the sweep failed: kernel {why}")
    assert done.stderr.splitlines()[-1] == f"error: {result['error']}"
    assert "the run goes on without it" in done.stderr
    assert (result["state"], result["submission_ref"]) == ("failed", None)
    none, bad, no = result["sweep"]["cells"]
    assert none["validation_score"] == no["validation_score"] == 1.0
    assert no["change"]["difference"] == 0
    assert (bad["validation_score"], bad["seeds"]) == (None, {})
    for name in (
        "sweep.json",
        "sweep.csv",
        "figures/sweep.png",
        "figures/sweep.svg",
        "report.html",
    ):
        assert (run / name).is_file()
    assert not (run / "outputs" / "ensemble").exists()
    # What failed is pushed again, and nothing else.
    names = ["shared", *(f"left-misbehave-{how}-seed0" for how in ("none", "raise", "no"))]
    assert versions(run) == dict.fromkeys(names, 1)
    done = tiny.submit(*command)
    assert done.returncode == 1
    assert "going on with" in done.stderr
    assert versions(run) == {**dict.fromkeys(names, 1), names[2]: 2}
    history = tiny.submit_here(capsys, "--history", "--run-dir", run).stdout
    assert "sweep misbehave=none,raise,no: 2 of 3 cells" in " ".join(history.split())


def test_cells_that_another_sweep_has_trained_are_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm.fork_kernels(monkeypatch)
    runs = tmp_path / "runs"
    asked = ("tiny", "--accelerator", "cpu", "--model", "left", "--seeds", "2", "--json")
    with tiny.local_kaggle(tmp_path) as (kaggle, env):
        two = (*asked, "--sweep", "sharpness=1,2", "--run-dir", runs / "two")
        first = tiny.last_json(tiny.submit(*two, env=env))
        three = (*asked, "--sweep", "sharpness=1,2,4", "--run-dir", runs / "three")
        second = tiny.last_json(tiny.submit(*three, env=env))
        pushed = {
            ref.partition("/")[2]: len(kaggle.store.versions(ref)) for ref in kaggle.store.kernels()
        }
    assert (first["state"], second["state"]) == ("complete", "complete")
    cells = [f"tiny-left-sharpness-{cell}-seed{seed}" for cell in "124" for seed in (0, 1)]
    assert pushed == dict.fromkeys(["tinycommon", *cells], 1)
    assert [member["reused"] for member in second["members"]] == ["two"] * 4 + [""] * 2
    assert [cell["name"] for cell in second["sweep"]["cells"]] == [f"sharpness={n}" for n in "124"]
    assert second["sweep"]["axis"] == "sharpness"
    assert second["sweep"]["cells"][:2] == first["sweep"]["cells"]
    seeds = json.loads((runs / "three/outputs/left-sharpness-4-seed1/manifest.json").read_text())[
        "seed"
    ]
    assert seeds == 1
    assert second["submissions"] == 0


def test_folds_of_a_sweep_are_compared_out_of_fold(dry: list) -> None:
    asked = ("--sweep", "sides", "--set", "epochs=1", "--seeds", "1", "--json")
    result = tiny.last_json(tiny.submit(*dry, *asked))
    assert [cell["model"] for cell in result["sweep"]["cells"]] == ["left", "right", "both"]
    asked = (
        "--sweep",
        "sharpness",
        "--seeds",
        "1",
        "--folds",
        "2",
        "--repeats",
        "2",
        "--json",
        "--fresh",
    )
    result = tiny.last_json(tiny.submit(*dry[:-2], "--run-dir", f"{dry[-1]}-folds", *asked))
    sweep = result["sweep"]
    assert (sweep["folds"], [cell["n"] for cell in sweep["cells"]]) == (4, [12] * 3)
    assert [len(cell["kernels"]) for cell in sweep["cells"]] == [4] * 3
    assert sweep["cells"][0]["published"] == {"macro_f1": 0.9, "accuracy": 0.75}
