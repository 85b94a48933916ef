"""Writes one file for the others, which is too large to be fetched, and one that is not."""

RECIPE: dict = dict(bias=0.0)
PARAMETERS: dict = {}

import shutil

from common.declaration import Kernel
from common.kernel import KernelRun
from common.manifest import write_json
from competitions.tiny_steps import COMPETITION
from competitions.tiny_steps.data import StepRecipe, data_folder


def prepare(run: KernelRun) -> None:
    (run.folder / "parts").mkdir(exist_ok=True)
    for name in ("val", "test"):
        shutil.copyfile(data_folder() / f"{name}.csv", run.folder / "parts" / f"{name}.csv")
    run.facts["stays"] = ["parts/*"]
    write_json(run.folder / "counts.json", {"files": 2})


KERNEL = Kernel(
    COMPETITION, StepRecipe(**RECIPE), work=prepare, accelerators=("cpu",), predicts=False
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
