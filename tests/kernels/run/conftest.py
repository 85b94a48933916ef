"""The real client at a quick local Kaggle, for the tests of a run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.quick_kaggle import QuickKaggle, quick_kaggle


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[QuickKaggle]:
    with quick_kaggle(tmp_path / "kaggle", monkeypatch) as kaggle:
        yield kaggle
