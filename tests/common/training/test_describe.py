"""``--describe`` shows what a kernel would train, and trains nothing."""

import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from common.data.splits import stratified_folds
from common.declaration import Kernel
from common.parameters import Parameters
from common.recipe import override
from common.recipes.classifier import ClassifierRecipe
from common.recipes.hours import scaled_hours
from common.recipes.words import training_pictures
from common.training.describe import Asked, count_pictures, draw_bars, read_arguments
from competitions.painter_by_numbers import ensemble, prepare, supermodel, triplets
from support import ROOT
from support.describe_small import COMPETITION, KERNEL

pytestmark = pytest.mark.slow
Describe = Callable[..., tuple[str, dict[str, str]]]


def rows_of(printed: str) -> dict[str, str]:
    """The text of each label, its lines joined."""
    found: dict[str, str] = {}
    label = ""
    for line in printed.split("\nlearning rate\n")[0].splitlines()[2:]:
        label = line[:14].strip() or label
        found[label] = f"{found.get(label, '')} {line[14:]}".strip()
    return found


@pytest.fixture
def describe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Describe:
    """Describe a kernel in this process: what it printed, and its rows; or its error line."""
    monkeypatch.chdir(tmp_path)
    for name in ("KERAS_BACKEND", "CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # to be set back
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path))

    def run(kernel: Kernel, *arguments: str) -> tuple[str, dict[str, str]]:
        try:
            kernel.main({}, ["--describe", *arguments])
        except SystemExit:
            out, err = capsys.readouterr()
            lines = [line for line in err.splitlines() if not line.startswith("building")]
            assert not out
            assert len(lines) == 1
            return lines[0], {}
        printed = capsys.readouterr().out
        return printed, rows_of(printed)

    return run


def settings(*texts: str) -> list[str]:
    return [part for text in texts for part in ("--set", text)]


