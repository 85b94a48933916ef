"""The kernels of a request, planned and built, by name."""

from typing import Any

from kernels.bundle.build import Bundle, build_bundles
from kernels.plan.find import find_competition
from kernels.plan.plan import plan_kernels
from kernels.plan.planned import PlannedKernel
from kernels.plan.request import Request
from support import tiny

tiny.add_tiny()


def request(competition: str, *models: str, **changes: Any) -> Request:
    """What ``--model`` or, without ``models``, ``--ensemble`` asks for, with ``changes``."""
    found = find_competition(competition)
    chosen = changes.pop("models", models or found.ensemble)
    return Request(found, chosen, **changes)


def planned(competition: str, *models: str, **changes: Any) -> dict[str, PlannedKernel]:
    """Its kernels."""
    kernels = plan_kernels(request(competition, *models, **changes))
    return {kernel.name: kernel for kernel in kernels}


def bundles(competition: str, *models: str, **changes: Any) -> dict[str, Bundle]:
    """Its kernels ready to be pushed by alice."""
    asked = request(competition, *models, **changes)
    built = build_bundles(asked.competition, plan_kernels(asked), "alice")
    return {bundle.kernel.name: bundle for bundle in built}
