"""Every kernel of every competition, found as the commands find them."""

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import competitions
from common.recipes.training import TrainingRecipe
from kernels.plan.find import all_competitions, kernel_scripts, load_kernel
from kernels.plan.request import model_scripts

_FOLDER = Path(competitions.__file__).parent
FOUND = [  # those of the repository, whatever a test has added
    found for found in all_competitions().values() if (_FOLDER / found.folder).is_dir()
]
NAMES = [found.name for found in FOUND]
PATHS = {f"{f.name}/{name}": path for f in FOUND for name, path in kernel_scripts(f).items()}
KERNELS = {f"{f.name}/{name}": load_kernel(f, name) for f in FOUND for name in kernel_scripts(f)}
MODELS = [f"{found.name}/{script}" for found in FOUND for script in model_scripts(found)]
NETWORKS = [  # that are trained
    name
    for name in MODELS
    if hasattr(KERNELS[name], "network") and isinstance(KERNELS[name].recipe, TrainingRecipe)
]


def small(name: str) -> Any:
    """The dry run's network."""
    kernel: Any = KERNELS[name]
    return kernel.network(kernel.resolve(small=True))
