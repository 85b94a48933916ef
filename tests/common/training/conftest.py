"""The small kernels, trained in this process on the CPU to spare TensorFlow's start."""

import contextlib
import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.training.checkpoint import TrainingState
from support import small_classifier, small_embedding
from support.carry_out import carry_out

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An input root with the data of both small kernels, as Kaggle mounts it."""
    root = tmp_path_factory.mktemp("input")
    small_classifier.write_data(root / "competitions" / "small")
    small_embedding.write_data(root / "competitions" / "embedded")
    return root


@pytest.fixture
def output_of_small(inputs: Path) -> Iterator[Path]:
    """Where Kaggle mounts the output of ``alice/small``, for one test: the input root is shared."""
    folder = inputs / "notebooks" / "alice" / "small"
    folder.parent.mkdir(parents=True)
    yield folder
    shutil.rmtree(inputs / "notebooks")


@pytest.fixture(scope="session")
def train(inputs: Path) -> Callable[..., str]:
    """Run a kernel in a folder, to its end: what it printed, or its error line."""

    def run(kernel: Any, folder: Path, **parameters: Any) -> str:
        folder.mkdir(exist_ok=True)
        out, err = io.StringIO(), io.StringIO()
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            patch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(inputs))
            patch.setenv("KERAS_BACKEND", "tensorflow")
            patch.chdir(folder)
            with contextlib.suppress(SystemExit):
                carry_out(kernel, {"kernel": "small", **parameters})
                return out.getvalue()
        return err.getvalue().splitlines()[-1]

    return run


@pytest.fixture(scope="session")
def stopped_at() -> Callable[[str, int], contextlib.AbstractContextManager[None]]:
    """Break a training off, its checkpoint written, after an epoch of a stage."""

    @contextlib.contextmanager
    def stop(stage: str, epoch: int) -> Iterator[None]:
        end_epoch = TrainingState.end_epoch

        def end_and_stop(state: TrainingState, model: Any, number: int) -> None:
            end_epoch(state, model, number)
            if (state.stage, number) == (stage, epoch):
                raise InterruptedError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TrainingState, "end_epoch", end_and_stop)
            yield

    return stop
