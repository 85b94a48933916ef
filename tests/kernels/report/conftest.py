"""One browser, and one run of pairs, for all tests of the report."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kernels.report import write_report
from support import browser
from support.report_pairs import PARTS, SENT, painter_bundles, painter_run, write_run


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser; without one here the test is skipped."""
    if browser.missing():
        pytest.skip(browser.missing())
    with browser.chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="session")
def painter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run of pairs that has everything."""
    run = painter_run(write_run(tmp_path_factory.mktemp("painter") / "run"), *PARTS)
    return write_report(run, painter_bundles(), SENT)
