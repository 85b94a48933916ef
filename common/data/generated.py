"""What the makers of generated data share: where they may write, and their command line."""

import argparse
from collections.abc import Callable
from pathlib import Path

from common.errors import UserError


def check_new(folder: Path, solution: Path) -> None:
    """Raise UserError when ``folder`` has anything in it or the solution would be inside it."""
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty: generated data are written to a new folder only")
    if folder.resolve() in solution.resolve().parents:
        raise UserError(f"{solution} lies inside {folder}, where kernels could read it")


def command_line(write: Callable[[Path, Path, int], None]) -> None:
    """Call ``write(folder, solution, seed)`` with the command line's arguments."""
    parser = argparse.ArgumentParser(description="Write generated data and its hidden answers.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("solution", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write(arguments.folder, arguments.solution, arguments.seed)
