"""Every mistake on the command line is one clear line and a non-zero exit, before any work."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support import tiny


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tini", "--ensemble"], "unknown competition 'tini': did you mean tiny"),
        (["tiny"], "which model? give --ensemble, or --model with left, right"),
        (["tiny", "--model", "lefd"], "unknown model 'lefd': did you mean left?"),
        (
            ["tiny", "--ensemble", "--set", "epoch=3"],
            "unknown setting 'epoch': did you mean epochs?",
        ),
        (
            ["tiny", "--ensemble", "--set", "epochs=x"],
            "setting epochs=x is not of its type: it takes int",
        ),
        (["tiny", "--ensemble", "--set", "epochs"], "--set epochs: write KEY=VALUE"),
        (["tiny", "--ensemble", "--blend", "meen"], "unknown blend 'meen': did you mean mean?"),
        (["tiny", "--ensemble", "--recipe", "bst"], "unknown recipe 'bst': did you mean best?"),
        (["tiny", "--ensemble", "--recipe", "best"], "right has no best recipe"),
        (["tiny", "--ensemble", "--folds", "1"], "--folds 1: give 2 or more"),
        (
            ["tiny", "--ensemble", "--folds", "2", "--set", "fold=1"],
            "--set fold: each kernel has its own",
        ),
        (["tiny", "--ensemble", "--accelerator", "npu"], "unknown accelerator 'npu': did you mean"),
        (["tiny", "--ensemble", "--data", "."], "--data belongs to --dry-run"),
        (["tiny", "--ensemble", "--dry-run", "--data", "."], "--data and --solution go together"),
        (
            ["tiny", "--ensemble", "--dry-run", "--data", "nowhere", "--solution", "setup.cfg"],
            "nowhere: no such folder",
        ),
        (
            ["tiny", "--ensemble", "--dry-run", "--data", "tests", "--solution", "setup.cfg"],
            "the solution setup.cfg starts with [metadata], expected id,label,Usage",
        ),
        (["petals", "--ensemble", "--set", "epochs=0"], "setting epochs=0: it must be at least 1"),
        (["petals", "--ensemble", "--set", "lr_max=-1"], "lr_max=-1.0: it must be from 0 to 10"),
        (
            ["petals", "--ensemble", "--set", "image_size=0"],
            "image_size=0: it must be from 8 to 1024",
        ),
        (["petals", "--ensemble", "--seed", "-1"], "--seed -1: it must be from 0 to 4294967295"),
        (["petals", "--ensemble", "--set", "optimizer=adm"], "optimizer=adm: did you mean adam"),
        (["petals", "--ensemble", "--set", "backbone=ConvNextTiny"], "did you mean ConvNeXtTiny"),
        (
            ["petals", "--ensemble", "--set", "batch_size=9999"],
            "a batch of 79992 is more than the 12753 training pictures: lower it with --set "
            "batch_size=1594",
        ),
        (
            ["petals", "--ensemble", "--dry-run", "--set", "backbone=ResNet50"],
            "--set backbone=ResNet50 changes nothing here",
        ),
        (["petals", "--ensemble", "--no-internet"], "begins with weights=imagenet: attach a data"),
        (
            ["petals", "--ensemble", "--set", "weights=clip"],
            "weights=clip: DenseNet201 has imagenet",
        ),
        (["petals", "--ensemble", "--set", "lr_max=nan"], "lr_max=nan: it must be a finite number"),
        (
            ["tiny", "--ensemble", "--set", "epochs=1", "--set", "epochs=2"],
            "--set epochs is given twice (1 and 2)",
        ),
        (["tiny", "--ensemble", "--folds", "0"], "--folds 0: give 2 or more"),
        (["tiny", "--model", "left", "--model", "left"], "--model left is given twice"),
        (["tiny", "--ensemble", "--weights-source", "nets"], "--weights-source nets: write OWNER/"),
        (
            ["tiny", "--ensemble", "--no-submit", "--message", "x"],
            "--message stands beside a submission",
        ),
    ],
)
def test_a_mistake_is_one_line(arguments: list, said: str, tmp_path: Path) -> None:
    done = tiny.submit(*arguments, "--run-dir", tmp_path / "run")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_failure_is_one_json_object_too(tmp_path: Path) -> None:
    done = tiny.submit("tiny", "--model", "lefd", "--json", "--run-dir", tmp_path / "run")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["state"], told["competition"]) == ("failed", "tiny")
    assert told["error"] == "unknown model 'lefd': did you mean left?"


def test_a_full_disk_is_one_line_and_the_run_goes_on(dry: list, tmp_path: Path) -> None:
    # A limit on the size of files is refused by the system as a full disk is.
    limited = f"ulimit -f 2; exec {shlex.join(tiny.command(*dry, '--model', 'left'))}"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, cwd=tiny.ROOT)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert re.match("error: .*: File too large: make room, then give the same command again", last)
    assert "Traceback" not in done.stderr
    assert tiny.submit(*dry, "--model", "left").returncode == 0


def test_a_port_that_is_taken_is_told_before_any_work(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "kernels", "serve", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tiny.ROOT)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: port {port} cannot be used")


def test_no_credentials_says_where_to_get_them(tmp_path: Path) -> None:
    clean = {"HOME": str(tmp_path), "KAGGLE_USERNAME": "", "KAGGLE_KEY": "", "KAGGLE_API_TOKEN": ""}
    done = tiny.submit("tiny", "--ensemble", "--run-dir", tmp_path / "run", env=clean)
    assert done.returncode == 1
    assert done.stderr.startswith("error: no Kaggle credentials: put an API token")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_run_folder_that_is_something_else_is_left_alone(dry: list, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    done = tiny.submit(*dry, "--ensemble")
    assert done.returncode == 1
    assert "holds something else than a run" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_a_run_of_another_kind_or_a_broken_state_is_refused(dry: list, tmp_path: Path) -> None:
    from kernels.run.state import open_run

    open_run(tmp_path / "run", "petals", True)
    assert "is a run of petals, not tiny" in tiny.submit(*dry, "--ensemble").stderr
    state = tmp_path / "run" / "state.json"
    state.write_text(state.read_text().replace('"petals"', '"tiny"').replace("true", "false"))
    assert "is a real run: leave out --dry-run" in tiny.submit(*dry, "--ensemble").stderr
    state.write_text("{")
    done = tiny.submit(*dry, "--ensemble")
    assert re.search(r"state.json cannot be read .*: name another --run-dir", done.stderr)
    assert state.read_text() == "{"


def test_two_commands_do_not_share_a_run(dry: list, tmp_path: Path) -> None:
    from kernels.run.state import open_run

    run = open_run(tmp_path / "run", "tiny", True)
    with run.attempt():
        done = tiny.submit(*dry, "--ensemble")
        assert done.returncode == 1
        assert f"is at work in process {os.getpid()}: wait for it" in done.stderr.splitlines()[-1]
        assert open_run(tmp_path / "run", "tiny", True).state == "running"
    assert tiny.submit(*dry, "--ensemble").returncode == 0


def test_a_solution_of_other_pictures_is_refused(
    tiny_data: tuple[Path, Path], tmp_path: Path
) -> None:
    short = tmp_path / "short.csv"
    short.write_text("\n".join(tiny_data[1].read_text().splitlines()[:-1]) + "\n")
    done = tiny.submit(
        *("tiny", "--ensemble", "--dry-run", "--data", tiny_data[0], "--solution", short),
        *("--run-dir", tmp_path / "run"),
    )
    assert done.returncode == 1
    assert "differ in 1 ids, for example r23" in done.stderr
    assert not (tmp_path / "run").exists()
