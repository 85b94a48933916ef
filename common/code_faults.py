"""What is wrong in code that somebody writes just now, in one line: where, what, and what to do."""

import difflib
import pkgutil
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

# What Python says of a fault → what is wrong and what to do.
_FAULTS = (
    (r"TypeError: .*unexpected keyword argument '(\w+)'", r"there is no field '\1':"),
    (
        r"TypeError: (\w+)(?:\.__init__)?\(\) missing \d+ required .*arguments?: (.+)",
        r"\1(...) lacks \2: give it, or",
    ),
    (r"NameError: name '(\w+)' is not defined", r"there is no name \1:"),
    (r"(\w+): ", r"\1:"),
)


def in_words(error: Exception, path: Path, shown: Callable[[Path], str] = str) -> str:
    """Return what is wrong in the code of a folder, and what to do.

    Where: the last line that ran in the folder of ``path``, or else that file, which was imported;
    ``shown`` makes its name for people.
    """
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).parent == path.parent]
    where = f"{shown(Path(ours[-1].filename))}, line {ours[-1].lineno}" if ours else shown(path)
    mend = "the import" if isinstance(error, ImportError) else "it"
    return f"{where}: {_what(error)} mend {mend}"


def _what(error: Exception) -> str:
    """What is wrong, up to what is to be mended."""
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        module, _, name = error.name.rpartition(".")
        if module not in sys.modules:
            return f"there is no module {error.name}: install it, or"
        return _no_name(module, name)
    missing = re.match(r"ImportError: cannot import name '(\w+)' from (partially init)?", said)
    if missing and isinstance(error, ImportError) and error.name:
        return _no_name(error.name, missing[1], bool(missing[2]))
    if isinstance(error, AttributeError) and error.name:
        if isinstance(error.obj, ModuleType):
            return _no_name(error.obj.__name__, error.name, "partially init" in said)
        return f"a {type(error.obj).__name__} has no {error.name}:"
    found = ((re.match(pattern, said), words) for pattern, words in _FAULTS)
    return next(match.expand(words) for match, words in found if match)


def _no_name(module: str, name: str, circular: bool = False) -> str:
    """A name that a module has not: the nearest one, or what to write where it is the user's."""
    if circular:
        return f"{module} imports this file in turn:"
    found = sys.modules.get(module)
    inside = getattr(found, "__path__", ())
    known = [*vars(found or sys), *(one.name for one in pkgutil.iter_modules(inside))]
    close = difflib.get_close_matches(name, known, 1)
    if close:
        return f"there is no {name} in {module}: did you mean {close[0]}?"
    if not module.startswith("competitions."):
        return f"there is no {name} in {module}:"
    lacks = f"{module.replace('.', '/')} has no {name}.py" if inside else ""
    return f"{lacks or f'there is no {name} in {module}'}: write it, as README.md shows, or"
