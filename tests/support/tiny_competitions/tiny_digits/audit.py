"""The tiny competition's audit: it warns of one picture, whatever the data."""

RECIPE: dict = dict(trouble="")
PARAMETERS: dict = {}

from dataclasses import dataclass

from common.declaration import Kernel
from common.kernel import KernelRun
from common.manifest import write_json
from competitions.tiny_digits import COMPETITION


@dataclass(frozen=True)
class TinyAuditRecipe:
    trouble: str = ""


def audit(run: KernelRun) -> None:
    if run.recipe.trouble:
        raise ValueError(run.recipe.trouble)
    warning = "pictures of test that are in val too: 1 of 12 (r1): audit.csv"
    write_json(run.folder / "audit.json", {"warnings": [warning]})


KERNEL = Kernel(
    COMPETITION, TinyAuditRecipe(**RECIPE), work=audit, accelerators=("cpu",), predicts=False
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
