"""Every mistake on the command line is one clear line and a non-zero exit, before any work."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import kernels.__main__
from kernels.run.state import open_run
from support import tiny

MISTAKES = [
    ("tini --ensemble", "unknown competition 'tini': did you mean tiny"),
    ("tiny", "which model? give --ensemble, or --model with both, half, left, right"),
    ("tiny --model lefd", "'lefd': competitions/tiny_digits has no lefd.py; did you mean left"),
    ("tiny --model data", "competitions/tiny_digits/data.py declares no KERNEL"),
    ("tiny --model ensemble", "competitions/tiny_digits/ensemble.py predicts nothing; known are"),
    ("tiny --model left --model left", "--model left is given twice"),
    ("tiny --ensemble --set epoch=3", "unknown setting 'epoch': did you mean epochs?"),
    ("tiny --ensemble --set epochs=x", "setting epochs=x: give a whole number"),
    ("tiny --ensemble --set epochs", "--set epochs: write KEY=VALUE"),
    ("tiny --ensemble --set epochs=1 --set epochs=2", "--set epochs is given twice (1 and 2)"),
    ("tiny --ensemble --blend meen", "unknown blend 'meen': did you mean mean?"),
    ("tiny --ensemble --recipe bst", "unknown recipe 'bst': did you mean best?"),
    ("tiny --ensemble --recipe best", "right has no best recipe"),
    ("tiny --ensemble --folds 1", "--folds 1: give 2 to 20 parts of the data"),
    ("tiny --ensemble --repeats 2", "--repeats 2 repeats folds: give --folds, or drop it"),
    ("tiny --ensemble --folds 5 --repeats 5", "--folds 5 --repeats 5: give 1 or more repeats, and"),
    ("tiny --ensemble --folds 5 --repeats 0", "--folds 5 --repeats 0: give 1 or more repeats"),
    ("tiny --ensemble --folds 2 --set repeats=2", "--set repeats: each kernel has its own"),
    ("tiny --ensemble --folds 0", "--folds 0: give 2 to 20"),
    ("tiny --ensemble --folds 2 --set fold=1", "--set fold: each kernel has its own"),
    ("tiny --ensemble --accelerator npu", "unknown accelerator 'npu': did you mean"),
    ("tiny --ensemble --weights-source nets", "--weights-source nets: write OWNER/"),
    ("tiny --ensemble --publish a/b/c", "--publish a/b/c: write OWNER/SLUG or SLUG alone, a slug"),
    ("tiny --ensemble --dry-run --publish bad", "--publish bad: write OWNER/SLUG or SLUG alone"),
    ("painter --model lite --dry-run --publish --yes",
     "--publish: lite trains no network and leaves no weights: leave it out"),
    ("tiny --ensemble --no-submit --message x", "--message goes with a submission"),
    ("tiny --ensemble --no-submit --submit-again", "--submit-again goes with a submission, --no-"),
    ("petals --audit --message x", "--message goes with a submission, --audit alone sends none"),
    ("tiny --ensemble --sort best", "--sort best belongs to --history; leave it out"),
    ("tiny --ensemble --rehearse --dry-run", "--rehearse runs on Kaggle itself"),
    ("tiny --ensemble --data .", "--data belongs to --dry-run"),
    ("tiny --ensemble --dry-run --data .", "--data and --solution go together"),
    ("tiny --ensemble --dry-run --data nowhere --solution setup.cfg", "nowhere: no such folder"),
    ("tiny --ensemble --dry-run --data setup.cfg --solution x",
     "setup.cfg: a file, no folder: give the folder that it is in"),
    ("tiny --ensemble --dry-run --data tests --solution setup.cfg",
     "the solution setup.cfg: must start with the columns id,label,Usage, and has [metad"),
    ("petals --ensemble --dry-run --accelerator tpu",
     "--accelerator tpu: a dry run is on this machine, where JAX has no libtpu: leave it out"),
    ("tiny --ensemble --dry-run", "competitions/tiny_digits has no generated.py"),
    ("--history tiny --sort oldest", "--sort oldest: newest or best"),
    ("petals --ensemble --set epochs=0", "setting epochs=0: it must be from 1 to 9,999"),
    ("petals --ensemble --set backbone=", "unknown backbone ''"),
    ("petals --ensemble --set lr_max=-1", "lr_max=-1.0: it must be from 0 to 10"),
    ("petals --ensemble --set lr_max=nan", "lr_max=nan: it must be a finite number"),
    (f"petals --ensemble --set lr_ramp_epochs=1{'0' * 150}", "it must be from 0 to 9,999"),
    ("petals --ensemble --set batch_size=100000", "batch_size=100000: it must be from 1 to 65,536"),
    ("petals --ensemble --set rot90_probability=1", "it must be from 0 to 0.3333"),
    (f"petals --ensemble --set epochs={'9' * 5000}", "--set epochs: a value has at most 200 ch"),
    ("painter --ensemble --set backbone=x", "unknown backbone 'x'"),
    ("petals --ensemble --set image_size=0", "image_size=0: it must be from 8 to 1,024"),
    ("tiny --ensemble --seed abc", "--seed: 'abc' is not a whole number; --help shows the options"),
    ("tiny --ensemble --folds 2.5", "--folds: '2.5' is not a whole number"),
    (f"tiny --ensemble --folds {'9' * 5000}", "--folds: '999"),
    ("tiny --ensemble --seed nan", "--seed: 'nan' is not a whole number"),
    ("tiny --ensemble --seed", "--seed: expected one argument"),
    ("tiny --modle left", "unrecognized arguments: --modle left: did you mean --model?"),
    ("tiny --ensemble --fold=3", "unrecognized arguments: --fold=3: did you mean --folds?"),
    ("tiny --ensemble --whatever", "unrecognized arguments: --whatever"),
    ("tiny --ensemble --set epochs=2 ema=0.5 seed=3", "unrecognized arguments: ema=0.5 seed=3: "
     "write --set before each, --set ema=0.5"),
    ("tiny --ensemble --dry-run --data= --solution x.csv", "--data: it is empty; --help shows"),
    ("tiny left --ensemble", "unrecognized arguments: left"),
    ("petals --ensemble --seed -1", "--seed -1: it must be from 0 to 4294967295"),
    ("petals --ensemble --set optimizer=adm", "optimizer=adm: did you mean adam"),
    ("petals --ensemble --set backbone=ConvNextTiny", "did you mean ConvNeXtTiny"),
    ("petals --ensemble --set batch_size=9999", "a batch of 79992 is more than the 12753 training "
     "examples: lower it with --set batch_size=1594"),
    ("petals --ensemble --dry-run --set backbone=ResNet50",
     "--set backbone=ResNet50 changes nothing here"),
    ("petals --ensemble --set class_weight=balanced",
     "unknown setting 'class_weight': it is balance=weights now"),
    ("faces --model lite --set epochs=2", "lite has no epochs: it would do nothing there, leave"),
    ("faces --model twin --set loss=contrastive",
     "setting loss=contrastive changes nothing, the task is Verification: leave it out"),
    ("faces --model triplets --set loss=arcface --set margin=9", "arcface takes less than 1.5"),
    ("petals --ensemble --set C=1", "unknown setting 'C': docs/reference.md lists all of them"),
    ("petals --model efficientnetlite0 --set epochs=3",
     "--set epochs=3 changes nothing: efficientnetlite0 has head=logistic; leave it out"),
    ("tiny --sweep sharpnes", "unknown sweep 'sharpnes': did you mean sharpness? (or type"),
    ("tiny --sweep", "which sweep: known are sharpness, sides (or type --sweep FIELD=VALUE"),
    ("petals --sweep no", "'no': there is no competitions/petals_to_metal/sweeps.py: write it, or"),
    ("tiny --sweep sides --sweep sharpness", "--sweep sides and sharpness: give one sweep by its"),
    ("tiny --sweep sides --sweep epochs=1,2", "--sweep sides and epochs=1,2: give one sweep by"),
    ("tiny --sweep sides --model left", "--model left: sweep sides names its models; leave it out"),
    ("tiny --sweep epochs=1,2", "--sweep epochs=1,2: name the one --model that it is of"),
    ("tiny --sweep epochs=1,2 --model left --model right", "name the one --model that it is of"),
    ("tiny --sweep epochs=1,2 --model lefd", "unknown model 'lefd'"),
    ("tiny --sweep epoch=1,2 --model left", "cell epoch=1: unknown setting 'epoch': did you mean"),
    ("tiny --sweep epochs=1,x --model left", "cell epochs=x: setting epochs=x: give a whole"),
    ("tiny --sweep epochs=1,,2 --model left", "--sweep epochs=1,,2: write FIELD=VALUE,VALUE"),
    ("tiny --sweep =1,2 --model left", "--sweep =1,2: write FIELD=VALUE,VALUE, for example"),
    ("tiny --sweep epochs=3 --model left", "a comparison has two cells or more, this has one"),
    ("tiny --sweep epochs=3,3 --model left", "--sweep: epochs=3 is given twice: give it once"),
    ("tiny --sweep epochs=3,03 --model left", "epochs=3 and epochs=03 are the same: drop one"),
    ("tiny --sweep epochs=3,4 --sweep epochs=5 --model left", "--sweep epochs is given twice"),
    ("tiny --sweep epochs=3,4 --set epochs=5 --model left",
     "cell epochs=3: it sets epochs, and so does --set: leave out --set epochs"),
    ("tiny --sweep epochs=3,4 --model left --seeds 31",
     "--sweep of 2 cells has 62 kernels or more, and 60 are the most"),
    ("tiny --sweep epochs=3,4 --model left --seeds 2 --folds 16", "of 2 cells has 64 kernels or"),
    ("tiny --sweep epochs=3,4 --model left --seeds 0", "--seeds 0: give 1 or more"),
    ("tiny --sweep epochs=3,4 --model left --seed -1", "--seed -1: its seeds must be from 0 to"),
    ("tiny --model left --seeds 2", "--seeds 2 is of a --sweep: leave it out"),
    ("tiny --sweep sides --ensemble", "--ensemble does not go with --sweep, which compares"),
    ("tiny --sweep sides --blend weighted", "--blend does not go with --sweep, which compares"),
    ("tiny --sweep sides --rehearse", "--rehearse does not go with --sweep, which compares"),
    ("tiny --sweep sides --publish --yes", "--publish does not go with --sweep, which compares"),
    ("tiny --sweep sides --submit-again", "--submit-again goes with a submission, --sweep"),
    ("tiny --sweep sides --message x", "--message goes with a submission, --sweep sends none"),
    ("painter --sweep margin=0.1,0.2 --model margin", "--sweep compares predictions of pictures,"),
    ("petals --ensemble --no-internet", "begins with weights=imagenet: attach a data"),
    ("petals --ensemble --set weights=imagnet", "DenseNet201: did you mean imagenet?"),
    ("petals --ensemble --set weights=clip", "weights=clip of DenseNet201: known are imagenet"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "said"), MISTAKES, ids=[words[:60] for words, _ in MISTAKES])
def test_a_mistake_is_one_line(
    arguments: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tiny.ROOT)
    run = tmp_path / "run"
    done = tiny.submit_here(capsys, *arguments.split(), "--run-dir", run, "--json")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert json.loads(done.stdout)["state"] == "failed"
    assert f"error: {json.loads(done.stdout)['error']}\n" == done.stderr
    assert not run.exists()


def test_no_credentials_says_where_to_get_them(tmp_path: Path) -> None:
    clean = {"HOME": str(tmp_path), "KAGGLE_USERNAME": "", "KAGGLE_KEY": "", "KAGGLE_API_TOKEN": ""}
    done = tiny.submit("tiny", "--ensemble", "--run-dir", tmp_path / "run", env=clean)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: no Kaggle credentials: sign in with `kaggle auth login`")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_full_disk_is_one_line_and_the_run_goes_on(dry: list, tmp_path: Path) -> None:
    # A limit on the size of files is refused by the system as a full disk is.
    limited = f"ulimit -f 2; exec {shlex.join(tiny.command(*dry, '--model', 'left'))}"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, cwd=tiny.ROOT)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert re.match("error: .*: File too large: make room, then give the same command again", last)
    assert "Traceback" not in done.stderr
    # Two commands do not share a run: the second one waits for nothing.
    with open_run(tmp_path / "run", "tiny", True).attempt():
        done = tiny.submit(*dry, "--model", "left")
        assert done.returncode == 1
        assert f"is at work in process {os.getpid()}: wait for it" in done.stderr.splitlines()[-1]
        assert open_run(tmp_path / "run", "tiny", True).state == "running"
    assert tiny.submit(*dry, "--model", "left").returncode == 0


def test_a_port_that_is_taken_is_refused_before_any_work() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "kernels", "serve", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tiny.ROOT)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: port {port} cannot be used")


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that the command ends with."""
    done = tiny.submit_here(capsys, *arguments)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            "build tiny --owner a --out setup.cfg",
            "setup.cfg cannot be a folder (File exists)",
        ),
        ("build tiny --owner a --out /proc/x", "--out /proc/x cannot be a folder (No such file or"),
        ("build tiny --owner a/b --out x", "--owner 'a/b': a Kaggle user name"),
        ("build tiny --owner a", "the following arguments are required: --out"),
        ("serve --port 7777.5", "--port '7777.5': a number from 0 to 65535"),
        ("serve --layout 2024", "--layout: invalid choice: '2024'"),
    ],
)
def test_a_mistake_at_the_kernels_command_is_one_line(
    arguments: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tiny.ROOT)
    with pytest.raises(SystemExit) as end:
        kernels.__main__.main(arguments.split())
    assert end.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said in line


