"""Finds competitions, one folder each, and their kernel scripts, with no list to extend.

What is broken in one folder or script is one line where that one is asked for, and disturbs no
other.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import competitions
from common.code_faults import in_words
from common.competition import Competition
from common.declaration import Kernel
from common.errors import UserError
from common.recipe import field_types, nearest

ROOT = Path(competitions.__file__).parents[1]
_DECLARES = re.compile(r"^KERNEL\b.*=", re.MULTILINE)


def all_competitions() -> dict[str, Competition]:
    """Every sound competition by its name on the command line."""
    return _look()[0]


def find_competition(name: str) -> Competition:
    """The competition called ``name``. Raises UserError with the nearest names, or its fault."""
    known, faults = _look()
    if not name:
        raise UserError(f"which competition? give its name: {', '.join(known)}")
    if name not in known:
        for folder, fault in faults.items():
            facts = folder / "__init__.py"
            written = _text(facts) if facts.is_file() else ""
            named = re.search(rf"""\bname ?= ?["']{re.escape(name)}["']""", written)
            if named or name == folder.name:
                raise fault
        broken = "".join(f"; a folder cannot be read: {fault}" for fault in faults.values())
        raise UserError(f"unknown competition {name!r}: {nearest(name, known)}{broken}")
    return known[name]


def modules(competition: Competition) -> dict[str, Path]:
    """The Python files in the competition's folder, by module name."""
    package = importlib.import_module(f"competitions.{competition.folder}")
    return {path.stem: path for path in sorted(Path(package.__path__[0]).glob("*.py"))}


def kernel_scripts(competition: Competition) -> dict[str, Path]:
    """The competition's kernel scripts by name: the files that declare a ``KERNEL``."""
    files = modules(competition)
    return {name: path for name, path in files.items() if _DECLARES.search(_text(path))}


def load_module(competition: Competition, name: str) -> ModuleType | None:
    """A module of the competition's folder; None without it. Raises UserError with its fault."""
    path = modules(competition).get(name)
    return _import(f"competitions.{competition.folder}.{name}", path) if path else None


def load_kernel(competition: Competition, script: str) -> Kernel:
    """What a script declares; importing it imports no training framework.

    Raises UserError with the script's fault, also where what is pushed would not be what the
    script declares.
    """
    module, path = load_module(competition, script), modules(competition).get(script)
    if module is None or path is None:
        folder = f"competitions/{competition.folder}"
        todo = "write one, as README.md shows"
        if script == "ensemble":
            like = "painter_by_numbers" if competition.task.name == "pairs" else "petals_to_metal"
            todo = f"copy that of competitions/{like}, with {competition.folder} in its import"
        raise UserError(f"{folder} has no {script}.py: {todo}")
    name, source, kernel = _shown(path), _text(path), getattr(module, "KERNEL", None)
    if not isinstance(kernel, Kernel):
        fault = "declares no KERNEL" if kernel is None else "has a KERNEL that is no Kernel"
        raise UserError(f"{name} {fault} of common.declaration: write it, as README.md shows")
    filled_in(source, name)
    for field, value in module.RECIPE.items():
        if getattr(kernel.recipe, field, None) != value:
            raise UserError(
                f"{name}: RECIPE's {field} is not KERNEL's: make its recipe with **RECIPE"
            )
    if "KERNEL.main(PARAMETERS)" not in source:
        raise UserError(f"{name}: end it with KERNEL.main(PARAMETERS), below __main__")
    return kernel


def all_fields() -> Iterator[dict[str, Any]]:
    """The fields of the recipe of every sound kernel script of every competition."""
    for competition in all_competitions().values():
        for script in kernel_scripts(competition):
            with suppress(UserError):
                yield field_types(load_kernel(competition, script).recipe)


def filled_in(source: str, name: str) -> tuple[ast.Call, ast.stmt]:
    """The two places of a script that a push fills in: RECIPE's ``dict(...)``, PARAMETERS' line.

    Raises UserError for a script (``name``) without them, or with the recipe below.
    """
    found: dict[str, ast.Assign | ast.AnnAssign] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            found.setdefault(ast.unparse(target), node)
    for line, example in (("RECIPE", "dict(...)"), ("PARAMETERS", "{}")):
        if line not in found:
            raise UserError(f"{name}: a kernel script needs the line {line}: dict = {example}")
    recipe, parameters = found["RECIPE"].value, found["PARAMETERS"]
    if isinstance(recipe, ast.Call) and recipe.lineno < parameters.lineno:
        if ast.unparse(recipe.func) == "dict":
            return recipe, parameters
    raise UserError(f"{name}: RECIPE must be a dict(...) and come first")


def _look() -> tuple[dict[str, Competition], dict[Path, UserError]]:
    """The competitions by name, and the faults of those that are broken by their folders."""
    known: dict[str, Competition] = {}
    faults: dict[Path, UserError] = {}
    folders = [p for at in competitions.__path__ for p in sorted(Path(at).iterdir()) if p.is_dir()]
    for path in [folder / "__init__.py" for folder in folders if any(folder.glob("*.py"))]:
        try:
            competition = _competition(path)
        except UserError as fault:
            faults[path.parent] = fault
            continue
        other = known.setdefault(competition.name, competition)
        if other != competition:
            del known[competition.name]
            faults[path.parent] = UserError(
                f"competitions/{other.folder} and competitions/{competition.folder} are both named "
                f"{competition.name}: give one another name"
            )
    return dict(sorted(known.items(), key=lambda one: one[1].folder)), faults


def _competition(path: Path) -> Competition:
    folder = path.parent.name
    if not path.is_file():
        raise UserError(f"{_shown(path.parent)} has no __init__.py: write it, as README.md shows")
    found = getattr(_import(f"competitions.{folder}", path), "COMPETITION", None)
    if not isinstance(found, Competition):
        raise UserError(f"{_shown(path)} has no COMPETITION: see common/competition.py")
    competition = replace(found, folder=folder)
    try:
        competition.check()
    except UserError as fault:
        raise UserError(f"{_shown(path)}: {fault}") from None
    return competition


def _import(name: str, path: Path) -> ModuleType:
    """A module. Raises UserError for whatever keeps it from being imported, in one line."""
    try:
        return importlib.import_module(name)
    except UserError as error:
        raise UserError(f"{_shown(path)}: {error}") from None
    except SyntaxError as error:
        where = _shown(Path(error.filename or path))
        raise UserError(f"{where}, line {error.lineno}: {error.msg}: mend it") from None
    except Exception as error:  # of code that somebody writes just now it can be any
        raise UserError(in_words(error, path, _shown)) from error


def _text(path: Path) -> str:
    return path.read_text("utf-8", errors="replace")


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
