"""A training that stops, by itself or by force, goes on and ends as if it had not stopped."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support import ROOT

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # kernels run in this process, on the CPU

from common.errors import UserError
from common.kernel import KernelRun, OutOfTimeError
from common.manifest import Unfinished, read_manifest
from common.parameters import Parameters
from common.training.checkpoint import NAME, Course, load_checkpoint, restore, variables_of
from support import small_classifier
from support.carry_out import carry_out

# Of Keras with NumPy 2: kernels run in this process to spare TensorFlow's start.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

FRESH, ON = {"refit_fresh": True}, {"refit_fresh": False}
Train = Callable[..., str]
_UNDISTURBED: dict[str, dict[str, Any]] = {}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An input root with the small competition, as Kaggle mounts it."""
    root = tmp_path_factory.mktemp("input")
    small_classifier.write_data(root / "competitions" / "small")
    return root


@pytest.fixture
def train(
    inputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Train:
    """Run the kernel in a folder, to its end: what it printed, or its error line."""
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(inputs))
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")

    def run(folder: Path, **parameters: Any) -> str:
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        with contextlib.suppress(SystemExit):
            carry_out(small_classifier.KERNEL, {"kernel": "small", **parameters})
            return capsys.readouterr().out
        return capsys.readouterr().err.splitlines()[-1]

    return run


@pytest.fixture
def undisturbed(
    train: Train, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The files that a training leaves which nothing disturbs, with their SHA-256."""

    def files(settings: dict[str, Any]) -> dict[str, Any]:
        if str(settings) not in _UNDISTURBED:
            folder = tmp_path_factory.mktemp("undisturbed")
            train(folder, settings=settings)
            _UNDISTURBED[str(settings)] = read_manifest(folder, "small", "")["files"]
        return _UNDISTURBED[str(settings)]

    return files


@pytest.fixture
def source(train: Train, inputs: Path) -> Path:
    """The output of ``alice/small``, a version that had no time for a second epoch."""
    stopped = inputs / "stopped"
    if not stopped.exists():
        train(stopped, settings=ON, time_limit=0.001)
    folder = inputs / "notebooks" / "alice" / "small"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(stopped, folder)
    return folder


def command(**parameters: Any) -> list[str]:
    script = ROOT / "tests" / "support" / "small_classifier.py"
    return [sys.executable, str(script), json.dumps({"kernel": "small", **parameters})]


def environment(inputs: Path) -> dict[str, str]:
    mounted = {"KAGGLE_CACHE_MOUNT_FOLDER": str(inputs), "PYTHONPATH": str(ROOT)}
    return {**os.environ, **mounted}


def test_a_kernel_without_time_for_another_epoch_leaves_its_checkpoint(source: Path) -> None:
    with pytest.raises(Unfinished, match="kernel small: stopped 'unfinished'"):
        read_manifest(source, "small", "")
    manifest = json.loads((source / "manifest.json").read_text())
    assert manifest["state"] == "unfinished"
    assert manifest["unfinished"] == {"stage": "training", "epoch": 1, "of": 3}
    assert set(manifest["files"]) == {NAME}


def test_the_next_version_ends_with_the_files_of_an_undisturbed_one(
    train: Train, undisturbed, source: Path, tmp_path: Path
) -> None:
    earlier = json.loads((source / "manifest.json").read_text())["seconds"]["training"]
    printed = train(tmp_path, settings=ON, resume="alice/small", time_limit=3600)
    assert "stage=resuming at='training 1'" in printed
    manifest = read_manifest(tmp_path, "small", "")
    assert manifest["files"] == undisturbed(ON)
    assert {"history.csv", "predictions.npz"} < set(manifest["files"])
    assert NAME not in manifest["files"]
    assert manifest["resumed"] == {"stage": "training", "epoch": 1}
    assert manifest["seconds"]["training"] > earlier


@pytest.mark.parametrize(
    ("settings", "moment"), [(ON, "stage=training epoch=2/3"), (FRESH, "stage=refit epoch=1/2")]
)
def test_a_killed_kernel_goes_on_in_its_folder(
    train: Train, undisturbed, inputs: Path, tmp_path: Path, settings: dict[str, Any], moment: str
) -> None:
    kernel = subprocess.Popen(
        command(settings=settings),
        cwd=tmp_path,
        env=environment(inputs),
        stdout=subprocess.PIPE,
        text=True,
    )
    with kernel:
        assert kernel.stdout
        assert any(moment in line for line in kernel.stdout)
        kernel.kill()
    assert not (tmp_path / "manifest.json").exists()
    assert "stage=resuming" in train(tmp_path, settings=settings)
    assert read_manifest(tmp_path, "small", "")["files"] == undisturbed(settings)


def test_another_training_is_refused_or_begun_anew(
    train: Train, source: Path, tmp_path: Path
) -> None:
    other = {**ON, "epochs": 1, "refit": False}
    said = train(tmp_path, settings=other, resume="alice/small")
    assert said.startswith("error: alice/small left the checkpoint of another training (epochs was")
    said = train(tmp_path, settings=ON, seed=1, resume="alice/small")
    assert "another training (seed was 0 and is 1)" in said
    shutil.copy(source / NAME, tmp_path)
    printed = train(tmp_path, settings=other)
    assert "stage=starting_anew because=" in printed
    assert "epochs was 3 and is 1" in printed
    assert (tmp_path / "history.csv").read_text().count("\n") == 2
    assert NAME not in read_manifest(tmp_path, "small", "")["files"]
    shutil.rmtree(source)
    shutil.copytree(tmp_path, source)
    assert "alice/small is finished" in train(tmp_path, settings=other, resume="alice/small")


def test_a_version_that_would_come_no_further_says_so(
    train: Train, source: Path, tmp_path: Path
) -> None:
    said = train(tmp_path, settings=ON, resume="alice/small", time_limit=0.001)
    assert said.startswith("error: the next part of training takes about")
    assert "too long for a time limit of 0.001 s: raise the limit" in said
    assert not (tmp_path / "manifest.json").exists()


def test_a_damaged_checkpoint_is_refused(train: Train, source: Path, tmp_path: Path) -> None:
    whole = (source / NAME).read_bytes()
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 1
    (source / NAME).write_bytes(broken)
    said = train(tmp_path, settings=ON, resume="alice/small")
    assert said.startswith(f"error: kernel small: {source / NAME} is not the file that the kernel")
    for damaged in (bytes(broken), whole[:-50], b""):
        (tmp_path / NAME).write_bytes(damaged)
        said = train(tmp_path, settings=ON)
        assert said.startswith(f"error: {tmp_path / NAME} is damaged")
        assert said.endswith("delete it to start anew")


def test_a_missing_source_is_named(train: Train, tmp_path: Path) -> None:
    said = train(tmp_path, settings=ON, resume="alice/gone", internet=False)
    assert said.startswith("error: the output of kernel alice/gone was not found")


WRITER = """
import sys
from pathlib import Path
import numpy as np
from common.training.checkpoint import Checkpoint, save_checkpoint
for n in range(10**6):
    arrays = [np.full(2**20, n, np.float32) for _ in range(4)]
    save_checkpoint(Path.cwd(), Checkpoint({}, "training", n, [], {}, 0.0, arrays, arrays[0]))
    print(n, flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.005, 0.01, 0.02])
