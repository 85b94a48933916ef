"""The local Kaggle whose kernels end at once, and a run whose kernels have run."""

from pathlib import Path

import pytest

from support import fault_runs, warm
from support.quick_kaggle import kaggle

__all__ = ["kaggle"]


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a Kaggle and a run that has submitted nothing yet."""
    folder = tmp_path_factory.mktemp("begun")
    with pytest.MonkeyPatch.context() as patch:
        warm.fork_kernels(patch, "quick_kernel")
        fault_runs.begin(folder)
    return folder
