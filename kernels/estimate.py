"""How long a run's kernels are expected to take: what their scripts state, scaled to the recipe."""

from collections.abc import Mapping

from common.recipes.hours import scaled_hours
from kernels.graph import trained_members
from kernels.plan import SHARED
from kernels.request import (
    AUDIT,
    ENSEMBLE,
    Member,
    Request,
    accelerator_of,
    effective_recipe,
    script_module,
)

SHORT = 1 / 60  # hours: what the utility script and the ensemble take


def estimate_hours(request: Request) -> dict[str, float | None]:
    """Hours that each kernel of a run is expected to take, by name; None where nobody knows."""
    members = {member.name: _member_hours(request, member) for member in trained_members(request)}
    audit = {AUDIT: _audit_hours(request)} if request.audit else {}
    return {SHARED: SHORT, **members, **audit, ENSEMBLE: SHORT}


def need_of(hours: Mapping[str, float | None]) -> tuple[float, tuple[str, ...]]:
    """The hours of some kernels together, and the names of those whose hours are not known."""
    unknown = tuple(name for name, known in hours.items() if known is None)
    return sum(known for known in hours.values() if known is not None), unknown


def _audit_hours(request: Request) -> float | None:
    stated = getattr(script_module(request.competition, AUDIT), "HOURS", {})
    return None if request.dry_run else stated.get("cpu")


def _member_hours(request: Request, member: Member) -> float | None:
    module = script_module(request.competition, member.script)
    if request.small:
        return None  # what a script states is of its full size
    stated = getattr(module, "HOURS", {}).get(accelerator_of(request, member))
    return scaled_hours(stated, effective_recipe(request, member), module.RECIPE)
