"""One browser for all tests of the report."""

from collections.abc import Iterator
from typing import Any

import pytest

from support import browser


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser; without one here the test is skipped."""
    if browser.missing():
        pytest.skip(browser.missing())
    with browser.chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver
