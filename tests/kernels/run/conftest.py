"""Kaggle in memory for the tests of a run."""

import shutil
from pathlib import Path

import pytest

from kernels.kaggle import answers, downloads
from support.memory_kaggle import MemoryKaggle


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryKaggle:
    monkeypatch.setattr(answers, "PAUSE", 0.0)
    monkeypatch.setattr(downloads, "download", shutil.copyfile)
    monkeypatch.setattr("os.fsync", lambda file: None)  # half of the time
    return MemoryKaggle(tmp_path / "kaggle")
