"""Every kernel of every competition, found as the commands find them."""

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import competitions
from common.declaration import Kernel
from kernels.plan import find
from kernels.plan.request import AUDIT, ENSEMBLE

_FOLDER = Path(competitions.__file__).parent
NAMES = tuple(  # those of the repository, whatever a test has added
    name for name, found in find.all_competitions().items() if (_FOLDER / found.folder).is_dir()
)


PATHS = {
    f"{name}/{script}": path
    for name in NAMES
    for script, path in find.kernel_scripts(find.find_competition(name)).items()
}


def load(name: str) -> Kernel:
    competition, _, script = name.partition("/")
    return find.load_kernel(find.find_competition(competition), script)


KERNELS = {name: load(name) for name in PATHS}


MODELS = [
    name
    for name, kernel in KERNELS.items()
    if kernel.predicts and name.partition("/")[2] not in (AUDIT, ENSEMBLE)
]


NETWORKS = [name for name in MODELS if hasattr(KERNELS[name], "network")]


def small(name: str) -> Any:
    """The dry run's network."""
    kernel: Any = KERNELS[name]
    return kernel.network(kernel.resolve(small=True))
