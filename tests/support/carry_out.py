"""Run a kernel here with other settings than its script has."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from common.declaration import Kernel
from common.errors import shown_in_one_line


@shown_in_one_line()
def carry_out(kernel: Kernel, values: Mapping[str, Any]) -> None:
    """``values`` are PARAMETERS, with ``settings`` and ``small`` for the recipe."""
    given = dict(values)
    recipe = kernel.resolve(small=given.pop("small", False), settings=given.pop("settings", {}))
    replace(kernel, recipe=recipe).main(given, [])