@pytest.mark.parametrize("redirected", ["> /dev/full", ">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize("environment", ["PYTHONIOENCODING=ascii", "LC_ALL=C PYTHONUTF8=0"])
def test_output_that_nobody_can_read_ends_in_no_traceback(
    tmp_path: Path, redirected: str, environment: str
) -> None:
    run = open_run(tmp_path / "r\u00e9sum\u00e9 \u2026", "tiny", False)
    run.update(request={"settings": {"x": "\ud800\u65e5\x1b[2J"}})
    words = shlex.join(tiny.command("--history", "--run-dir", run.folder, "--json"))
    shell = ["bash", "-c", f"{environment} {words} {redirected}"]
    done = subprocess.run(shell, capture_output=True, text=True, cwd=tiny.ROOT)
    assert done.returncode == ("full" in redirected)
    full = "standard output cannot be written: No space left on device\n"
    assert done.stderr == (full if "full" in redirected else "")
    assert len(done.stdout.splitlines()) == (redirected == "2>&-")
    shown = subprocess.run(
        ["bash", "-c", f"{environment} {words.removesuffix(' --json')}"],
        capture_output=True,
        text=True,
        cwd=tiny.ROOT,
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "x=\\ufffd\\u65e5" in shown.stdout or "x=\ufffd\u65e5" in shown.stdout
    assert "\x1b" not in shown.stdout


def test_a_second_interrupt_does_not_break_off_the_end(dry: list, tmp_path: Path) -> None:
    process = subprocess.Popen(
        tiny.command(*dry, "--model", "left", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "WARM_SOCKET"},
        cwd=tiny.ROOT,
    )
    while not list(tmp_path.glob("run/kernels/left")):
        assert process.poll() is None
        time.sleep(0.05)
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.03)
    out, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert re.match("interrupted; .*; reached: .*; it goes on with: ", said.splitlines()[-1])
    assert json.loads(out)["state"] == "interrupted"


def test_a_folder_that_is_no_run_of_this_kind_is_refused(
    dry: list, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, command = tmp_path / "run", (*dry, "--ensemble")
    (folder / "mine").mkdir(parents=True)
    (folder / "mine" / "thesis.txt").write_text("mine")
    assert "something else than a run" in refused(capsys, *command)
    assert [path.name for path in folder.rglob("*")] == ["mine", "thesis.txt"]
    (folder / "mine" / "thesis.txt").unlink()
    (folder / ".state.json.123").touch()  # a command was killed while it wrote its first state
    open_run(folder, "petals", True)
    assert "is a run of petals, not tiny" in refused(capsys, *command)
    state = folder / "state.json"
    state.write_text(state.read_text().replace('"petals"', '"tiny"').replace("true", "false"))
    assert "is a real run: leave out --dry-run" in refused(capsys, *command)
    for broken in ("{", "[1]", "3"):
        state.write_text(broken)
        said = refused(capsys, *command)
        assert re.search(r"state.json cannot be read .*: mend it, or name another --run-dir", said)
        assert state.read_text() == broken


def test_a_solution_of_other_pictures_is_refused(
    tiny_data: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = tmp_path / "short.csv"
    short.write_text("\n".join(tiny_data[1].read_text().splitlines()[:-1]) + "\n")
    given = ("--data", tiny_data[0], "--solution", short, "--run-dir", tmp_path / "run")
    said = refused(capsys, "tiny", "--ensemble", "--dry-run", *given)
    assert "lacks r23, which" in said
    assert not (tmp_path / "run").exists()


def test_a_package_that_is_not_installed_is_one_line() -> None:
    code = "import sys, submit; sys.modules['numpy'] = None; sys.exit(submit.main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "petals", "--ensemble", "--plan", "--dry-run"]
    done = subprocess.run(command, cwd=tiny.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: the package numpy is not installed: run make setup\n"
