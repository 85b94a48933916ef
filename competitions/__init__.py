"""One folder a competition; this finds them and their kernel scripts, with no list to extend."""

import ast
import importlib
import pkgutil
from pathlib import Path

from common.competition import Competition
from common.errors import UserError
from common.recipe import nearest


def all_competitions() -> dict[str, Competition]:
    """Every competition by its name on the command line."""
    folders = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    found = [importlib.import_module(f"competitions.{folder}").COMPETITION for folder in folders]
    return {competition.name: competition for competition in found}


def find_competition(name: str) -> Competition:
    """The competition called ``name``. Raises UserError with the nearest names."""
    known = all_competitions()
    if not name:
        raise UserError(f"which competition? give its name: {', '.join(known)}")
    if name not in known:
        raise UserError(f"unknown competition {name!r}: {nearest(name, known)}")
    return known[name]


def modules(competition: Competition) -> dict[str, Path]:
    """The Python files in the competition's folder, by module name."""
    package = importlib.import_module(f"competitions.{competition.folder}")
    return {path.stem: path for path in sorted(Path(package.__path__[0]).glob("*.py"))}


def kernel_scripts(competition: Competition) -> dict[str, Path]:
    """The competition's kernel scripts by name: the files with a ``PARAMETERS`` line."""
    files = modules(competition)
    return {name: path for name, path in files.items() if parameters_line(path.read_text("utf-8"))}


def parameters_line(source: str) -> int | None:
    """The number (from 1) of the line that assigns ``PARAMETERS`` at top level, or None."""
    for node in ast.parse(source).body:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        if any(isinstance(t, ast.Name) and t.id == "PARAMETERS" for t in targets):
            return node.lineno
    return None
