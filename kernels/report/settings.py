"""What each kernel was run with: settings, versions, accelerators."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from kernels.report.facts import Facts, Left
from kernels.report.markup import UNKNOWN, Cell, section, table, tag


def settings_section(facts: Facts) -> Markup:
    """Three tables, a column a kernel; a row whose kernels differ is marked."""
    known = [left for left in facts.kernels if left.manifest]
    names = [left.name for left in known]
    pieces = [
        _table("Where they ran", names, [_facts(left) for left in known]),
        _settings(facts),
        _table("Versions", names, [_mapping(left, "versions") for left in known]),
    ]
    return section("settings", "Settings and versions", *pieces)


def _facts(left: Left) -> dict[str, Any]:
    seen, hashed = _mapping(left, "accelerator"), _mapping(left, "shared_hash")
    return {
        "accelerator asked for": seen.get("asked", ""),
        "accelerator seen": seen.get("seen", ""),
        "replicas": seen.get("replicas", ""),
        "version on Kaggle": left.known.version,
        "seed": left.manifest.get("seed", ""),
        "shared code": str(hashed.get("found", ""))[:12],
        "written": left.manifest.get("written", ""),
    }


def _mapping(left: Left, name: str) -> Mapping[str, Any]:
    found = left.manifest.get(name)
    return found if isinstance(found, dict) else {}


def _settings(facts: Facts) -> Markup:
    """The recipes, those of folds or of parts in one column: they differ in that alone."""
    names, columns = [], []
    for model, kernels in {**facts.models, **facts.others}.items():
        recipes = [dict(_mapping(left, "recipe")) for left in kernels if left.manifest]
        if len(recipes) > 1:
            number = "part" if model in facts.others else "fold"
            recipes[0][number] = f"0 to {len(recipes) - 1}"
        names += [model] * bool(recipes)
        columns += recipes[:1]
    chosen = str(facts.run.request.get("recipe", "published"))
    return _table(f"Settings ({chosen} recipe)", names, columns)


def _table(title: str, names: Sequence[str], columns: Sequence[Mapping[str, Any]]) -> Markup:
    keys = list(dict.fromkeys(key for column in columns for key in column))
    rows = [_row(key, columns) for key in keys]
    heads = ["name", *names]
    return tag("div", tag("h3", title), table(title, heads, rows))


def _row(key: str, columns: Sequence[Mapping[str, Any]]) -> list[Cell]:
    values = [_shown(column[key]) if key in column else UNKNOWN for column in columns]
    differ = len(set(values)) > 1
    return [Cell(key), *(Cell(tag("b", value) if differ else value) for value in values)]


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else json.dumps(value)
