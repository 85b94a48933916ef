"""Real pictures to test on, which are no part of the project: tests skip without them."""

import os
from pathlib import Path

import pytest

from support import ROOT


def data(*parts: str) -> Path:
    """The real data's folder or file of that name: in ``$REAL_DATA``, or ``shared/data`` above."""
    above = [parent / "shared" / "data" for parent in ROOT.parents]
    folders = [Path(os.environ["REAL_DATA"])] if "REAL_DATA" in os.environ else above
    found = [folder.joinpath(*parts) for folder in folders]
    path = next(filter(Path.exists, found), None)
    if path is None:
        pytest.skip(f"no real data: REAL_DATA names no folder with {'/'.join(parts)}")
    return path
