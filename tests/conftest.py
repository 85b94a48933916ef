"""Fixtures that several files share."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from support import browser, tiny


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start slow modules first, so that no processor waits for one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


# No test depends on how fast this machine is.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

# A shell's background job ignores Ctrl-C, and so would all that the tests start in it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _tiny_competition() -> None:
    tiny.add_tiny()


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Data folder and solution of the tiny competition."""
    return tiny.write_data(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def dry(tiny_data: tuple[Path, Path], tmp_path: Path) -> list[object]:
    """The arguments of a dry run of the tiny competition into ``tmp_path / "run"``."""
    data, solution = tiny_data
    return [
        "tiny",
        "--dry-run",
        "--data",
        data,
        "--solution",
        solution,
        "--run-dir",
        tmp_path / "run",
    ]


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser; without one here the test is skipped."""
    if browser.missing():
        pytest.skip(browser.missing())
    with browser.chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver
