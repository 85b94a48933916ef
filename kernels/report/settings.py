"""What each kernel was run with: settings, versions, accelerators."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.recipes.words import unused_settings, value_in_words
from kernels.report.facts import Facts
from kernels.report.render import UNKNOWN, Section
from kernels.results.output import KernelOutput


def settings_section(facts: Facts) -> Section:
    """Three tables, a column a kernel; values that differ between kernels are bold."""
    known = [kernel for kernel in facts.kernels if kernel.manifest]
    names = [kernel.name for kernel in known]
    tables = [
        _table("Where they ran", names, [_where(kernel) for kernel in known]),
        _settings(facts),
        _table("Versions", names, [kernel.facts("versions") for kernel in known]),
    ]
    return Section("settings", "settings", "Settings and versions", {"tables": tables})


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


def _settings(facts: Facts) -> dict[str, Any]:
    """The recipes, those of several alike in one column: they differ in their number alone."""
    columns: dict[str, Mapping[str, Any]] = {}
    for model, kernels in {**facts.models, **facts.others}.items():
        recipes = [kernel.facts("recipe") for kernel in kernels if kernel.manifest]
        if recipes:
            unused = unused_settings(recipes[0])
            columns[model] = {k: value for k, value in recipes[0].items() if k not in unused}
        if len(recipes) > 1:
            columns[model] = {**columns[model], kernels[0].kind: f"0 to {len(recipes) - 1}"}
    chosen = f"{facts.run.request.get('recipe', 'published')} recipe"
    small = "rehearsal" if facts.run.request.get("rehearse") else "dry run"
    if small == "rehearsal" or facts.run.dry_run:
        chosen += f", a {small}'s small settings"
    return _table(f"Settings ({chosen})", list(columns), list(columns.values()))


def _table(
    title: str, names: Sequence[str], columns: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A row for each key: its values, and whether they differ."""
    rows = []
    for key in dict.fromkeys(key for column in columns for key in column):
        values = [value_in_words(column[key]) if key in column else UNKNOWN for column in columns]
        rows.append((key, values, len(set(values) - {UNKNOWN}) > 1))
    return {"title": title, "names": names, "rows": rows}
