"""One line to a score, through the real client and the local Kaggle, with numpy-only kernels."""

import csv
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from sklearn.metrics import f1_score

from common.errors import UserError
from kernels.local.dry_run import describe_data
from kernels.run.state import open_run
from support import tiny


def read(path: Path) -> dict[str, dict[str, str]]:
    with open(path, newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def state(folder: Path) -> dict:
    return dict(json.loads((folder / "run" / "state.json").read_text()))


def versions(folder: Path) -> dict[str, int]:
    return {name: known["version"] for name, known in state(folder)["kernels"].items()}


def test_one_line_gives_a_score_that_is_the_submissions(
    dry: list, tiny_data: tuple[Path, Path], tmp_path: Path
) -> None:
    told = tiny.last_json(tiny.submit(*dry, "--ensemble", "--json", "--set", "sharpness=0.5"))
    submitted, solution = read(Path(told["submission"])), read(tiny_data[1])
    for usage, score in (("Public", "public_score"), ("Private", "private_score")):
        ids = [name for name, row in solution.items() if row["Usage"] == usage]
        labels = [[int(table[name]["label"]) for name in ids] for table in (solution, submitted)]
        assert told[score] == pytest.approx(f1_score(*labels, average="macro"), abs=1e-5)
    assert told["state"] == "complete"
    assert told["competition"] == "tiny"
    assert told["blend"]["weights"] == {"left": 0.5, "right": 0.5}
    assert [member["name"] for member in told["members"]] == ["left", "right"]
    assert {member["accelerator"] for member in told["members"]} == {"cpu"}
    assert (tmp_path / "run" / "figures" / "ensemble-confusion.png").stat().st_size > 1000


def test_the_same_command_again_runs_and_sends_nothing(dry: list, tmp_path: Path) -> None:
    first = tiny.last_json(tiny.submit(*dry, "--ensemble", "--json"))
    before = state(tmp_path)
    done = tiny.submit(*dry, "--ensemble", "--json")
    assert tiny.last_json(done) == first
    assert "sent already, as submission 1: it is not sent again" in done.stderr
    assert state(tmp_path) == before
    assert len(before["submissions"]) == 1


def test_a_finished_run_is_blended_another_way_without_training(dry: list, tmp_path: Path) -> None:
    tiny.last_json(tiny.submit(*dry, "--ensemble", "--json", "--no-submit"))
    told = tiny.last_json(
        tiny.submit(*dry, "--ensemble", "--json", "--no-submit", "--blend", "greedy")
    )
    assert told["blend"]["method"] == "greedy"
    assert told["public_score"] is None
    assert versions(tmp_path) == {"shared": 1, "left": 1, "right": 1, "ensemble": 2}
    assert state(tmp_path)["submissions"] == []


def test_one_model_is_a_run_too_and_settings_reach_the_kernel(dry: list, tmp_path: Path) -> None:
    done = tiny.submit(*dry, "--model", "left", "--seed", "7", "--set", "epochs=3")
    assert done.returncode == 0, done.stderr
    assert "score            public" in done.stdout
    manifest = json.loads((tmp_path / "run" / "outputs" / "left" / "manifest.json").read_text())
    assert manifest["recipe"]["epochs"] == 3
    assert manifest["seed"] == 7
    pushed = (tmp_path / "run" / "kernels" / "left" / "tiny_left.py").read_text()
    assert "'seed': 7" in pushed
    assert "    epochs=3,  # instead of 2\n" in pushed
    assert "left RUNNING training" in done.stderr or "left COMPLETE" in done.stderr


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            "raise",
            r"kernel left ended as ERROR: ValueError: the loss went to the moon \(whole log: ",
        ),
        ("vanish", r"kernel left: no manifest.json in .*outputs/left.*\(whole log: "),
        ("alter", "kernel left: .*metrics.json is not the file that the kernel wrote"),
        ("nan", "test predictions are NaN or infinite in 1 of 12 rows, the first is id r13"),
    ],
)
def test_a_kernel_that_fails_is_one_clear_line(
    dry: list, tmp_path: Path, how: str, said: str
) -> None:
    done = tiny.submit(*dry, "--model", "left", "--set", f"misbehave={how}")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert __import__("re").search(said, last), last
    assert state(tmp_path)["state"] == "failed"
    assert state(tmp_path)["submissions"] == []
    # After the mistake is mended the same run goes on.
    assert tiny.submit(*dry, "--model", "left").returncode == 0


def test_a_failed_kernels_own_lines_are_shown_without_our_traceback(dry: list) -> None:
    done = tiny.submit(*dry, "--model", "left", "--set", "misbehave=raise")
    shown = [line for line in done.stderr.splitlines() if line.startswith("  | ")]
    assert any("went to the moon" in line for line in shown)
    assert any("data.py" in line for line in shown)
    assert "run_script" not in done.stderr
    assert "watch.py" not in done.stderr


def test_members_with_other_test_ids_are_not_blended(dry: list, tmp_path: Path) -> None:
    import competitions.tiny_digits.left as left

    assert left.KERNEL.recipe.misbehave == ""
    done = tiny.submit(*dry, "--model", "left", "--no-submit", "--set", "misbehave=ids")
    assert done.returncode == 1
    assert "id that the sample has not: line 2: xr12" in done.stderr.splitlines()[-1]


def test_ctrl_c_ends_the_kernels_and_the_run_goes_on_later(dry: list, tmp_path: Path) -> None:
    process = subprocess.Popen(
        tiny.command(*dry, "--model", "left", "--set", "misbehave=sleep"),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=tiny.ROOT,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("run/kaggle/**/working/started")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    last = said.splitlines()[-1]
    assert "interrupted; its kernels ended with it" in last
    assert "reached: shared complete, left " in last
    assert "Traceback" not in said
    assert state(tmp_path)["state"] == "interrupted"
    running = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True).stdout
    assert running == ""
    assert tiny.submit(*dry, "--model", "left").returncode == 0
    assert versions(tmp_path)["shared"] == 1


def test_two_runs_of_one_second_have_two_folders(tmp_path: Path) -> None:
    from kernels.run.state import pick_run

    runs = [pick_run(tmp_path, "tiny", True, {"seed": 0}, fresh=True) for _ in range(20)]
    assert len({run.folder for run in runs}) == 20


def test_a_lost_output_is_fetched_again_and_not_trained_again(dry: list, tmp_path: Path) -> None:
    assert tiny.submit(*dry, "--model", "left").returncode == 0
    (tmp_path / "run" / "outputs" / "left" / "predictions.npz").unlink()
    assert tiny.submit(*dry, "--model", "left").returncode == 0
    assert versions(tmp_path) == {"shared": 1, "left": 1, "ensemble": 1}


def test_a_run_does_not_go_on_with_other_data(dry: list, tmp_path: Path) -> None:
    assert tiny.submit(*dry, "--model", "left").returncode == 0
    data, solution = tiny.write_data(tmp_path / "other")
    other = ["tiny", "--dry-run", "--run-dir", tmp_path / "run", "--model", "left"]
    done = tiny.submit(*other, "--data", data, "--solution", solution)
    assert done.returncode == 1
    assert "was made with the data in" in done.stderr.splitlines()[-1]
    with pytest.raises(UserError, match="and this is generated pictures: give it the same data"):
        open_run(tmp_path / "run", "tiny", True).check_data(describe_data(None, None))
