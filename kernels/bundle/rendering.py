"""The text of a kernel script as it is pushed: the repository's, with what runs written into it.

Below the docstring come the recipe with the values of this run, the parameters, what brings the
shared code, and the script as it is.
"""

import ast
import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from inspect import getsource
from typing import Any

from kernels.bundle.code import repository_link
from kernels.bundle.pushed import attach, surroundings, write_files
from kernels.plan.find import filled_in
from kernels.plan.planned import PlannedKernel

_REHEARSED = ("tensorflow", "keras", "jax", "grain", "numpy", "kagglehub")
# What may stand behind a value up to the end of its line: a comma, unless it is the last one.
_REST = re.compile(r",[ \t]*(#.*)?(?=\n)|[ \t]*(#.*)?(?=\n\s*\)\Z)")

_UTILITY = '''\
"""{title}: the code that this run's kernels share, as a Kaggle utility script.

Running it writes the packages below to the working folder, which Kaggle mounts in the kernels
that have this one as a source.
"""

'''
_UTILITY_END = """\
if __name__ == "__main__":
    write_files(FILES, ".")
    from common.kernel import write_shared_manifest

    write_shared_manifest(PARAMETERS)
"""
# What brings the shared code, and before it what a rehearsal wants to know of the machine.
_ATTACHED = f"""
# The shared code of this kernel is the output of a utility script: find it, check its hash.
{getsource(attach)}

attach(PARAMETERS["shared"], PARAMETERS["shared_hash"])
"""
_EMBEDDED = """
# The shared code of this kernel, which is written to a folder of its own.
import tempfile
{files}write_files(FILES, tempfile.mkdtemp(prefix="shared-code-"))
"""
_REHEARSAL = f"""
# What this machine holds, to be compared with what is believed of Kaggle.
{getsource(surroundings)}

print(surroundings({_REHEARSED}), flush=True)
"""

Page = tuple[str, str]  # a pushed text before and after its PARAMETERS line, known at the push


def page_text(page: Page, parameters: Mapping[str, Any]) -> str:
    """The whole text."""
    before, after = page
    return f"{before}PARAMETERS: dict = {parameters!r}\n{after}"


def render_utility(files: Mapping[str, str], title: str) -> Page:
    """The utility script: every shared file as a readable literal, and the code that writes it."""
    return _UTILITY.format(title=title), _carried(files) + _UTILITY_END


def render_script(source: str, kernel: PlannedKernel, files: Mapping[str, str] | None) -> Page:
    """A kernel script as it is pushed; with ``files`` it carries the shared code itself.

    Raises UserError for a script without the two places that are filled in.
    """
    assert kernel.declared is not None
    recipe, parameters = filled_in(source, f"{kernel.script}.py")
    published = asdict(kernel.declared.recipe)
    changed = {
        name: (value, published[name])
        for name, value in asdict(kernel.recipe).items()
        if value != published[name]
    }
    at = _positions(source)
    edits = _recipe_edits(source, at, recipe, changed)
    link, (_, end) = repository_link(), at(ast.parse(source).body[0])
    if link and source[:end].endswith('\n"""'):
        edits.append((end - 3, end - 3, f"\nThe whole of it, with its documentation: {link}\n"))
    start, end = at(parameters)
    before, after = source[:start], source[end:].partition("\n")[2]
    for begin, stop, new in sorted(edits, reverse=True):
        before = before[:begin] + new + before[stop:]
    brings = _ATTACHED if files is None else _EMBEDDED.format(files=_carried(files))
    return before, f"{_REHEARSAL if kernel.rehearses else ''}{brings}{after}"


def _positions(source: str) -> Callable[[Any], tuple[int, int]]:
    """Where a node of ``ast`` begins and ends in its source: ``ast`` counts lines and bytes."""
    text = source.encode()
    starts = [0, *itertools.accumulate(map(len, text.splitlines(keepends=True)))]

    def at(line: int, column: int) -> int:
        return len(text[: starts[line - 1] + column].decode())

    return lambda n: (at(n.lineno, n.col_offset), at(n.end_lineno, n.end_col_offset))


def _recipe_edits(
    source: str,
    at: Callable[[Any], tuple[int, int]],
    call: ast.Call,
    changed: Mapping[str, tuple[Any, Any]],
) -> list[tuple[int, int, str]]:
    """The edits (start, end, new text) that put ``changed`` (name → new, old value) into a call.

    Where a line ends behind the value, what it said of the old one gives way to that value itself.
    """
    edits, added = [], ""
    values = {keyword.arg: keyword.value for keyword in call.keywords}
    for name, (value, old) in changed.items():
        instead = f"{_spelled(value)},  # instead of {_spelled(old)}"
        if name not in values:
            added += f"\n    {name}={instead}"
            continue
        start, end = at(values[name])
        rest = _REST.match(source, end, at(call)[1])
        edits.append((start, rest.end(), instead) if rest else (start, end, _spelled(value)))
    if added:
        first = at(call.func)[1] + 1
        edits.append((first, first, added if source[first] == "\n" else f"{added}\n    "))
    return edits


def _carried(files: Mapping[str, str]) -> str:
    """Files by name as Python that a person can read, and the function that writes them."""
    texts = (f"FILES[{name!r}] = {_literal(text)}\n" for name, text in sorted(files.items()))
    return "\n".join(["\nFILES = {}", *texts, f"\n{getsource(write_files)}\n\n"])


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
