"""The code that a run is made with: what kernels import, its hash, git's commit, its page.

The hash of what a script imports decides whether a kernel that is finished can be used again: an
edit elsewhere must not spend an accelerator's hours a second time.
"""

import ast
import re
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from common.competition import Competition
from common.shared_code import files_hash
from kernels.plan.find import ROOT, kernel_scripts, modules

_USED_BY_THE_UTILITY = "import common.kernel"
_FACTS = re.compile(r"competitions/\w+/__init__\.py")
_FOR_PEOPLE = ("ensemble", "title", "files", "pictures")
_REMOTE = re.compile(
    r"(?:https?://(?:[^@/]*@)?|ssh://git@|git@)([\w.-]+)[:/]([\w./-]+?)(?:\.git)?/?"
)


def collect_shared(competition: Competition) -> dict[str, str]:
    """What the competition's kernel scripts import of ``common`` and of its own modules.

    Path → text.
    """
    scripts = kernel_scripts(competition)
    paths = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "common").rglob("*.py")}
    paths["competitions/__init__.py"] = ROOT / "competitions" / "__init__.py"
    own = (path for name, path in modules(competition).items() if name not in scripts)
    paths |= {f"competitions/{competition.folder}/{path.name}": path for path in own}
    there = {name: path.read_text("utf-8") for name, path in paths.items()}
    sources = [_USED_BY_THE_UTILITY, *(path.read_text("utf-8") for path in scripts.values())]
    return dict(sorted(imported_files(sources, there).items()))


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


def code_state(shared_hash: str) -> dict[str, Any]:
    """``hash`` of the shared code, git's ``commit`` and whether there were ``changes`` to it.

    Without git, or outside of a clone, commit and changes are None.
    """
    code = ("common", "competitions", "kernels", "submit.py")  # new files of theirs, too
    changes = _git("status", "--porcelain", "--", *code)
    return {
        "hash": shared_hash,
        "commit": _git("rev-parse", "HEAD"),
        "changes": None if changes is None else bool(changes),
    }


@cache
def repository_link() -> str:
    """The page of this clone's ``origin``, without anybody's credentials; empty without one."""
    found = _REMOTE.fullmatch(_git("remote", "get-url", "origin") or "")
    return f"https://{found[1]}/{found[2]}" if found else ""


def _git(*arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", *arguments]  # it takes no lock of the user's clone
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
