"""A layer to unfreeze that a network has not is one line, before anything is pushed."""

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import kernels.__main__
import kernels.plan.layers
from common.errors import PREFIX, UserError
from common.networks.look_for_layers import look
from support import tiny

pytestmark = pytest.mark.slow  # it builds networks
MOBILENET = "celebrities --model mobilenet --set freeze_backbone=yes"
UNKNOWN = "mobilenet has no layer 'conv_pw_31': did you mean conv_pw_"


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build networks here: the command's process takes seconds to begin."""

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        try:
            look(command[3], command[4:])
        except UserError as error:
            return subprocess.CompletedProcess(command, 1, "", f"{PREFIX}{error}")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(kernels.plan.layers, "subprocess", SimpleNamespace(run=run))


def test_a_process_of_its_own_looks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"{MOBILENET} --set unfreeze=conv_pw_31 --dry-run --run-dir {tmp_path / 'run'}"
    assert UNKNOWN in tiny.submit_here(capsys, *words.split()).stderr


@pytest.mark.parametrize(
    ("arguments", "builds", "said"),
    [
        (f"{MOBILENET} --set unfreeze=conv_pw_31", True, UNKNOWN),
        # Of the network that is trained at Kaggle: the miniature has no such names.
        (f"{MOBILENET} --set unfreeze=conv_pw_31 --dry-run", True, UNKNOWN),
        (f"{MOBILENET} --set unfreeze=conv_pw_31 --dry-run --full-size --plan", True, UNKNOWN),
        (f"{MOBILENET} --sweep unfreeze=conv_pw_13..,conv_pw_31 --dry-run", True, UNKNOWN),
        ("celebrities --model mobilenet --set unfreeze=conv_pw_13.. --dry-run", False,
         "setting unfreeze=conv_pw_13..: all of the backbone is trained"),
        ("celebrities --model cnn --set freeze_backbone=yes --set unfreeze=conv_1 --dry-run", False,
         "unfreeze=conv_1: cnn has no backbone: leave it out"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("in_this_process")
def test_layers_that_there_are_not(
    arguments: str, builds: bool, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = tiny.submit_here(capsys, *arguments.split(), "--run-dir", tmp_path / "run")
    assert done.returncode == 1
    *before, line = done.stderr.splitlines()
    assert line.startswith("error: setting unfreeze=")
    assert said in line
    assert len(before) == builds
    assert all(one.startswith("building MobileNet to look for unfreeze=") for one in before)
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("in_this_process")
def test_layers_that_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"{MOBILENET} --set unfreeze=conv_pw_13.. --dry-run --plan --run-dir"
    done = tiny.submit_here(capsys, *words.split(), tmp_path / "run")
    assert done.returncode == 0
    assert done.stderr.startswith("building MobileNet to look for unfreeze=conv_pw_13..\n")
    assert done.stdout.endswith("nothing was pushed\n")


@pytest.mark.usefixtures("in_this_process")
def test_folders_are_not_written_either(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"build {MOBILENET} --set unfreeze=conv_pw_31 --owner alice --out {tmp_path / 'out'}"
    with pytest.raises(SystemExit):
        kernels.__main__.main(words.split())
    assert UNKNOWN in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
