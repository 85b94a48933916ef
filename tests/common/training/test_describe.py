"""``--describe`` shows what a kernel would train, and trains nothing."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.declaration import Kernel
from competitions.painter_by_numbers import ensemble, prepare, supermodel
from support import ROOT
from support.describe_small import KERNEL

pytestmark = pytest.mark.slow
Describe = Callable[..., dict[str, str]]


def rows_of(printed: str) -> dict[str, str]:
    """The text of each label, its lines joined."""
    assert max(map(len, printed.splitlines())) <= 80
    found: dict[str, str] = {}
    label = ""
    for line in printed.splitlines()[2:]:
        label = line[:14].strip() or label
        found[label] = f"{found.get(label, '')} {line[14:]}".strip()
    return found


@pytest.fixture
def describe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Describe:
    """Describe a kernel in this process: its rows, its error line alone as ``error``."""
    monkeypatch.chdir(tmp_path)
    for name in ("KERAS_BACKEND", "CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # to be set back
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")

    def run(kernel: Kernel, options: str = "", **parameters: Any) -> dict[str, str]:
        try:
            kernel.main(parameters, ["--describe", *options.split()])
        except SystemExit:
            out, err = capsys.readouterr()
            lines = [line for line in err.splitlines() if not line.startswith("building")]
            assert not out
            assert len(lines) == 1
            return {"error": lines[0]}
        return rows_of(capsys.readouterr().out)

    return run


def test_a_kernel_is_described(describe: Describe, tmp_path: Path) -> None:
    assert describe(KERNEL) == {
        "recipe": "published",
        "weights": "imagenet",
        "parameters": "122 in all, 122 trainable",
        "input": "24 x 24 x 3, 0 to 255; preprocessed inside the network",
        "augmentation": "each quarter turn 0.2, horizontal flip 0.5, vertical flip 0.5, "
        "transposition 0.25",
        "loss": "cross-entropy",
        "optimizer": "adam",
        "pictures": "100 train, 61 val (Kaggle's own data)",
        "batch": "64 = 8 x 8 replicas",
        "epochs": "10 on train, 2 steps each",
        "refit": "2 epochs of a new network on train + val, 3 steps each",
        "hours": "about 3.0 h on tpu",
        "schedule": "ramp, lr_max 5e-05 x 8: 1e-05 in the first epoch, 0.0004 in epoch 6, "
        "0.0001697 in the last (schedule.png)",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["schedule.png"]
    assert (tmp_path / "schedule.png").read_bytes().startswith(b"\x89PNG")


def test_arguments_change_what_is_described(describe: Describe) -> None:
    options = "--recipe best --dry-run --accelerator cpu --set folds=3 --set freeze_backbone=yes"
    options += " --set image_size=12 --set label_smoothing=0.1"
    rows = describe(KERNEL, options, accelerator="tpu")
    assert rows.pop("changed").startswith("batch_size 8 -> 32, epochs 10 -> 2, schedule ramp -> c")
    assert (
        rows.items()
        >= {
            "recipe": "best, with a dry run's small settings",
            "weights": "imagenet, backbone frozen",
            "parameters": "122 in all, 10 trainable",
            "loss": "cross-entropy, label_smoothing 0.1",
            "optimizer": "adam; moving average of the weights 0.99",
            "prediction": "mean of 4 views of a picture, the whole picture",
            "batch": "32 = 32 x 1 replica",
            "epochs": "2 on train + val but fold 0 of 3, 4 steps each",
            "refit": "none",
            "folds": "one of 3 parts is kept for validation",
            "hours": "unknown on cpu",
        }.items()
    )
    assert rows["augmentation"].endswith("MixUp 0.2")


MOBILENET = dataclasses.replace(
    KERNEL,
    recipe=dataclasses.replace(KERNEL.recipe, backbone="MobileNet", image_size=32),
    build_model=None,
)


def test_how_the_competition_makes_validation_is_described(describe: Describe) -> None:
    said = "a fifth of train, by patient"
    competition = dataclasses.replace(KERNEL.competition, validation=said)
    assert describe(dataclasses.replace(KERNEL, competition=competition))["split"] == said


def test_what_is_on_a_backbone_and_what_of_it_is_trained_is_described(describe: Describe) -> None:
    options = (
        "--set freeze_backbone=yes --set unfreeze=conv_pw_13.. --set head_layers=max,batchnorm"
    )
    rows = describe(MOBILENET, options)
    assert rows["weights"] == "imagenet, backbone frozen but conv_pw_13.."
    assert rows["head"] == "max,batchnorm"
    trained = 1024 * 1024 + 2 * 1024 + 2 * 1024 + 1024 * 2 + 2  # two normalisations between
    assert rows["parameters"].endswith(f", {trained:,} trainable")
    refused = describe(MOBILENET, "--set freeze_backbone=yes --set unfreeze=conv_pw_31")["error"]
    assert "mobilenet has no layer 'conv_pw_31': did you mean conv_pw_" in refused
    miniature = "--dry-run --set freeze_backbone=yes --set unfreeze=conv_pw_31"
    assert describe(MOBILENET, miniature)["error"] == refused


def test_a_head_that_is_fitted_at_once_has_no_epochs(describe: Describe) -> None:
    options = "--set head=logistic --set freeze_backbone=yes --set rot90_probability=0"
    options += " --set horizontal_flip=0 --set vertical_flip=0 --set transpose_probability=0"
    rows = describe(KERNEL, options)
    assert rows["head"] == "logistic regression on features, C from validation"
    assert rows["refit"] == "the head on train + val"
    assert not {"epochs", "schedule", "loss", "optimizer"} & set(rows)


def test_what_is_seen_and_how_often_is_described(describe: Describe, tmp_path: Path) -> None:
    options = "--set crop_margin=6 --set interpolation=nearest --set evaluation=whole"
    options += " --set preprocessing=1/255 --set pictures_per_epoch=128 --set schedule=plateau"
    options += " --set fit=pad --set padding=edge"
    rows = describe(KERNEL, options)
    assert rows["augmentation"].startswith("crop 24 of 30 (nearest), each quarter turn")
    assert rows["square"] == "padded, edge"
    assert rows["prediction"] == "the whole picture"
    assert rows["input"].endswith("divided by 255 inside the network")
    assert rows["epochs"] == "10 on train, 2 steps each"  # it has fewer pictures
    assert rows["refit"].endswith("on train + val, 2 steps each of 128 pictures")
    assert "whenever 3 epochs brought no lower validation loss, never below" in rows["schedule"]
    assert rows["schedule"].endswith("not drawn, for it depends on the epochs before")
    assert not list(tmp_path.iterdir())


def test_a_head_is_described_for_the_networks_below_it(describe: Describe) -> None:
    rows = describe(supermodel.KERNEL)
    assert rows["input"] == "1280 numbers: 10 networks x 128, side by side"
    # 1280 x 512 + 512 and 512 x 128 + 128.
    assert rows["parameters"] == "721,536 in all, 721,536 trainable"
    assert "Dense 512, Dropout 512, Dense 128, UnitLength 128" in rows["layers"]
    assert rows["loss"].startswith("triplet, euclidean distance, batch-hard, margin 0.2")
    # A setting reaches the networks and the head, as in a run, and each that has it.
    options = "--dry-run --set parts=4 --set embedding=16 --set loss=arcface"
    rows = describe(supermodel.KERNEL, options)
    assert rows["input"] == "64 numbers: 4 networks x 16, side by side"
    assert rows["layers"].endswith("Dense 16, UnitLength 16, CosineClasses 1584")
    assert "hidden 512 -> 128" in rows["changed"]


NO_NETWORK = "--describe: this kernel takes no arguments and describes no network; "
NO_BEST = dataclasses.replace(KERNEL, best=None)


@pytest.mark.parametrize(
    ("kernel", "options", "said"),
    [
        (
            KERNEL,
            "--epochs 3",
            "--describe: unrecognized arguments: --epochs 3; --describe --help ",
        ),
        (KERNEL, "--set lr_patience=3", "changes nothing: this kernel has schedule=ramp; leave it"),
        (KERNEL, "--set epohcs=3", "unknown setting 'epohcs': did you mean epochs"),
        (KERNEL, "--accelerator gpu", "this kernel cannot run on gpu: it runs on tpu, cpu"),
        (KERNEL, "--recipe mine", "argument --recipe: invalid choice: 'mine'"),
        (KERNEL, "--set image_size=8", "cannot be built with this recipe: too small a picture"),
        (NO_BEST, "--recipe best", "kernel has no best recipe"),
        (supermodel.KERNEL, "--set hiden=3", "unknown setting 'hiden': did you mean"),
        (supermodel.KERNEL, "--set parts=0", "parts=0: it must be from 1 to 100"),
        (prepare.KERNEL, "", NO_NETWORK + "python submit.py painter --plan"),
        (ensemble.KERNEL, "", NO_NETWORK + "python submit.py painter --plan"),
    ],
)
def test_what_cannot_be_described_is_one_line(
    describe: Describe, tmp_path: Path, kernel: Kernel, options: str, said: str
) -> None:
    assert said in describe(kernel, options)["error"]
    assert not list(tmp_path.iterdir())


def test_a_kernel_takes_no_arguments_without_describe(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        KERNEL.main({}, ["--set", "epochs=1"])
    said = capsys.readouterr().err
    assert said.startswith("error: --set epochs=1: this kernel takes no arguments but --describe")


def test_a_script_describes_itself_and_the_framework_is_silent(tmp_path: Path) -> None:
    script = ["-m", "competitions.petals_to_metal.densenet201", "--dry-run", "--describe"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # as other tests set it
    done = subprocess.run(
        [sys.executable, *script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("densenet201: Petals to the Metal, on cpu\n")
    pictures = "12,753 train, 3,712 val, 7,382 test (Kaggle's own data)"
    assert rows_of(done.stdout)["pictures"] == pictures
    assert done.stderr.splitlines() == ["building the network at 32 x 32 ..."]
