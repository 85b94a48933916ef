"""A training that stops, by itself or by force, goes on and ends as if it had not stopped."""

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import UserError
from common.kernel import KernelRun, OutOfTimeError
from common.manifest import Unfinished, read_manifest
from common.parameters import Parameters
from common.training.checkpoint import NAME, TrainingState, load_checkpoint
from common.training.model import restore, variables_of
from common.training.trainer import since_best
from support import ROOT, small_classifier

pytestmark = pytest.mark.slow

Train = Callable[..., str]


@pytest.fixture(scope="module")
def small(train: Train) -> Train:
    """``train`` with the small classifier."""
    return lambda folder, **parameters: train(small_classifier.KERNEL, folder, **parameters)


@pytest.fixture(scope="module")
def undisturbed(
    small: Train, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[bool], dict[str, Any]]:
    """The files of a training that nothing disturbs, with their SHA-256, by ``refit_fresh``."""

    @cache
    def files(fresh: bool) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("undisturbed")
        small(folder, settings={"refit_fresh": fresh})
        return dict(read_manifest(folder, "small", "")["files"])

    return files


@pytest.fixture
def source(small: Train, inputs: Path, output_of_small: Path) -> Path:
    """The output of ``alice/small``, a version that had no time for a second epoch."""
    stopped = inputs / "stopped"
    if not stopped.exists():
        small(stopped, time_limit=0.001)
    shutil.copytree(stopped, output_of_small)
    return output_of_small


def test_a_kernel_without_time_for_another_epoch_goes_on_in_its_next_version(
    small: Train, undisturbed: Callable[..., Any], source: Path, tmp_path: Path
) -> None:
    with pytest.raises(Unfinished, match="kernel small: stopped 'unfinished'"):
        read_manifest(source, "small", "")
    manifest = json.loads((source / "manifest.json").read_text())
    assert manifest["unfinished"] == {"stage": "training", "epoch": 1, "of": 3}
    assert set(manifest["files"]) == {NAME, "split.csv"}
    printed = small(tmp_path, resume="alice/small", time_limit=3600)
    assert "stage=resuming at='training 1'" in printed
    manifest = read_manifest(tmp_path, "small", "")
    assert manifest["files"] == undisturbed(True)
    assert {"history.csv", "predictions.npz"} < set(manifest["files"])
    assert NAME not in manifest["files"]
    assert manifest["resumed"] == {"stage": "training", "epoch": 1}


@pytest.mark.parametrize("fresh", [True, False])
def test_a_broken_off_refit_goes_on_in_its_folder(
    small: Train, undisturbed: Callable[..., Any], stopped_at, tmp_path: Path, fresh: bool
) -> None:
    settings = {"refit_fresh": fresh}
    with stopped_at("refit", 1), pytest.raises(InterruptedError):
        small(tmp_path, settings=settings)
    assert not (tmp_path / "manifest.json").exists()
    assert "stage=resuming at='refit 1'" in small(tmp_path, settings=settings)
    assert read_manifest(tmp_path, "small", "")["files"] == undisturbed(fresh)


def test_another_training_is_refused_or_begun_anew(
    small: Train, source: Path, tmp_path: Path
) -> None:
    other = {"epochs": 1, "refit": False}
    said = small(tmp_path, settings=other, resume="alice/small")
    assert said.startswith("error: alice/small has the checkpoint of another training (epochs was")
    said = small(tmp_path, seed=1, resume="alice/small")
    assert "another training (seed was 0 and is 1)" in said
    shutil.copy(source / NAME, tmp_path)
    printed = small(tmp_path, settings=other)
    assert "stage=starting_anew because=" in printed
    assert "epochs was 3 and is 1" in printed
    assert (tmp_path / "history.csv").read_text().count("\n") == 2
    assert NAME not in read_manifest(tmp_path, "small", "")["files"]
    shutil.rmtree(source)
    shutil.copytree(tmp_path, source)
    assert "alice/small is finished" in small(tmp_path, settings=other, resume="alice/small")


def test_a_version_that_would_come_no_further_says_so(
    small: Train, source: Path, tmp_path: Path
) -> None:
    said = small(tmp_path, resume="alice/small", time_limit=0.001)
    assert said.startswith("error: the next part of training takes about")
    assert "too long for a time limit of 0.001 s: raise the limit" in said
    assert not (tmp_path / "manifest.json").exists()


