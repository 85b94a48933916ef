"""Imported by the process that the fault runs fork starts from, after all that a start imports.

What each start would work out again is known there: the report's templates as code, and what a
text imports.
"""

import tempfile
from functools import partial
from importlib import import_module
from pathlib import Path

from jinja2 import FileSystemBytecodeCache

from kernels.bundle.code import imported_names
from support import tiny

CODE = Path(__file__).parents[2]
# What signs in is imported by each start.
MODULES = (
    *("bleach", "dotenv", "netrc", "six", "tqdm", "pandas.core.methods.to_dict"),
    *("kernels.kaggle.decode", "competitions.petals_to_metal", "competitions.painter_by_numbers"),
    *("competitions.tiny_digits.data", "competitions.tiny_digits.ensemble"),
    *(f"competitions.tiny_digits.{name}" for name in ("left", "right", "half", "both", "audit")),
)

tiny.add_tiny()
for name in MODULES:
    import_module(name)
for folder in ("common", "competitions", "tests/support/tiny_competitions"):
    for path in (CODE / folder).rglob("*.py"):
        imported_names(path.read_text("utf-8"))

_cache = FileSystemBytecodeCache(tempfile.mkdtemp(prefix="warm-"))
render = import_module("kernels.report.render")  # not the function of this name
render.Environment = partial(render.Environment, bytecode_cache=_cache)
