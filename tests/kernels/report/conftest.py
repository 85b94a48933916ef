"""One run of pairs for all tests of the report."""

from pathlib import Path

import pytest

from kernels.report import write_report
from support.report_pairs import PARTS, SENT, painter_bundles, painter_run, write_run


@pytest.fixture(scope="session")
def painter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run of pairs that has everything."""
    run = painter_run(write_run(tmp_path_factory.mktemp("painter") / "run"), *PARTS)
    return write_report(run, painter_bundles(), SENT)
