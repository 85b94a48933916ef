"""How long kernels are expected to take: what their scripts state, scaled to the recipe."""

from collections.abc import Mapping
from typing import Any

from common.declaration import Kernel
from common.recipes.hours import scaled_hours

SHORT = 1 / 60  # hours: what the utility script and the ensemble take


def expected_hours(kernel: Kernel, recipe: Any, accelerator: str, small: bool) -> float | None:
    """Hours that a kernel with this recipe is expected to take; None where nobody knows.

    What a script states is of its full size: of a ``small`` run nobody knows.
    """
    return None if small else scaled_hours(kernel.hours.get(accelerator), recipe, kernel.recipe)


def need_of(hours: Mapping[str, float | None]) -> tuple[float, tuple[str, ...]]:
    """The hours of some kernels together, and the names of those whose hours are not known."""
    unknown = tuple(name for name, known in hours.items() if known is None)
    return sum(known for known in hours.values() if known is not None), unknown
