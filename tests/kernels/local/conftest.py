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
from support.toy_competition import connect, make_toy, point_client_at

FACTS = ("kernels_only", "max_daily_submissions", "entered", "deadline", "submissions_disabled")


@pytest.fixture
def serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[LocalKaggle, KaggleClient]]]:
    """Start a local Kaggle, with rules for faults and options; again on the same state."""
    with ExitStack() as opened:

        def start(*rules: Rule, **options: Any) -> tuple[LocalKaggle, KaggleClient]:
            opened.close()
            facts = {name: options.pop(name) for name in FACTS if name in options}
            shutil.rmtree(tmp_path / "toy", ignore_errors=True)
            hosted = [make_toy(tmp_path / "toy", **facts)]
            faults = Faults(rules) if rules else None
            options = {"max_parallel": 4, "faults": faults, **options}
            kaggle = opened.enter_context(LocalKaggle(tmp_path / "state", hosted, **options))
            point_client_at(monkeypatch, kaggle.url, tmp_path)
            return kaggle, opened.enter_context(connect(kaggle.url))

        yield start


@pytest.fixture
def client(serve: Callable[..., tuple[LocalKaggle, KaggleClient]]) -> KaggleClient:
    return serve()[1]
