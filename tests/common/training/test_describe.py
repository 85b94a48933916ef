"""``--describe`` shows what a kernel would train, and trains nothing."""

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from common.data.splits import stratified_folds
from common.errors import UserError
from common.parameters import Parameters
from common.recipe import override
from common.recipes.classifier import ClassifierRecipe
from common.recipes.hours import scaled_hours
from common.training.describe import (
    Asked,
    choose_accelerator,
    count_pictures,
    read_arguments,
    training_pictures,
)
from common.training.terminal_plot import EIGHTHS, PLAIN, bars
from support import ROOT
from support.describe_small import COMPETITION, KERNEL


def run(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    # Of the machine's environment without what other tests have set in this process.
    kept = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment = {**kept, "PYTHONPATH": str(ROOT), "KAGGLE_CACHE_MOUNT_FOLDER": str(folder)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**environment, **env},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


def small(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return run(
        folder, str(ROOT / "tests/support/describe_small.py"), "--describe", *arguments, **env
    )


def told(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """What stands behind each label, its lines joined."""
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = {}
    label = ""
    for line in done.stdout.split("\nlearning rate\n")[0].splitlines()[2:]:
        label = line[:14].strip() or label
        found[label] = f"{found.get(label, '')} {line[14:]}".strip()
    return found


def test_a_kernel_is_described(tmp_path: Path) -> None:
    done = small(tmp_path)
    assert told(done) == {
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
        "schedule": "ramp, lr_max 5e-05 x 8 (schedule.png)",
    }
    assert done.stdout.startswith("small: Small, on tpu\n")
    assert "\nlearning rate\n0.0004 ┤" in done.stdout
    assert done.stderr.splitlines() == ["building the network at 24 x 24 ..."]
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert [path.name for path in tmp_path.iterdir()] == ["schedule.png"]
    assert (tmp_path / "schedule.png").read_bytes().startswith(b"\x89PNG")


def test_arguments_change_what_is_described(tmp_path: Path) -> None:
    settings = ("--set", "folds=3", "--set", "freeze_backbone=yes", "--set", "image_size=12")
    done = small(tmp_path, "--recipe", "best", "--dry-run", *settings, PYTHONIOENCODING="ascii")
    rows = told(done)
    assert rows["recipe"] == "best, with a dry run's small settings"
    assert "batch_size 8 -> 32, epochs 10 -> 2" in rows["changed"]
    assert "image_size 24 -> 12" in rows["changed"]
    assert rows["weights"] == "imagenet, backbone frozen"
    assert rows["parameters"] == "122 in all, 10 trainable"
    assert rows["input"].startswith("12 x 12 x 3")
    assert rows["augmentation"].endswith("MixUp 0.2")
    assert rows["optimizer"] == "adam; moving average of the weights 0.99"
    assert rows["prediction"] == "mean of 4 views of a picture, the whole picture"
    assert rows["batch"] == "32 = 32 x 1 replica"
    assert rows["epochs"] == "2 on train + val but fold 0 of 3, 4 steps each"
    assert rows["refit"] == "none"
    assert rows["hours"] == "unknown on cpu"
    assert rows["schedule"] == "cosine, lr_max 5e-05 x 1 (schedule.png)"
    assert re.search(r"rate\n[\d.e-]+ \| {6}######\n", done.stdout)  # this terminal shows no blocks


def test_what_is_seen_and_how_often_is_described(tmp_path: Path) -> None:
    settings = ("crop_margin=6", "interpolation=nearest", "evaluation=whole", "preprocessing=1/255")
    flags = [part for text in settings for part in ("--set", text)]
    rows = told(small(tmp_path, *flags, "--set", "pictures_per_epoch=128"))
    assert rows["augmentation"].startswith("crop 24 of 30 (nearest), each quarter turn")
    assert rows["prediction"] == "the whole picture"
    assert rows["input"].endswith("divided by 255 inside the network")
    assert rows["epochs"] == "10 on train, 2 steps each"  # it has fewer pictures
    assert rows["refit"].endswith("on train + val, 2 steps each of 128 pictures")
    rows = told(small(tmp_path, "--set", "crop_margin=6"))
    assert rows["prediction"] == "the middle 24 of 30"


def test_a_plateau_is_not_drawn(tmp_path: Path) -> None:
    done = small(tmp_path, "--set", "schedule=plateau")
    words = told(done)["schedule"]
    assert "whenever 3 epochs brought no lower validation loss, never below 1e-05" in words
    assert "not drawn, for it depends on the epochs before" in words
    assert "learning rate\n" not in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--epochs", "3"], "--describe: unrecognized arguments: --epochs 3; --describe --help"),
        (["--acc", "cpu"], "unrecognized arguments: --acc cpu"),
        (["--set", "epohcs=3"], "unknown setting 'epohcs': did you mean epochs"),
        (["--set", "epochs"], "write KEY=VALUE"),
        (["--accelerator", "gpu"], "this kernel cannot run on gpu: it runs on tpu, cpu"),
        (["--accelerator", "tup"], "argument --accelerator: invalid choice: 'tup'"),
        (["--recipe", "mine"], "argument --recipe: invalid choice: 'mine'"),
        (["--set", "image_size=8"], "cannot be built with this recipe: too small a picture"),
    ],
)
def test_a_wrong_argument_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = small(tmp_path, *arguments)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if not line.startswith("building")]
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert said in lines[0]
    assert not done.stdout
    assert not list(tmp_path.iterdir())


