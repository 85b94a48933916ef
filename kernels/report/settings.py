"""What each kernel was run with: settings, versions, accelerators."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from common.recipes.words import unused_settings, value_in_words
from kernels.report.facts import Facts
from kernels.report.render import UNKNOWN, Section, Table
from kernels.results.output import KernelOutput


def settings(facts: Facts) -> Section:
    """Three tables, a column a kernel; values that differ between kernels are bold."""
    known = [kernel for kernel in facts.kernels if kernel.manifest]
    chosen = f"{facts.run.request.get('recipe', 'published')} recipe"
    small = "rehearsal" if facts.run.request.get("rehearse") else "dry run"
    if small == "rehearsal" or facts.run.dry_run:
        chosen += f", a {small}'s small settings"
    tables = [
        _table("Where they ran", {kernel.name: _where(kernel) for kernel in known}),
        _table(f"Settings ({chosen})", _recipes(facts)),
        _table("Versions", {kernel.name: kernel.facts("versions") for kernel in known}),
    ]
    return {"title": "Settings and versions", "tables": tables}


def _where(kernel: KernelOutput) -> dict[str, Any]:
    seen = kernel.facts("accelerator")
    return {
        "accelerator asked for": seen.get("asked", ""),
        "accelerator seen": seen.get("seen", ""),
        "replicas": seen.get("replicas", ""),
        "version on Kaggle": kernel.state.version,
        "seed": kernel.manifest.get("seed", ""),
        "shared code": str(kernel.facts("shared_hash").get("found", ""))[:12],
        "written": kernel.manifest.get("written", ""),
    }


def _recipes(facts: Facts) -> dict[str, Mapping[str, Any]]:
    """The recipes, those of several alike in one column: they differ in their number alone."""
    columns: dict[str, Mapping[str, Any]] = {}
    for model, kernels in facts.groups.items():
        recipes = [kernel.facts("recipe") for kernel in kernels if kernel.manifest]
        if recipes:
            unused = unused_settings(recipes[0])
            columns[model] = {k: value for k, value in recipes[0].items() if k not in unused}
        if len(recipes) > 1:
            columns[model] = {**columns[model], kernels[0].kind: f"0 to {len(recipes) - 1}"}
    return columns


def _table(title: str, columns: Mapping[str, Mapping[str, Any]]) -> Table:
    """A row for each key, a column for each name."""
    rows = []
    for key in dict.fromkeys(key for column in columns.values() for key in column):
        cells = [value_in_words(c[key]) if key in c else UNKNOWN for c in columns.values()]
        if len({*cells} - {UNKNOWN}) > 1:
            cells = [c if c == UNKNOWN else Markup("<b>{}</b>").format(c) for c in cells]
        rows.append((key, *cells))
    return Table(title, [("name", None), *((name, None) for name in columns)], rows)