def test_a_writer_killed_at_any_moment_leaves_a_whole_checkpoint(
    tmp_path: Path, delay: float
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER], cwd=tmp_path, env=environment, stdout=subprocess.PIPE
    )
    with writer:
        assert writer.stdout
        while int(writer.stdout.readline()) < 2:
            pass
        time.sleep(delay)
        writer.kill()
    found = load_checkpoint(tmp_path / NAME)
    assert found.epoch >= 2
    assert found.validation is not None
    assert all(np.all(a == found.epoch) for a in [*found.variables, found.validation])


def test_no_checkpoint_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"no {NAME} in .*: there is nothing to go on from"):
        load_checkpoint(tmp_path / NAME)


def test_asking_for_the_variables_twice_adds_none_in_mixed_precision() -> None:
    import keras

    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = small_classifier.build_model(None, small_classifier.RECIPE)
        model.compile(optimizer="adam", loss="categorical_crossentropy", jit_compile=False)
        assert type(model.optimizer).__name__ == "LossScaleOptimizer"
        first = variables_of(model)
        restore(model, first)
        assert len(variables_of(model)) == len(first)
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_compilation_is_not_taken_for_the_pace_of_what_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    model = small_classifier.build_model(None, small_classifier.RECIPE)
    model.compile(optimizer="sgd", loss="categorical_crossentropy", jit_compile=False)
    parameters = Parameters(time_limit=1000)
    course = Course(KernelRun(parameters, small_classifier.RECIPE, tmp_path), {}, parameters)
    course.enter(model, "training", 9)
    for epoch, seconds in ((1, 300.0), (2, 20.0)):
        course.begin_epoch(10)
        now[0] += seconds
        course.end_epoch(model, epoch, 10)
    assert load_checkpoint(tmp_path / NAME).pace == 2.0
    course.keep_to_time(200)  # 480 s with a fifth more: they fit
    with pytest.raises(OutOfTimeError):
        course.keep_to_time(400)


def test_a_refit_of_no_epochs_is_none(train: Train, tmp_path: Path) -> None:
    train(tmp_path / "none", settings={**FRESH, "refit_epochs": 0})
    train(tmp_path / "without", settings={"refit": False})
    first, second = (np.load(tmp_path / n / "predictions.npz") for n in ("none", "without"))
    np.testing.assert_array_equal(first["test"], second["test"])


def test_other_views_predict_validation_anew(train: Train, inputs: Path, tmp_path: Path) -> None:
    kernel = subprocess.Popen(
        command(settings=FRESH),
        cwd=tmp_path,
        env=environment(inputs),
        stdout=subprocess.PIPE,
        text=True,
    )
    with kernel:
        assert kernel.stdout
        assert any("stage=refit epoch=1/2" in line for line in kernel.stdout)
        kernel.kill()
    printed = train(tmp_path, settings={**FRESH, "tta": 8})
    assert "is of another training: tta was 1 and is 8" in printed
