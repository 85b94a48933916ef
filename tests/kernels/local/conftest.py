"""A local Kaggle that serves the toy competition, and a client of it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from kagglesdk.kaggle_client import KaggleClient

from kernels.local import LocalKaggle
from kernels.local.fault_kinds import Rule
from kernels.local.faults import Faults
from support.tiny import KEY
from support.toy_competition import connect, make_toy, point_client_at


@pytest.fixture
def serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[LocalKaggle, KaggleClient]]]:
    """Start a local Kaggle with faults and facts of its competition; again on the same state."""
    with ExitStack() as opened:

        def start(
            *rules: Rule, layout: str = "2026", max_parallel: int = 4, **facts: Any
        ) -> tuple[LocalKaggle, KaggleClient]:
            opened.close()
            shutil.rmtree(tmp_path / "toy", ignore_errors=True)
            hosted, faults = [make_toy(tmp_path / "toy", **facts)], Faults(rules) if rules else None
            kaggle = opened.enter_context(
                LocalKaggle(tmp_path / "state", hosted, 0, layout, max_parallel, faults, KEY)
            )
            point_client_at(monkeypatch, kaggle.url, tmp_path)
            return kaggle, opened.enter_context(connect(kaggle.url))

        yield start


@pytest.fixture
def client(serve: Callable[..., tuple[LocalKaggle, KaggleClient]]) -> KaggleClient:
    return serve()[1]
