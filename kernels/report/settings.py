"""What each kernel was run with: settings, versions, accelerators."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from common.recipes.embedding import LOSSES, MARGIN_LOSSES, METRIC_LOSSES
from kernels.report.facts import Facts, Left, kind_of
from kernels.report.markup import UNKNOWN, Cell, join, section, table, tag

IDLE = {  # settings that a loss makes no use of
    **dict.fromkeys(LOSSES, ("distance", "miner", "margin", "scale")),
    **dict.fromkeys(MARGIN_LOSSES, ("distance", "miner")),
    **dict.fromkeys(METRIC_LOSSES, ("scale",)),
    "contrastive": ("miner", "scale"),
}


def settings_section(facts: Facts) -> Markup:
    """Three tables, a column a kernel; values that differ between kernels are bold."""
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
    """The recipes, those of several alike in one column: they differ in their number alone."""
    names, columns = [], []
    for model, kernels in {**facts.models, **facts.others}.items():
        recipes = [_used(_mapping(left, "recipe")) for left in kernels if left.manifest]
        if len(recipes) > 1:
            recipes[0][kind_of(kernels[0].name)] = f"0 to {len(recipes) - 1}"
        names += [model] * bool(recipes)
        columns += recipes[:1]
    words = "Bold: models differ in it. A dash: a model has no such setting, or makes no use of it."
    return join((_table(f"Settings ({_recipe(facts)})", names, columns), tag("p", words)))


def _recipe(facts: Facts) -> str:
    """Which recipe was chosen, and whether its values are those of a small run."""
    chosen = f"{facts.run.request.get('recipe', 'published')} recipe"
    small = "rehearsal" if facts.run.request.get("rehearse") else "dry run"
    changed = small == "rehearsal" or facts.run.dry_run
    return f"{chosen}, a {small}'s small settings" if changed else chosen


def _used(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that its loss makes use of; all of them where it is not known."""
    idle = IDLE.get(str(recipe.get("loss")), ())
    return {key: value for key, value in recipe.items() if key not in idle}


def _table(title: str, names: Sequence[str], columns: Sequence[Mapping[str, Any]]) -> Markup:
    keys = list(dict.fromkeys(key for column in columns for key in column))
    rows = [_row(key, columns) for key in keys]
    heads = ["name", *names]
    return tag("div", tag("h3", title), table(title, heads, rows))


def _row(key: str, columns: Sequence[Mapping[str, Any]]) -> list[Cell]:
    values = [_shown(column[key]) if key in column else UNKNOWN for column in columns]
    differ = len(set(values) - {UNKNOWN}) > 1
    return [
        Cell(key),
        *(Cell(tag("b", value) if differ and value != UNKNOWN else value) for value in values),
    ]


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else json.dumps(value)
