"""Leaks and splits: what is twice in the data, and what is broken or missing.

Looks at every picture of train, validation and test: exact and near copies within and across
them (compressed, cropped, lit or mirrored anew), pictures with two labels, classes without
pictures, records that cannot be read. Writes ``audit.json``, ``audit.csv`` and ``audit.png``.
CPU, no internet, some minutes for all of the competition's pictures.

From a clone of the repository: python submit.py petals --audit
"""

RECIPE: dict = dict(
    bits=16,  # of 63 in which the hashes of a near copy may differ
    agreement=0.97,  # the least correlation of two pictures, one laid over the other
    most_looks=300_000,
)
PARAMETERS: dict = {}

from common.audit.run import AuditRecipe, Split, run_audit
from common.declaration import Kernel
from common.kernel import KernelRun
from competitions.petals_to_metal import COMPETITION
from competitions.petals_to_metal.data import PARTS, find_folder

SIZE = 192  # the smallest that the competition has; enough to tell pictures apart
NAMES = {"val": "validation"}


def audit(run: KernelRun) -> None:
    """Audit the data that is mounted, or downloaded."""
    root = COMPETITION.data_folder(run.parameters.internet)
    folder = find_folder(root, SIZE)
    splits = [
        Split(NAMES.get(part, part), tuple(sorted((folder / part).glob("*.tfrec"))), part != "test")
        for part in PARTS
    ]
    run_audit(COMPETITION, splits, run)


KERNEL = Kernel(
    COMPETITION,
    AuditRecipe(**RECIPE),
    work=audit,
    accelerators=("cpu",),
    hours={"cpu": 0.1},
    predicts=False,
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)