def test_a_petals_kernel_describes_itself(tmp_path: Path) -> None:
    script = "competitions.petals_to_metal.densenet201"
    done = run(tmp_path, "-m", script, "--dry-run", "--describe")
    rows = told(done)
    assert done.stdout.startswith("densenet201: Petals to the Metal, on cpu\n")
    assert re.fullmatch(r"[\d,]+ in all, [\d,]+ trainable", rows["parameters"])
    assert rows["pictures"] == "12,753 train, 3,712 val, 7,382 test (Kaggle's own data)"
    assert rows["hours"] == "unknown on cpu"
    assert [path.name for path in tmp_path.iterdir()] == ["schedule.png"]
    wrong = run(tmp_path, "-m", script, "--describe", "--accelerator", "tup")
    assert wrong.returncode == 1
    assert wrong.stderr.count("\n") == 1


def test_an_embedding_is_judged_by_the_auc_of_pairs(tmp_path: Path) -> None:
    script = "competitions.painter_by_numbers.triplets"
    rows = told(run(tmp_path, "-m", script, "--describe", "--set", "miniature=yes"))
    assert "whenever 4 epochs brought no higher AUC of validation's pairs" in rows["schedule"]
    assert rows["patience"] == "12 epochs without a better AUC"
    # Kaggle's two T4, the first that it runs on.
    assert rows["batch"] == "160 = 80 x 2 replicas"


