"""Leaks and copies: X-rays that come twice in train, validation and test, or have two labels.

Looks at every picture: exact and near copies within and across the parts (compressed, cropped, lit
or mirrored anew), copies with two labels, files that cannot be read. Writes ``audit.json``,
``audit.csv`` and ``audit.png``. CPU, no internet, some minutes.

From a clone of the repository: python submit.py pneumonia --audit [--dry-run]
"""

RECIPE: dict = dict(
    bits=10,  # of 63 in which the hashes of a near copy may differ; X-rays are all alike
    # The least correlation of two pictures, one laid over the other: of 1,806 X-rays the two of
    # other people that are most alike agree to 0.990. Copies that were cropped may be missed.
    agreement=0.995,
    most_looks=300_000,
)
PARAMETERS: dict = {}

from common.audit.records import splits_of
from common.audit.run import AuditRecipe, run_audit
from common.declaration import Kernel
from common.kernel import KernelRun
from competitions.chest_xray import COMPETITION
from competitions.chest_xray.data import read_parts


def audit(run: KernelRun) -> None:
    """Audit the data that is mounted, or downloaded."""
    parts = read_parts(COMPETITION.data_folder(run.parameters.internet))
    run_audit(COMPETITION, splits_of(parts), run)


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
