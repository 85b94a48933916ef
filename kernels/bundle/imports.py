"""Which files of the shared code a script imports, and the files that those import.

The hash over them decides whether a kernel that is finished can be used again: an edit elsewhere
must not spend an accelerator's hours a second time.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from functools import cache

from common.shared_code import files_hash

_FACTS = re.compile(r"competitions/\w+/__init__\.py")
_FOR_PEOPLE = ("ensemble", "title", "files", "pictures")


def imported_files(sources: Iterable[str], files: Mapping[str, str]) -> dict[str, str]:
    """Those of ``files`` (path → text) that ``sources`` import, directly or through others.

    Imports inside functions count too. Importing ``a.b`` runs ``a/__init__.py`` as well.
    """
    found: dict[str, str] = {}
    waiting = list(sources)
    while waiting:
        for name in imported_names(waiting.pop()):
            parts = name.split(".")
            for end in range(1, len(parts) + 1):
                module = "/".join(parts[:end])
                for path in (f"{module}.py", f"{module}/__init__.py"):
                    if path in files and path not in found:
                        found[path] = files[path]
                        waiting.append(files[path])
    return found


def imports_hash(source: str, files: Mapping[str, str]) -> str:
    """SHA-256 over ``source`` and every file that it imports.

    Of a competition's facts without those that no kernel computes with (``_FOR_PEOPLE``).
    """
    imported = {
        name: (_computed(text) if _FACTS.fullmatch(name) else text).encode()
        for name, text in imported_files([source], files).items()
    }
    return files_hash({"": source.encode(), **imported})


@cache
def _computed(source: str) -> str:
    """A competition's ``__init__`` as code, without the facts that are for people."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Competition":
            node.keywords = [word for word in node.keywords if word.arg not in _FOR_PEOPLE]
    return ast.unparse(tree)


@cache
def imported_names(source: str) -> tuple[str, ...]:
    """The modules that a text imports, and what may be one; of a text with an error none."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return ()
    names: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(dict.fromkeys(names))
