"""The layers that recipes unfreeze, looked for in their networks before anything is pushed."""

import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from common.errors import PREFIX, UserError
from common.recipe import field_types
from common.text import warn
from kernels.plan.find import ROOT
from kernels.plan.planned import PlannedKernel
from kernels.plan.request import Request


def check_layers(request: Request, kernels: Iterable[PlannedKernel]) -> None:
    """Raise UserError for layers to unfreeze that a kernel's network has not at full size.

    A dry run's miniature has other layers. Each network is built once, in a process of its own,
    because that imports Keras.
    """
    wanted: dict[str, list[str]] = {}
    for kernel in kernels:
        if not getattr(kernel.recipe, "unfreeze", ""):
            continue
        recipe = _full_recipe(request, kernel)
        setting = f"setting unfreeze={recipe.unfreeze}"
        if not recipe.backbone:
            raise UserError(f"{setting}: {kernel.script} has no backbone: leave it out")
        texts = wanted.setdefault(recipe.backbone, [])
        if not recipe.miniature and recipe.unfreeze not in texts:
            texts.append(recipe.unfreeze)
    for backbone, texts in wanted.items():
        if texts:
            _look(backbone, texts)


def _full_recipe(request: Request, kernel: PlannedKernel) -> Any:
    """The recipe as it is without a dry run's small settings. Raises UserError as ``resolve``."""
    if not request.small or kernel.declared is None:
        return kernel.recipe
    cell = request.sweep.sweep.cells[kernel.cell].settings if request.sweep and kernel.cell else {}
    fields = field_types(kernel.recipe)
    settings = {key: value for key, value in {**request.settings, **cell}.items() if key in fields}
    return kernel.declared.resolve(request.recipe == "best", settings=settings)


def _look(backbone: str, texts: list[str]) -> None:
    named = " ".join(f"unfreeze={text}" for text in texts)
    warn(f"building {backbone} to look for {named}")
    command = [sys.executable, "-m", "common.networks.look_for_layers", backbone, *texts]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if not done.returncode:
        return
    lines = done.stderr.splitlines() or ["no message"]
    if lines[-1].startswith(PREFIX):
        raise UserError(lines[-1].removeprefix(PREFIX))
    fault = f"{backbone} cannot be built here to look for {named}: run make setup"
    raise UserError(fault, tuple(lines[-12:]))