def test_a_damaged_or_missing_checkpoint_is_refused(
    small: Train, source: Path, tmp_path: Path
) -> None:
    whole = (source / NAME).read_bytes()
    broken = bytearray(whole)
    with zipfile.ZipFile(source / NAME) as archive:
        largest = max(archive.infolist(), key=lambda info: info.compress_size)
    # Within its numbers: a zip has fields that nothing depends on.
    broken[largest.header_offset + largest.compress_size // 2] ^= 1
    (source / NAME).write_bytes(broken)
    said = small(tmp_path, resume="alice/small")
    assert said.startswith(f"error: kernel small: {source / NAME} is not the file that the kernel")
    said = small(tmp_path, resume="alice/gone", internet=False)
    assert said.startswith("error: the output of kernel alice/gone was not found")
    with pytest.raises(UserError, match=rf"no {NAME} in .*: start anew without it"):
        load_checkpoint(tmp_path)
    for damaged in (bytes(broken), whole[:-50], b""):
        (tmp_path / NAME).write_bytes(damaged)
        with pytest.raises(UserError, match=f"{NAME} cannot be read: .*: start anew without it"):
            load_checkpoint(tmp_path)


WRITER = """
from pathlib import Path
import numpy as np
from common.training.checkpoint import Checkpoint, save_checkpoint
for n in range(10**6):
    arrays = [np.full(2**20, n, np.float32) for _ in range(4)]
    checkpoint = Checkpoint({}, epoch=n, variables=arrays, kept={"validation": arrays[0]})
    save_checkpoint(Path.cwd(), checkpoint)
    print(n, flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.007, 0.02])
def test_a_writer_killed_at_any_moment_leaves_a_whole_checkpoint(
    tmp_path: Path, delay: float
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WRITER]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        while int(writer.stdout.readline()) < 2:
            pass
        time.sleep(delay)
        writer.kill()
    found = load_checkpoint(tmp_path)
    assert found.epoch >= 2
    assert all(np.all(a == found.epoch) for a in [*found.variables, found.kept["validation"]])


def compiled(optimizer: str) -> Any:
    model = small_classifier.build_model(None, small_classifier.RECIPE)
    model.compile(optimizer=optimizer, loss="categorical_crossentropy", jit_compile=False)
    return model


def test_asking_for_the_variables_twice_adds_none_in_mixed_precision() -> None:
    import keras

    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = compiled("adam")
        assert type(model.optimizer).__name__ == "LossScaleOptimizer"
        first = variables_of(model)
        restore(model, first)
        assert len(variables_of(model)) == len(first)
    finally:
        keras.config.set_dtype_policy("float32")


def test_pace_seconds_and_what_is_kept_are_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def begin() -> tuple[KernelRun, TrainingState]:
        run = KernelRun(Parameters(time_limit=1000), small_classifier.RECIPE, tmp_path)
        return run, TrainingState(run, {"seed": 0})

    (run, first), model = begin(), compiled("sgd")
    assert first.kept == {}
    with run.stage("training"):
        first.enter(model, "training", 9)
        first.kept["best_0"] = np.arange(6, dtype=np.float32).reshape(2, 3)
        first.kept["variable_0"] = np.array([1, 2], np.int64)
        for epoch, seconds in ((1, 300.0), (2, 20.0)):  # the first compiles
            first.begin_epoch(10)
            now[0] += seconds
            first.end_epoch(model, epoch)
    first.kept["later"] = np.zeros(1)  # not written
    checkpoint = load_checkpoint(tmp_path)
    assert checkpoint.pace == 2.0
    assert len(checkpoint.variables) == len(variables_of(model))
    first.check_time(200)  # 480 s with a fifth more: they fit
    with pytest.raises(OutOfTimeError):
        first.check_time(400)
    run, second = begin()
    with run.stage("training"):
        now[0] += 5
    assert run.seconds == {"training": 325}
    assert set(second.kept) == {"best_0", "variable_0"}
    for name, values in second.kept.items():
        np.testing.assert_array_equal(values, first.kept[name], strict=True)


def test_patience_counts_epochs_since_the_best() -> None:
    assert since_best([]) == since_best([0.5]) == since_best([0.5, 0.6, 0.4]) == 0
    assert since_best([0.5, 0.5]) == 1  # as good is not better
    assert since_best([0.5, 0.4, 0.6, 0.5]) == 2
