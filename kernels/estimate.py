"""How long kernels are expected to take: what their scripts state, scaled to the recipe.

A script states ``HOURS = {"tpu": 0.35, "gpu": 4.0}``: the hours of a session that trains its
``RECIPE`` as it stands, by accelerator. What is not stated is not known.
"""

import math
from collections.abc import Mapping
from typing import Any

from kernels.plan import ENSEMBLE, SHARED, Member, Request, effective_recipe, script_module

SHORT = 1 / 60  # hours: what the utility script and the ensemble take


def estimate_hours(request: Request) -> dict[str, float | None]:
    """Hours that each kernel of a run is expected to take, by name; None where nobody knows."""
    members = {member.name: _member_hours(request, member) for member in request.members}
    return {SHARED: SHORT, **members, ENSEMBLE: SHORT}


def need_of(hours: Mapping[str, float | None]) -> tuple[float, tuple[str, ...]]:
    """The hours of some kernels together, and the names of those whose hours are not known."""
    unknown = tuple(name for name, known in hours.items() if known is None)
    return sum(known for known in hours.values() if known is not None), unknown


def tell_hours(hours: float) -> str:
    """For people: ``about 9 min``, ``about 4.0 h``."""
    return f"about {hours:.1f} h" if hours >= 1 else f"about {math.ceil(hours * 60 - 1e-9)} min"


def _member_hours(request: Request, member: Member) -> float | None:
    module = script_module(request.competition, member.script)
    stated = getattr(module, "HOURS", {}).get(request.accelerator)
    recipe = effective_recipe(request, member)
    if stated is None or getattr(recipe, "miniature", False):
        return None
    return float(stated) * _work(recipe) / _work(module.RECIPE)


def _work(recipe: Any) -> float:
    """What a recipe's training costs, in units of its own: pictures' pixels times epochs."""
    epochs = int(getattr(recipe, "epochs", 1))
    if getattr(recipe, "refit", False):
        again = recipe.refit_epochs
        epochs += recipe.epochs if again is None else again
    return float(max(1, epochs) * getattr(recipe, "image_size", 1) ** 2)