def test_a_kernel_is_described(describe: Describe, tmp_path: Path) -> None:
    printed, rows = describe(KERNEL)
    assert rows == {
        "recipe": "published",
        "weights": "imagenet",
        "parameters": "122 in all, 122 trainable",
        "input": "24 x 24 x 3, float32, 0 to 255; preprocessed inside the network",
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
    assert printed.startswith("small: Small, on tpu\n")
    assert "\nlearning rate\n0.0004 |" in printed
    assert "\x1b" not in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert [path.name for path in tmp_path.iterdir()] == ["schedule.png"]
    assert (tmp_path / "schedule.png").read_bytes().startswith(b"\x89PNG")


def test_arguments_change_what_is_described(describe: Describe) -> None:
    changed = settings("folds=3", "freeze_backbone=yes", "image_size=12")
    _, rows = describe(KERNEL, "--recipe", "best", "--dry-run", *changed)
    assert rows["recipe"] == "best, with a dry run's small settings"
    assert "batch_size 8 -> 32, epochs 10 -> 2" in rows["changed"]
    assert "image_size 24 -> 12" in rows["changed"]
    assert rows["weights"] == "imagenet, backbone frozen"
    assert rows["parameters"] == "122 in all, 10 trainable"
    assert rows["augmentation"].endswith("MixUp 0.2")
    assert rows["optimizer"] == "adam; moving average of the weights 0.99"
    assert rows["prediction"] == "mean of 4 views of a picture, the whole picture"
    assert rows["batch"] == "32 = 32 x 1 replica"
    assert rows["epochs"] == "2 on train + val but fold 0 of 3, 4 steps each"
    assert (rows["refit"], rows["hours"]) == ("none", "unknown on cpu")
    assert rows["folds"] == "one of 3 parts is kept for validation"


def test_what_is_seen_and_how_often_is_described(describe: Describe) -> None:
    texts = ("crop_margin=6", "interpolation=nearest", "evaluation=whole", "preprocessing=1/255")
    _, rows = describe(KERNEL, *settings(*texts, "pictures_per_epoch=128"))
    assert rows["augmentation"].startswith("crop 24 of 30 (nearest), each quarter turn")
    assert rows["prediction"] == "the whole picture"
    assert rows["input"].endswith("divided by 255 inside the network")
    assert rows["epochs"] == "10 on train, 2 steps each"  # it has fewer pictures
    assert rows["refit"].endswith("on train + val, 2 steps each of 128 pictures")


def test_a_plateau_is_not_drawn(describe: Describe, tmp_path: Path) -> None:
    printed, rows = describe(KERNEL, *settings("schedule=plateau"))
    words = rows["schedule"]
    assert "whenever 3 epochs brought no lower validation loss, never below 1e-05" in words
    assert "not drawn, for it depends on the epochs before" in words
    assert "learning rate\n" not in printed
    assert not list(tmp_path.iterdir())


def test_an_embedding_waits_for_the_auc_of_pairs(describe: Describe) -> None:
    _, rows = describe(triplets.KERNEL, *settings("miniature=yes"))
    assert "whenever 4 epochs brought no higher AUC of validation's pairs" in rows["schedule"]
    assert rows["patience"] == "12 epochs without a better AUC"
    assert rows["batch"] == "160 = 80 x 2 replicas"  # Kaggle's two T4, its first accelerator


def test_a_head_is_described_for_the_networks_below_it(describe: Describe, tmp_path: Path) -> None:
    _, rows = describe(supermodel.KERNEL)
    assert rows["input"] == "1280 numbers: 10 networks x 128, side by side"
    # 1280 x 512 + 512 and 512 x 128 + 128.
    assert rows["parameters"] == "721,536 in all, 721,536 trainable"
    assert "Dense 512, Dropout 512, Dense 128, UnitLength 128" in rows["layers"]
    assert rows["loss"].startswith("triplet, euclidean distance, batch-hard, margin 0.2")
    # A setting reaches the networks and the head, as in a run, and each that has it.
    texts = settings("parts=4", "embedding=16", "loss=arcface")
    _, rows = describe(supermodel.KERNEL, "--dry-run", *texts)
    assert rows["input"] == "64 numbers: 4 networks x 16, side by side"
    assert rows["layers"].endswith("Dense 16, UnitLength 16, CosineClasses 1584")
    assert "hidden 512 -> 128" in rows["changed"]
    assert (tmp_path / "schedule.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("kernel", "arguments", "said"),
    [
        (KERNEL, ["--epochs", "3"], "--describe: unrecognized arguments: --epochs 3; --describe -"),
        (KERNEL, ["--acc", "cpu"], "unrecognized arguments: --acc cpu"),
        (KERNEL, settings("epohcs=3"), "unknown setting 'epohcs': did you mean epochs"),
        (KERNEL, settings("epochs"), "write KEY=VALUE"),
        (KERNEL, ["--accelerator", "gpu"], "this kernel cannot run on gpu: it runs on tpu, cpu"),
        (KERNEL, ["--accelerator", "tup"], "argument --accelerator: invalid choice: 'tup'"),
        (KERNEL, ["--recipe", "mine"], "argument --recipe: invalid choice: 'mine'"),
        (KERNEL, settings("image_size=8"), "cannot be built with this recipe: too small a picture"),
        (dataclasses.replace(KERNEL, best=None), ["--recipe", "best"], "kernel has no best recipe"),
        (supermodel.KERNEL, settings("hiden=3"), "unknown setting 'hiden': did you mean"),
        (supermodel.KERNEL, settings("parts=0"), "parts=0: it must be from 1 to 100"),
        (prepare.KERNEL, [], "--describe: this kernel takes no arguments, not even --describe"),
        (ensemble.KERNEL, [], "--describe: this kernel takes no arguments, not even --describe"),
    ],
)
def test_what_cannot_be_described_is_one_line(
    describe: Describe, tmp_path: Path, kernel: Kernel, arguments: list[str], said: str
) -> None:
    line, _ = describe(kernel, *arguments)
    assert line.startswith("error: ")
    assert said in line
    assert not list(tmp_path.iterdir())


def test_a_script_describes_itself_where_the_terminal_shows_no_blocks(tmp_path: Path) -> None:
    script = ["-m", "competitions.petals_to_metal.densenet201", "--dry-run", "--describe"]
    mounted = {"PYTHONPATH": str(ROOT), "KAGGLE_CACHE_MOUNT_FOLDER": str(tmp_path)}
    environment = {**os.environ, **mounted, "PYTHONIOENCODING": "ascii"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # as other tests set it
    done = subprocess.run(
        [sys.executable, *script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    assert done.stdout.startswith("densenet201: Petals to the Metal, on cpu\n")
    assert re.fullmatch(r"[\d,]+ in all, [\d,]+ trainable", rows["parameters"])
    assert rows["pictures"] == "12,753 train, 3,712 val, 7,382 test (Kaggle's own data)"
    assert re.search(r"rate\n[\d.]+ \| {6}######\n", done.stdout)
    assert done.stderr.splitlines() == ["building the network at 32 x 32 ..."]


def test_a_kernel_takes_no_arguments_without_describe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        KERNEL.main({}, ["--set", "epochs=1"])
    said = capsys.readouterr().err
    assert said.startswith("error: --set epochs=1: this kernel takes no arguments but --describe")
    assert not list(tmp_path.iterdir())


def test_arguments_come_before_the_scripts_own_parameters() -> None:
    values = Parameters(accelerator="tpu")
    arguments = ["--describe", "--set", "epochs=4", "--accelerator", "cpu"]
    assert read_arguments(KERNEL, values, arguments) == Asked("cpu", settings={"epochs": "4"})
    assert read_arguments(KERNEL, values, ["--describe"]).accelerator == "tpu"


def test_pictures_are_counted_by_file_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path))
    assert count_pictures(COMPETITION) == (COMPETITION.pictures, "Kaggle's own data")
    folder = tmp_path / "competitions" / "small" / "tfrecords-jpeg-24x24"
    for name in ("train/00-24x24-30", "train/01-24x24-7", "val/00-24x24-5"):
        path = folder / f"{name}.tfrec"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert count_pictures(COMPETITION) == ({"train": 37, "val": 5}, str(folder))


@given(st.integers(1, 300), st.integers(1, 300), st.integers(2, 20), st.integers(0, 19))
def test_folds_are_counted_as_they_are_dealt(train: int, val: int, folds: int, fold: int) -> None:
    if fold < folds <= train + val:
        recipe = ClassifierRecipe(folds=folds, fold=fold)
        dealt = stratified_folds(np.arange(train + val) % 7, folds, 0)
        counted = training_pictures(recipe, {"train": train, "val": val})
        assert counted == np.count_nonzero(dealt != fold)


def test_hours_are_those_of_the_network_that_was_stated() -> None:
    published = ClassifierRecipe()

    def hours(**settings: object) -> float | None:
        return scaled_hours(4.0, override(published, settings), published)

    assert hours() == 4.0
    assert hours(epochs=50) == 8.0
    assert hours(refit_epochs=0) == hours(refit=False) == hours(folds=5) == 2.0
    assert hours(image_size=662, crop_margin=0) == 16.0
    for other in ({"backbone": "Xception"}, {"freeze_backbone": True}, {"miniature": True}):
        assert hours(**other) is None
    assert scaled_hours(None, published, published) is None


@given(
    st.lists(st.floats(0.001, 1), min_size=1, max_size=300), st.sampled_from([" ▁▂▃▄▅▆▇█", " #"])
)
def test_every_epoch_has_a_bar_and_the_highest_is_full(rates: list[float], blocks: str) -> None:
    *drawn, marks, below = draw_bars(rates, blocks)
    assert len(drawn) == 10
    assert max(map(len, [*drawn, marks, below])) <= 80
    margin = drawn[0].index("|") + 1
    foot = drawn[-1][margin:]
    assert set(foot) <= set(blocks[1:])
    grouped = int(found[1]) if (found := re.search(r", (\d+) in a column", below)) else 1
    columns = -(-len(rates) // grouped)
    assert len(foot) % columns == 0
    peak = int(np.argmax(rates)) // grouped * (len(foot) // columns)
    assert {line[margin:][peak] for line in drawn} == {blocks[-1]}
    assert float(drawn[0].split("|")[0]) == pytest.approx(max(rates), rel=5e-3)
    assert marks.split() == list(dict.fromkeys(["1", str(len(rates))]))
