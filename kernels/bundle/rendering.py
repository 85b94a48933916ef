"""The text of a kernel script as it is pushed: the repository's, with what runs written into it.

Below the docstring stands the recipe with the values of this run, then the parameters, then what
brings the shared code, then the script as it is.
"""

import ast
import io
import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from common.errors import UserError
from kernels.plan.planned import PlannedKernel

_HERE = Path(__file__).parent
_REHEARSED = ("tensorflow", "keras", "jax", "grain", "numpy", "kagglehub")
_REMOTE = re.compile(
    r"(?:https?://(?:[^@/]*@)?|ssh://git@|git@)([\w.-]+)[:/]([\w./-]+?)(?:\.git)?/?"
)
_REST = re.compile(r",?\s*(#.*)?$")

_UTILITY = '''\
"""{title}: the code that this run's kernels share, as a Kaggle utility script.

Running it writes the packages below to the working folder, which Kaggle mounts in the kernels
that have this one as a source.
"""

import sys
from pathlib import Path

'''
_UTILITY_END = """

if __name__ == "__main__":
    sys.dont_write_bytecode = True
    for name, text in FILES.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.path.insert(0, str(Path.cwd()))
    from common.kernel import write_shared_manifest

    write_shared_manifest(PARAMETERS)
"""
_EMBEDDED = """\
# The shared code of this kernel, which is written to a folder of its own.
import sys
import tempfile
from pathlib import Path

{files}

folder = Path(tempfile.mkdtemp(prefix="shared-code-"))
for name, text in FILES.items():
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
sys.path.insert(0, str(folder))
"""


@dataclass(frozen=True)
class Page:
    """A pushed text without its PARAMETERS line, which is known when it is pushed."""

    before: str
    after: str

    def text(self, parameters: Mapping[str, Any]) -> str:
        """The whole text."""
        return f"{self.before}PARAMETERS: dict = {parameters!r}\n{self.after}"


def render_utility(files: Mapping[str, str], title: str) -> Page:
    """The utility script: every shared file as a readable literal, and the code that writes it."""
    return Page(_UTILITY.format(title=title), files_text(files) + _UTILITY_END)


def render_script(source: str, kernel: PlannedKernel, files: Mapping[str, str] | None) -> Page:
    """A kernel script as it is pushed; with ``files`` it carries the shared code itself.

    Raises UserError for a script without the two lines that are filled in.
    """
    tree = ast.parse(source)
    recipe, parameters = (_assigned(tree, name, kernel) for name in ("RECIPE", "PARAMETERS"))
    assert kernel.declared is not None
    published = asdict(kernel.declared.recipe)
    changed = {
        name: (value, published[name])
        for name, value in asdict(kernel.recipe).items()
        if value != published[name]
    }
    if not isinstance(recipe.value, ast.Call) or recipe.lineno > parameters.lineno:
        raise UserError(f"{kernel.script}.py: RECIPE must be a dict(...) and stand first")
    lines = io.StringIO(source).readlines()  # as ast counts them
    before, after = lines[: parameters.lineno - 1], lines[parameters.end_lineno :]
    _write_values(before, recipe.value, changed)
    link = repository_link()
    end = tree.body[0].end_lineno or 0
    if link and before[end - 1].strip() == '"""':
        before[end - 1 : end - 1] = ["\n", f"The whole of it, with its documentation: {link}\n"]
    return Page("".join(before), _bring(kernel, files) + "".join(after))


def files_text(files: Mapping[str, str]) -> str:
    """Files by name as Python that a person can read."""
    texts = (f"FILES[{name!r}] = {_literal(text)}" for name, text in sorted(files.items()))
    return "\n\n".join(["FILES = {}", *texts])


