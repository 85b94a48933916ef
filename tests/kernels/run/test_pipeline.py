"""One line to a score, through the real client and the local Kaggle, with numpy-only kernels."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from sklearn.metrics import f1_score

from kernels.run.runs import pick_run
from support import tiny

pytestmark = pytest.mark.slow
TOKEN = "_".join(("KGAT", "0123456789abcdef" * 2))
KEY = "fedcba9876543210" * 2
GUARD = """
import sys
def guard(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        host = args[0] if event == "socket.getaddrinfo" else args[1][0]
        if host not in ("127.0.0.1", "localhost", "::1", "", "/", None):
            with open({log!r}, "a") as file:
                print(event, host, file=file)
sys.addaudithook(guard)
"""


def state(folder: Path) -> dict:
    return dict(json.loads((folder / "state.json").read_text()))


def versions(folder: Path) -> dict[str, int]:
    return {name: known["version"] for name, known in state(folder)["kernels"].items()}


@pytest.fixture(scope="module")
def story(
    tiny_data: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> SimpleNamespace:
    """A dry run, the same command again, and another blend of it.

    The run has a user's real credentials in its environment, and a guard notes every connection.
    """
    folder = tmp_path_factory.mktemp("dry")
    home, run, guard = folder / "home", folder / "run", folder / "guard"
    (home / ".kaggle").mkdir(parents=True)
    (home / ".kaggle" / "access_token").write_text(TOKEN)
    guard.mkdir()
    log = str(folder / "connections.txt")
    (guard / "sitecustomize.py").write_text(GUARD.format(log=log))
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://203.0.113.9:3128")
    user = {"KAGGLE_API_TOKEN": TOKEN, "KAGGLE_USERNAME": "alice", "KAGGLE_KEY": KEY}
    env = {**os.environ, **proxies, **user, "HOME": str(home), "PYTHONPATH": str(guard)}
    env["KAGGLE_API_ENVIRONMENT"] = "PROD"
    options = ("--ensemble", "--audit", "--json", "--run-dir", run, "--seed=7", "--set", "epochs=3")
    data = ("--data", tiny_data[0], "--solution", tiny_data[1])
    command = ("tiny", "--dry-run", *data, *options)
    first = subprocess.run(tiny.command(*command), env=env, capture_output=True, text=True)
    assert first.returncode == 0, first.stderr
    before = state(run)
    again = tiny.submit(*command)
    return SimpleNamespace(
        **{"folder": folder, "home": home, "run": run, "first": first, "again": again},
        unchanged=state(run) == before,
        blended=tiny.last_json(tiny.submit(*command, "--no-submit", "--blend", "greedy")),
        options=options,
    )


def test_one_line_gives_a_score_that_is_the_submissions(
    story: SimpleNamespace, tiny_data: tuple[Path, Path]
) -> None:
    result, run = tiny.last_json(story.first), story.run
    solution, submitted = pd.read_csv(tiny_data[1]), pd.read_csv(result["submission"])
    for usage, rows in solution.merge(submitted, on="id", suffixes=("", "_sent")).groupby("Usage"):
        expected = f1_score(rows["label"], rows["label_sent"], average="macro")
        assert result[f"{usage.lower()}_score"] == pytest.approx(expected, abs=1e-5)
    assert (result["state"], result["competition"]) == ("complete", "tiny")
    assert result["blend"]["weights"] == {"left": 0.5, "right": 0.5}
    assert "calibration" not in result["blend"]
    members = {m["name"]: (m["accelerator"], m["recipe"]["epochs"]) for m in result["members"]}
    assert members == {"left": ("cpu", 3), "right": ("cpu", 3)}
    assert (result["request"]["settings"], len(result["code"]["hash"])) == ({"epochs": "3"}, 64)
    assert Path(result["report"]).name == "report.html"
    [warning] = result["audit"]["warnings"]
    assert f"warning: {warning}" in " ".join(story.first.stderr.split())
    assert (run / "figures" / "ensemble-confusion.png").stat().st_size > 1000
    pushed = (run / "kernels" / "left" / "tiny_left.py").read_text()
    assert "'seed': 7" in pushed
    assert "    epochs=3,  # instead of 2\n" in pushed
    assert "left COMPLETE" in story.first.stderr


def test_real_credentials_are_neither_used_nor_written(story: SimpleNamespace) -> None:
    assert not (story.folder / "connections.txt").exists()
    assert sorted(path.name for path in story.home.rglob("*")) == [".kaggle", "access_token"]
    written = [path.read_bytes() for path in story.run.rglob("*") if path.is_file()]
    for content in (*written, story.first.stderr.encode(), story.first.stdout.encode()):
        assert TOKEN.encode() not in content
        assert KEY.encode() not in content


def test_after_isolation_the_real_site_is_refused(tmp_path: Path) -> None:
    code = (
        "import sys, socket; from pathlib import Path;"
        "from kernels.kaggle.signin import isolate; isolate(Path(sys.argv[1]));"
        "socket.create_connection(('api.kaggle.com', 443), timeout=2)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tiny.ROOT)
    assert done.returncode == 1
    assert "PermissionError" in done.stderr
    assert "api.kaggle.com" in done.stderr


def test_a_finished_run_sends_nothing_again_and_is_blended_another_way_without_training(
    story: SimpleNamespace, tmp_path: Path
) -> None:
    assert tiny.last_json(story.again) == tiny.last_json(story.first)
    assert "sent already, as submission 1: it is not sent again" in story.again.stderr
    assert story.unchanged
    result = story.blended
    assert (result["blend"]["method"], result["public_score"]) == ("greedy", None)
    assert versions(story.run) == {"shared": 1, "left": 1, "right": 1, "audit": 1, "ensemble": 2}
    assert len(state(story.run)["submissions"]) == 1
    assert [blend["method"] for blend in result["blends"]] == ["mean", "greedy"]
    data, solution = tiny.write_data(tmp_path / "other")
    own = ("--data", data, "--solution", solution)
    refused = tiny.submit("tiny", "--dry-run", *own, *story.options)
    assert refused.returncode == 1
    assert "instead of the data in" in refused.stderr.splitlines()[-1]


def test_a_run_that_has_failed_begins_anew_with_mended_data(
    tiny_data: tuple[Path, Path], tmp_path: Path
) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    shutil.copytree(tiny_data[0], data)
    table = next(data.glob("*.csv"))
    own = ("--data", data, "--solution", tiny_data[1], "--run-dir", run, "--model", "left")
    failed = tiny.submit("tiny", "--dry-run", *own, "--set", "misbehave=raise")
    assert failed.returncode == 1
    table.touch()
    again = tiny.submit("tiny", "--dry-run", *own)
    assert again.returncode == 0, again.stderr
    assert "have changed, and nothing was completed before" in again.stderr
    assert versions(run) == {"shared": 1, "left": 2, "ensemble": 1}


def test_a_kernel_that_fails_is_one_clear_line(dry: list, tmp_path: Path) -> None:
    for how, said in (
        ("raise", "kernel left ended as ERROR: ValueError: the loss went to the moon (whole log: "),
        ("vanish", "outputs/left.arriving: it ended before its work was done (whole log: "),
        ("nan", "test predictions are NaN or infinite in 1 of 12 rows, the first is id r13"),
    ):
        done = tiny.submit(*dry, "--model", "left", "--set", f"misbehave={how}")
        assert done.returncode == 1
        *shown, last = done.stderr.splitlines()
        assert last.startswith("error: kernel left")
        assert said in last
        assert state(tmp_path / "run")["state"] == "failed"
        if how == "raise":  # the end of the kernel's own log, without our traceback
            # Its two streams are read side by side: lines of the other may come after it.
            assert "  | ValueError: the loss went to the moon" in shown
        assert "run_script" not in done.stderr
        assert "watch.py" not in done.stderr


def test_ctrl_c_ends_the_kernels_and_the_run_goes_on_later(dry: list, tmp_path: Path) -> None:
    command = (*dry, "--model", "left")
    place = "run/kaggle/**/working/started"
    last = tiny.interrupt(*command, "--set", "misbehave=sleep", at=tmp_path, place=place)
    assert "interrupted; its kernels ended with it; reached: shared complete, left " in last
    assert state(tmp_path / "run")["state"] == "interrupted"
    running = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True).stdout
    assert running == ""
    assert tiny.submit(*command).returncode == 0
    assert versions(tmp_path / "run")["shared"] == 1


def test_two_runs_of_one_second_have_two_folders(tmp_path: Path) -> None:
    runs = [pick_run(tmp_path, "tiny", True, {"seed": 0}, fresh=True, say=print) for _ in range(20)]
    assert len({run.folder for run in runs}) == 20
