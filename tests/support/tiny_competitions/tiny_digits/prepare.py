"""Writes one file for the others, which is too large to be fetched, and one that is not."""

RECIPE: dict = dict()
PARAMETERS: dict = {}

import shutil

from common.declaration import Kernel
from common.kernel import KernelRun
from common.manifest import write_json
from competitions.tiny_digits import COMPETITION
from competitions.tiny_digits.data import TinyRecipe


def prepare(run: KernelRun) -> None:
    (run.folder / "parts").mkdir()
    for name in ("val.csv", "test.csv"):
        shutil.copyfile(COMPETITION.data_folder() / name, run.folder / "parts" / name)
    run.facts["stays"] = ["parts/*"]
    write_json(run.folder / "counts.json", {"files": 2})


KERNEL = Kernel(
    COMPETITION, TinyRecipe(**RECIPE), work=prepare, accelerators=("cpu",), predicts=False
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