@lru_cache(maxsize=1)
def repository_link() -> str:
    """The page of this clone's ``origin``, without anybody's credentials; empty without one."""
    command = ["git", "remote", "get-url", "origin"]
    try:
        done = subprocess.run(command, cwd=_HERE, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return page_of(done.stdout.strip())


def page_of(remote: str) -> str:
    """The address of a git remote for people; empty for a folder or what is not understood."""
    found = _REMOTE.fullmatch(remote)
    return f"https://{found[1]}/{found[2]}" if found else ""


def _bring(kernel: PlannedKernel, files: Mapping[str, str] | None) -> str:
    """The lines that bring the shared code, before anything is imported from it."""
    look = ""
    if kernel.rehearses:
        look = f"\n{_template('surroundings')}\n\n\nprint(surroundings({_REHEARSED}), flush=True)\n"
    if files is not None:
        return look + "\n" + _EMBEDDED.format(files=files_text(files))
    call = 'attach(PARAMETERS["shared"], PARAMETERS["shared_hash"])'
    return f"{look}\n{_template('attach')}\n\n\n{call}\n"


@cache
def _template(name: str) -> str:
    """``kernels/NAME.py`` without its docstring."""
    return (_HERE / f"{name}.py").read_text("utf-8").split('"""', 2)[2].strip()


def _assigned(tree: ast.Module, name: str, kernel: PlannedKernel) -> ast.Assign | ast.AnnAssign:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if isinstance(target, ast.Name) and target.id == name:
                return node
    wanted = "RECIPE: dict = dict(...)" if name == "RECIPE" else "PARAMETERS: dict = {}"
    raise UserError(f"{kernel.script}.py: a kernel script needs the line {wanted}")


def _write_values(lines: list[str], call: ast.Call, changed: Mapping[str, tuple[Any, Any]]) -> None:
    """Put ``changed`` (name → its value, and the one that it takes the place of) into a call.

    The last one in the text first, so that positions hold. What its line said of the old value
    gives way to that value itself.
    """
    assert call.end_lineno is not None
    assert call.end_col_offset is not None
    there = {keyword.arg: keyword.value for keyword in call.keywords}
    last, column = call.end_lineno - 1, call.end_col_offset - 1
    close = lines[last].encode()
    new = {name: pair for name, pair in changed.items() if name not in there}
    if new and call.lineno < call.end_lineno:
        _end_with_comma(lines, call)
        lines[last:last] = [
            f"    {n}={_spelled(v)},  # instead of {_spelled(old)}\n" for n, (v, old) in new.items()
        ]
    elif new:
        comma = ", " if call.keywords else ""
        added = comma + ", ".join(f"{name}={_spelled(value)}" for name, (value, _) in new.items())
        lines[last] = (close[:column] + added.encode() + close[column:]).decode()
    for name in sorted(changed.keys() & there.keys(), key=lambda n: _start(there[n]), reverse=True):
        _write_value(lines, there[name], *changed[name])


def _end_with_comma(lines: list[str], call: ast.Call) -> None:
    """A comma behind the last of a call's arguments, for others to follow."""
    if call.keywords:
        value = call.keywords[-1].value
        assert value.end_lineno is not None
        line = lines[value.end_lineno - 1].encode()
        before, rest = line[: value.end_col_offset].decode(), line[value.end_col_offset :].decode()
        if not rest.lstrip().startswith(","):
            lines[value.end_lineno - 1] = f"{before},{rest}"


def _start(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _write_value(lines: list[str], node: ast.expr, value: Any, old: Any) -> None:
    assert node.end_lineno is not None
    first, last = node.lineno - 1, node.end_lineno - 1
    before = lines[first].encode()[: node.col_offset].decode()
    rest = lines[last].encode()[node.end_col_offset :].decode()
    if _REST.fullmatch(rest.rstrip("\n")):
        rest = f",  # instead of {_spelled(old)}\n"
    lines[first : last + 1] = [f"{before}{_spelled(value)}{rest}"]


def _spelled(value: Any) -> str:
    """A value as the scripts write it."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _literal(text: str) -> str:
    """``text`` as a Python literal that a person can read."""
    readable = f"r'''{text}'''"
    try:
        if ast.literal_eval(readable) == text:
            return readable
    except (SyntaxError, ValueError):
        pass
    return repr(text)