def test_a_head_is_described_for_the_networks_below_it(tmp_path: Path) -> None:
    def head(*arguments: str) -> dict[str, str]:
        script = "competitions.painter_by_numbers.supermodel"
        return told(run(tmp_path, "-m", script, "--describe", *arguments))

    rows = head()
    assert rows["input"] == "1280 numbers: 10 networks x 128, side by side"
    # 1280 x 512 + 512 and 512 x 128 + 128.
    assert rows["parameters"] == "721,536 in all, 721,536 trainable"
    assert "Dense 512, Dropout 512, Dense 128, UnitLength 128" in rows["layers"]
    assert rows["loss"].startswith("triplet, euclidean distance, batch-hard, margin 0.2")
    assert "AUC of validation's pairs" in rows["schedule"]
    # A setting reaches the networks and the head, as in a run, and each that has it.
    rows = head("--dry-run", "--set", "parts=4", "--set", "embedding=16", "--set", "loss=arcface")
    assert rows["input"] == "64 numbers: 4 networks x 16, side by side"
    assert rows["layers"].endswith("Dense 16, UnitLength 16, CosineClasses 1584")
    assert "hidden 512 -> 128" in rows["changed"]
    assert (tmp_path / "schedule.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("script", "arguments", "said"),
    [
        ("supermodel", ["--describe", "--set", "hiden=3"], "unknown setting 'hiden': did you mean"),
        ("supermodel", ["--describe", "--set", "parts=0"], "parts=0: it must be from 1 to 100"),
        ("supermodel", ["--set", "epochs=3"], "--set epochs=3: this kernel takes no arguments but"),
        ("prepare", ["--describe"], "--describe: this kernel takes no arguments, not even --desc"),
        ("ensemble", ["--describe"], "--describe: this kernel takes no arguments, not even --desc"),
    ],
)
def test_what_cannot_be_described_is_one_line(
    tmp_path: Path, script: str, arguments: list[str], said: str
) -> None:
    done = run(tmp_path, "-m", f"competitions.painter_by_numbers.{script}", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert not list(tmp_path.iterdir())


def test_arguments_come_before_the_scripts_own_parameters() -> None:
    values = Parameters(accelerator="tpu")
    arguments = ["--describe", "--set", "epochs=4", "--accelerator", "cpu"]
    found = read_arguments(KERNEL, values, arguments)
    assert found == Asked("cpu", settings={"epochs": "4"})
    assert read_arguments(KERNEL, values, ["--describe"]).accelerator == "tpu"
    best = ["--describe", "--recipe", "best"]
    assert read_arguments(KERNEL, values, best).best
    with pytest.raises(UserError, match="this kernel has no best recipe"):
        read_arguments(dataclasses.replace(KERNEL, best=None), values, best)


def test_the_accelerator_is_the_one_a_run_would_take() -> None:
    assert choose_accelerator(KERNEL.accelerators, Asked()) == "tpu"
    assert choose_accelerator(KERNEL.accelerators, Asked(small=True)) == "cpu"
    assert choose_accelerator(KERNEL.accelerators, Asked("tpu", small=True)) == "tpu"
    with pytest.raises(UserError, match="cannot run on gpu"):
        choose_accelerator(KERNEL.accelerators, Asked("gpu"))


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
    path.unlink()
    assert count_pictures(COMPETITION) == (COMPETITION.pictures, "Kaggle's own data")


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
        recipe = override(published, settings)
        return scaled_hours(4.0, recipe, published)

    assert hours() == 4.0
    assert hours(epochs=50) == 8.0
    assert hours(refit_epochs=0) == hours(refit=False) == hours(folds=5) == 2.0
    assert hours(image_size=662, crop_margin=0) == 16.0
    assert (
        hours(backbone="Xception") is hours(freeze_backbone=True) is hours(miniature=True) is None
    )
    assert scaled_hours(None, published, published) is None


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=300),
    st.sampled_from([EIGHTHS, PLAIN]),
    st.integers(40, 120),
)
def test_every_epoch_has_a_bar(rates: list[float], blocks: str, width: int) -> None:
    lines = bars(rates, width, blocks=blocks)
    drawn = lines[1:11]
    assert len(lines) == 13
    assert max(map(len, lines)) <= width
    margin = drawn[0].index("|" if blocks == PLAIN else "┤") + 1
    columns = len(drawn[-1]) - margin
    assert set(drawn[-1][margin:]) <= set(blocks[1:])  # each column is filled at its foot
    grouped = int(found[1]) if (found := re.search(r", (\d+) in a column", lines[12])) else 1
    assert columns % -(-len(rates) // grouped) == 0
    marks = [int(number) for number in lines[11].split()]
    assert marks == sorted(set(marks))
    assert marks[0] == 1
    assert grouped > 1 or marks[-1] == len(rates)


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=70))
def test_the_highest_rate_is_full_and_higher_rates_are_never_lower_bars(rates: list[float]) -> None:
    drawn = bars(rates)[1:11]
    margin = drawn[0].index("┤") + 1
    wide = (len(drawn[-1]) - margin) // len(rates)

    def height(epoch: int) -> int:
        column = (line.ljust(80)[margin + epoch * wide] for line in drawn)
        return sum(EIGHTHS.index(character) for character in column)

    heights = [height(epoch) for epoch in range(len(rates))]
    assert heights[int(np.argmax(rates))] == 80
    assert float(drawn[0].split("┤")[0]) == pytest.approx(max(rates), rel=5e-3)
    in_order = [heights[epoch] for epoch in np.argsort(rates)]
    assert in_order == sorted(in_order)
